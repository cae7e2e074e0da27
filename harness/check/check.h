/* SPDX-License-Identifier: MIT */
/*
 * check.h - checks of a running relay against its own figures, the kernel's and its rules
 *
 *   conservation   received = matched + drops; for every output matched = sent + send drops
 *   agreement      every worker runs, at the published generation, and control found its hash right
 *   memberships    the kernel has joined the groups and sources of the active rules, and no others
 *                  (igmp.h)
 *   descriptors    the supervisor holds the sockets, pages and pidfds that its rules and workers
 *                  need, and no more (fds.h)
 *
 * The rules come over the control socket (relay.h); everything else is read from /proc.
 */
#ifndef HARNESS_CHECK_CHECK_H
#define HARNESS_CHECK_CHECK_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CHECK_MAX_FAULTS 32
#define CHECK_TEXT_SIZE  256

/* Faults found; beyond the room for texts they are only counted. */
struct check_faults {
	unsigned n;
	char texts[CHECK_MAX_FAULTS][CHECK_TEXT_SIZE];
};

/* The relay's answers; each member owned, NULL when not asked yet. */
struct check_relay {
	pid_t pid; /* of the supervisor */
	cJSON *stats;
	cJSON *rules;
	cJSON *workers;
};

/**
 * check_fault() - add a fault
 * @faults: to be added to
 * @format: one line, as printf()
 */
void check_fault(struct check_faults *faults, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * check_conservation() - do the counters add up?
 * @relay:  all answers
 * @faults: every difference is added
 */
void check_conservation(const struct check_relay *relay, struct check_faults *faults);

/**
 * check_agreement() - do the workers have the published rules?
 * @relay:  all answers
 * @faults: every difference is added
 */
void check_agreement(const struct check_relay *relay, struct check_faults *faults);

/**
 * check_number() - a number in an object
 * @object: borrowed; NULL is allowed
 * @key:    of the member
 *
 * Return: the number; 0 when there is no number of that name.
 */
double check_number(const cJSON *object, const char *key);

/**
 * check_text() - a text in an object
 * @object: borrowed; NULL is allowed
 * @key:    of the member
 *
 * Return: the text, owned by @object; "" when there is no text of that name.
 */
const char *check_text(const cJSON *object, const char *key);

#endif
