/* SPDX-License-Identifier: MIT */
/*
 * wait.h - answers that wait for the supervisor and the workers
 *
 * A change is answered with what is true: every running worker has it, or after
 * WAIT_NS which do not, and why.  The wait begins when reconcile() has published the
 * change, so that changes of one turn of the loop share a publication.
 */
#ifndef DAEMON_CONTROL_WAIT_H
#define DAEMON_CONTROL_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/limits.h"
#include "core/text/request.h"

struct client_answer;
struct control;

#define WAIT_NS 500000000ull

/**
 * struct control_wait - one answer to come
 * @armed:      generation and sequence number are known
 * @generation: that the workers must have
 * @seq:        up to which the supervisor must have answered
 * @result:     what became of an AddRule
 * @counts:     what became of a LoadConfig: added, replaced, unchanged, removed
 * @page:       what a GetStats asks for
 * @warnings:   array, owned; those about rules are added at the end
 */
struct control_wait {
	struct control_wait *next;
	struct client_answer *answer;
	struct cJSON *id;
	enum method method;
	bool armed;
	uint64_t generation;
	uint32_t seq;
	uint64_t deadline_ns;
	char rule_id[MCR_ID_MAX];
	const char *result;
	size_t counts[4];
	struct request_page page;
	struct cJSON *warnings;
};

struct control_waits {
	struct control_wait *first, **last;
};

void control_waits_init(struct control_waits *ws);
void control_waits_fini(struct control_waits *ws);

/**
 * control_wait_new() - an answer that waits
 * @answer: taken
 * @req:    its id is taken
 *
 * Return: the wait, to be filled in before the loop goes on; NULL: out of memory,
 * nothing was taken.
 */
struct control_wait *control_wait_new(struct control *c, struct client_answer *answer,
				      struct request *req, uint64_t now_ns);

/*
 * After reconcile(): what was changed in this turn is on its way under these numbers.  A
 * rule whose receivers are being asked for waits for them a moment (REACH_SETTLE_NS).
 */
void control_waits_arm(struct control *c, uint64_t now_ns);

/*
 * The line of a result, or of an error when it is longer than what may wait for a client.
 * @id: borrowed; @result: taken.  NULL: out of memory.
 */
char *control_response(const struct cJSON *id, struct cJSON *result);

/* Answer what can be answered. */
void control_waits_check(struct control *c, uint64_t now_ns);

/* When the next one is answered whatever happens; UINT64_MAX: none waits. */
uint64_t control_waits_deadline(const struct control *c);

#endif
