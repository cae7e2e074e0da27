/* SPDX-License-Identifier: MIT */
/*
 * wait.h - answers that wait for the supervisor and the workers
 *
 * A change is answered when every running worker has it, or after WAIT_NS with the workers
 * that do not, and why.  The wait begins when reconcile() has published the change, so that
 * changes of one turn of the loop share a publication.
 */
#ifndef DAEMON_CONTROL_WAIT_H
#define DAEMON_CONTROL_WAIT_H

#include <stdint.h>

#include "core/base/clock.h"

struct cJSON;
struct client_answer;
struct control;
struct control_wait;
struct control_waits;
struct request;
struct wait_method;

#define WAIT_NS       (500 * NS_PER_MS)
#define WAIT_RETRY_NS NS_PER_MS

void control_waits_init(struct control_waits *ws);
/* Their answers are not given. */
void control_waits_fini(struct control *c);

/**
 * control_wait_new() - an answer that waits
 * @method: borrowed for as long as it waits
 * @answer: taken
 * @req:    its id is taken
 *
 * Return: the wait, to be filled in before the loop goes on; NULL: out of memory,
 * nothing was taken.
 */
struct control_wait *control_wait_new(struct control *c, const struct wait_method *method,
				      struct client_answer *answer, struct request *req,
				      uint64_t now_ns);

/*
 * After reconcile(): the changes of this turn have generation and sequence numbers now.  A
 * rule whose receivers are being asked for waits for their answer, at most REACH_SETTLE_NS.
 */
void control_waits_arm(struct control *c, uint64_t now_ns);

/* For a result: "generation", "workers", "applied" and "pending" of the change. */
void control_wait_add_workers(const struct control *c, const struct control_wait *w,
			      struct cJSON *result);

/* Answer what can be answered. */
void control_waits_check(struct control *c, uint64_t now_ns);

/* When an answer is due whatever happens; UINT64_MAX: none waits. */
uint64_t control_waits_deadline(const struct control *c);

#endif
