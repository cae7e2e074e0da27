/* SPDX-License-Identifier: MIT */
/*
 * A running relay, checked against what it says of itself, what the kernel says of it, and what its
 * rules demand.
 *
 *   conservation   received = matched + drops; for every output matched = sent + send drops
 *   agreement      every worker runs, at the published generation, and control found its hash right
 *   memberships    the kernel has joined the groups and sources of the active rules, and no others
 *   descriptors    the supervisor holds the sockets, pages and pidfds that its rules and workers
 *                  need, and no more
 *
 * The rules come over the control socket; everything else is read from /proc.
 */
#ifndef HARNESS_CHECK_CHECK_H
#define HARNESS_CHECK_CHECK_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define LABCHECK_MAX_FAULTS 32
#define LABCHECK_TEXT_SIZE  256

/* What is wrong; when there is more than room, the count still goes on. */
struct labcheck_faults {
	unsigned int n;
	char texts[LABCHECK_MAX_FAULTS][LABCHECK_TEXT_SIZE];
};

/* The relay's answers; each member owned, NULL when not asked yet. */
struct labcheck_relay {
	pid_t pid; /* of the supervisor */
	cJSON *stats;
	cJSON *rules;
	cJSON *workers;
};

/** labcheck_fault() - note one. */
void labcheck_fault(struct labcheck_faults *faults, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * labcheck_ask() - ask a relay for all of this.
 * @path: of the control socket
 * @error: LABCHECK_TEXT_SIZE bytes, filled on failure
 *
 * Return: 0, and labcheck_forget() is due; or -1.
 */
int labcheck_ask(const char *path, struct labcheck_relay *relay, char *error);

/** labcheck_forget() - free the answers. */
void labcheck_forget(struct labcheck_relay *relay);

/* The four checks; each notes what is wrong. */
void labcheck_conservation(const struct labcheck_relay *relay, struct labcheck_faults *faults);
void labcheck_agreement(const struct labcheck_relay *relay, struct labcheck_faults *faults);
/* The caller is in the relay's network namespace; @alone: no other program there listens. */
void labcheck_memberships(const struct labcheck_relay *relay, bool alone,
			  struct labcheck_faults *faults);
void labcheck_descriptors(const struct labcheck_relay *relay, struct labcheck_faults *faults);

/** labcheck_number() - a number in an object; 0 when there is none of that name. */
double labcheck_number(const cJSON *object, const char *key);

/** labcheck_text() - a text in an object; "" when there is none of that name. */
const char *labcheck_text(const cJSON *object, const char *key);

#endif
