/* SPDX-License-Identifier: MIT */
/*
 * result.h - what the results of methods have in common
 */
#ifndef DAEMON_CONTROL_RESULT_H
#define DAEMON_CONTROL_RESULT_H

#include <stdbool.h>
#include <stdint.h>

struct cJSON;
struct complaint;
struct egress_counters;
struct ingress_counters;
struct sampled;

/* Add an unsigned integer, all digits of it. */
void control_result_u64(struct cJSON *object, const char *name, uint64_t value);

/*
 * control_result_sampled() - rates, and times as Unix milliseconds or null
 * @wall_ns: what CLOCK_REALTIME is ahead of CLOCK_MONOTONIC
 */
void control_result_sampled(struct cJSON *object, const struct sampled *s, int64_t wall_ns);

/* For control_result_sampled(). */
int64_t control_wall_offset_ns(void);

/* An object "drops" with all reasons. */
void control_result_drops(struct cJSON *object, const struct ingress_counters *in);

/* An object "send_drops".  @all: also reasons that are zero */
void control_result_send_drops(struct cJSON *object, const struct egress_counters *e, bool all);

/* Warnings in one list; more are left out. */
#define RESULT_WARNINGS_MAX 64

/* A control_warn_fn; @list: array of texts. */
bool control_result_warning(void *list, const char *text);

/* The refusal of a result that does not fit into one answer.  Return: RPC_LIMIT. */
int control_result_too_long(struct complaint *cpl);

/*
 * The line of a result, or of an error when it is longer than what may wait for a client.
 * @id: borrowed; @result: taken.  NULL: out of memory.
 */
char *control_result_line(const struct cJSON *id, struct cJSON *result);

#endif
