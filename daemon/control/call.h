/* SPDX-License-Identifier: MIT */
/*
 * call.h - one request on its way through its method
 *
 * A method either answers at once, with call_finish() or a refusal, or leaves a wait behind
 * with call_wait().  Each of these takes the answer; exactly one must be called.
 */
#ifndef DAEMON_CONTROL_CALL_H
#define DAEMON_CONTROL_CALL_H

#include <stdint.h>

#include "core/text/request.h"

struct client;
struct client_answer;
struct control;
struct control_wait;
struct wait_method;

struct call {
	struct control *c;
	struct client *client;
	struct client_answer *answer;
	struct request req;
	uint64_t now_ns;
};

/* @code: enum rpc_error */
void call_refuse_as(struct call *call, int code, const struct complaint *cpl);
void call_refuse(struct call *call, int code, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Refuse as the rule set does.
 * @ret:    its negative errno; chooses the code
 * @prefix: of the fields in @cpl, "" for none
 */
void call_refuse_rule(struct call *call, int ret, const char *prefix, struct complaint *cpl);

/* @result: taken */
void call_finish(struct call *call, struct cJSON *result);

/* @result: taken.  @error: 0, or the refusal that @cpl explains */
void call_finish_or_refuse(struct call *call, struct cJSON *result, int error,
			   const struct complaint *cpl);

/*
 * Says in the refusal of a rule that stands in the way of another what "replace" does about it.
 */
void call_offer_replace(struct complaint *cpl, const char *what);

/*
 * The answer comes when the workers have it.
 * @method: what the method adds to that
 * Return: the wait, to be filled in; NULL: out of memory, and refused.
 */
struct control_wait *call_wait(struct call *call, const struct wait_method *method);

#endif
