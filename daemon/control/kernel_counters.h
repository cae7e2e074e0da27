/* SPDX-License-Identifier: MIT */
/*
 * kernel_counters.h - the counters of the kernel path, and which rule's they are
 */
#ifndef DAEMON_CONTROL_KERNEL_COUNTERS_H
#define DAEMON_CONTROL_KERNEL_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/rules/kernel_path_map.h"

struct egress_counters;
struct ingress_counters;
struct kernel_map;
struct kernel_map_rule;

/* --- for readers; each function adds to @to and its like --- */

/* By rule slot and output slot; nothing is added when they are another incarnation's. */
void kernel_map_count_rule(const struct kernel_map *m, uint32_t slot, uint64_t incarnation,
			   uint64_t *matched, uint64_t *bytes);
void kernel_map_count_output(const struct kernel_map *m, uint32_t slot, uint64_t incarnation,
			     struct egress_counters *to);
/* Both halves of the law hold. */
void kernel_map_count_all(const struct kernel_map *m, struct ingress_counters *in,
			  struct egress_counters *out);

/* --- payloads that come again (kernel_watch.c) --- */

/* A watch begins: nothing has come. */
void kernel_map_watch_begin(struct kernel_map *m, uint32_t number);
/* A payload that it has noted, at one of KERNEL_PATH_WATCH_PAYLOADS places. */
struct kernel_path_record kernel_map_watched(const struct kernel_map *m, uint32_t number,
					     unsigned place);

/* --- for kernel_map.c --- */

/*
 * The rule and its outputs have counters from here on, that begin at zero unless the rule had
 * them.  Return: 0; -EBUSY: those that are free rest.
 */
int kernel_counters_own(struct kernel_map *m, const struct kernel_map_rule *r, uint64_t now_ns);

/* Those of the chain from @at are the rule's, if the rule in there is the same. */
void kernel_counters_take_over(struct kernel_map *m, const struct kernel_map_rule *r, uint32_t at);

/* @same_rules: see kernel_map_load(); else none is owned, but for those that are taken over */
void kernel_counters_load(struct kernel_map *m, bool same_rules, uint64_t now_ns);

/* Those of rules that nobody has asked for. */
void kernel_counters_release_others(struct kernel_map *m, uint64_t now_ns);

#endif
