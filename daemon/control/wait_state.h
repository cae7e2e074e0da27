/* SPDX-License-Identifier: MIT */
/*
 * wait_state.h - answers that wait, of wait.c and method_upgrade.c: types; wait.h explains them
 */
#ifndef DAEMON_CONTROL_WAIT_STATE_H
#define DAEMON_CONTROL_WAIT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/limits.h"
#include "core/text/request.h"

struct cJSON;
struct client_answer;
struct complaint;
struct control;
struct control_wait;
struct stats_reading;

/* Outcome of LoadConfig for a rule. */
enum load_count { LOAD_ADDED, LOAD_REPLACED, LOAD_UNCHANGED, LOAD_REMOVED, LOAD_COUNTS };

/**
 * struct wait_method - a method's own conditions of a wait; a member may be NULL
 * @publishes:   it has changed rules: every running worker must have them
 * @is_long:     its answer is not made before the client has taken earlier output
 * @is_settling: is something about to be known that workers should have, too?
 * @is_ready:    can the result be made?  When not it is asked again after WAIT_RETRY_NS
 * @result:      fills the result.  Return: 0, or an enum rpc_error and the reason in @cpl
 * @fini:        frees what the method keeps in the wait
 */
struct wait_method {
	bool publishes;
	bool is_long;
	bool (*is_settling)(const struct control *c, const struct control_wait *w, uint64_t now_ns);
	bool (*is_ready)(const struct control *c, struct control_wait *w, uint64_t now_ns);
	int (*result)(const struct control *c, struct control_wait *w, uint64_t now_ns,
		      struct cJSON *result, struct complaint *cpl);
	void (*fini)(struct control_wait *w);
};

/**
 * struct control_wait - one answer to come
 * @armed:      generation and sequence number are known
 * @generation: that the workers must have
 * @seq:        up to which the supervisor must have answered
 * @retry_ns:   when its method is asked again whether it is ready, 0: it was not asked yet
 * @rule:       of AddRule (@outcome: what became of it) and RemoveRule
 * @load:       of LoadConfig; @warnings: owned array, those about rules are added at the end
 * @stats:      of GetStats; @reading: owned
 */
struct control_wait {
	struct control_wait *next;
	struct client_answer *answer;
	struct cJSON *id;
	const struct wait_method *method;
	bool armed;
	uint64_t generation;
	uint32_t seq;
	uint64_t deadline_ns, retry_ns;
	union {
		struct {
			char id[MCR_ID_MAX];
			const char *outcome;
		} rule;
		struct {
			size_t counts[LOAD_COUNTS];
			struct cJSON *warnings;
		} load;
		struct {
			struct request_page page;
			struct stats_reading *reading;
		} stats;
	};
};

struct control_waits {
	struct control_wait *first, **last;
};

/**
 * struct control_upgrade - the Upgrade that waits for its answer
 * @answer:   owned; NULL: no client waits
 * @id:       of the request, owned
 * @begun_ns: when it was asked for
 */
struct control_upgrade {
	struct client_answer *answer;
	struct cJSON *id;
	uint64_t begun_ns;
};

#endif
