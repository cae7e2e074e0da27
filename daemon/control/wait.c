// SPDX-License-Identifier: MIT
/* wait.c - answers that wait for the supervisor and the workers */
#include "daemon/control/wait.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/complaint.h"
#include "core/rules/ruleset.h"
#include "daemon/control/assign.h"
#include "daemon/control/client_output.h"
#include "daemon/control/loop.h"
#include "daemon/control/output.h"
#include "daemon/control/publish.h"
#include "daemon/control/reach.h"
#include "daemon/control/result.h"
#include "daemon/control/show.h"
#include "daemon/control/state.h"
#include "daemon/control/supervisor_channel.h"

void control_waits_init(struct control_waits *ws)
{
	ws->first = NULL;
	ws->last = &ws->first;
}

static void wait_free(struct control_wait *w)
{
	cJSON_Delete(w->id);
	cJSON_Delete(w->warnings);
	free(w);
}

void control_waits_fini(struct control_waits *ws)
{
	while (ws->first) {
		struct control_wait *w = ws->first;

		ws->first = w->next;
		wait_free(w);
	}
	control_waits_init(ws);
}

struct control_wait *control_wait_new(struct control *c, struct client_answer *answer,
				      struct request *req, uint64_t now_ns)
{
	struct control_wait *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->warnings = cJSON_CreateArray();
	if (!w->warnings) {
		free(w);
		return NULL;
	}
	w->answer = answer;
	w->id = req->id;
	req->id = NULL;
	w->method = req->method;
	w->deadline_ns = now_ns + WAIT_NS;
	*c->waits.last = w;
	c->waits.last = &w->next;
	return w;
}

/* A host that is there answers within a millisecond or so, and then the rule relays to it. */
static bool is_settling(const struct control *c, const struct control_wait *w, uint64_t now_ns)
{
	const struct ruleset_entry *e;

	if (w->method == METHOD_LOAD_CONFIG)
		return reach_settling_any(&c->reach, now_ns);
	if (w->method != METHOD_ADD_RULE)
		return false;
	e = ruleset_find_id(c->rules, w->rule_id);
	return e && control_outputs_settling(c, &e->rule, now_ns);
}

void control_waits_arm(struct control *c, uint64_t now_ns)
{
	for (struct control_wait *w = c->waits.first; w; w = w->next) {
		if (w->armed || is_settling(c, w, now_ns))
			continue;
		w->armed = true;
		w->generation = c->pub.generation;
		w->seq = c->super.last_seq;
	}
}

/* A long answer waits until its client has taken what there is for it. */
static bool wait_is_held(const struct control_wait *w)
{
	return w->method == METHOD_GET_STATS && client_answer_held(w->answer);
}

uint64_t control_waits_deadline(const struct control *c)
{
	/* All wait equally long: the first to come is the first to go. */
	for (const struct control_wait *w = c->waits.first; w; w = w->next)
		if (!wait_is_held(w))
			return w->deadline_ns;
	return UINT64_MAX;
}

static bool wait_is_change(const struct control_wait *w)
{
	return w->method != METHOD_GET_STATS;
}

static bool wait_is_over(const struct control *c, const struct control_wait *w, uint64_t now_ns)
{
	if (wait_is_held(w))
		return false;
	if (now_ns >= w->deadline_ns)
		return true;
	if (!w->armed || !control_super_acked(&c->super, w->seq))
		return false;
	for (unsigned i = 0; wait_is_change(w) && i < c->workers; i++) {
		if (c->worker[i].running && !control_publish_confirmed(c, i, w->generation))
			return false;
	}
	return true;
}

static void add_workers(const struct control *c, const struct control_wait *w, cJSON *result)
{
	uint64_t generation = w->armed ? w->generation : c->pub.generation;
	cJSON *pending = cJSON_CreateArray();
	unsigned applied = 0;

	for (unsigned i = 0; i < c->workers; i++) {
		const char *reason = "not confirmed within 500 ms";
		cJSON *o;

		if (c->worker[i].running && control_publish_confirmed(c, i, generation)) {
			applied++;
			continue;
		}
		if (!c->worker[i].running)
			reason = "worker not running";
		else if (c->pub.busy >> i & 1)
			reason = "worker busy";
		o = cJSON_CreateObject();
		cJSON_AddNumberToObject(o, "worker", i);
		cJSON_AddStringToObject(o, "reason", reason);
		cJSON_AddItemToArray(pending, o);
	}
	control_result_u64(result, "generation", generation);
	cJSON_AddNumberToObject(result, "workers", c->workers);
	cJSON_AddNumberToObject(result, "applied", applied);
	cJSON_AddItemToObject(result, "pending", pending);
}

static void add_rule_warnings(const struct control *c, const struct rule *r, cJSON *list)
{
	if (cJSON_GetArraySize(list) < RESULT_WARNINGS_MAX)
		control_rule_warnings(c, r, true, control_result_warning, list);
}

static void finish_add(const struct control *c, struct control_wait *w, cJSON *result)
{
	const struct ruleset_entry *e = ruleset_find_id(c->rules, w->rule_id);
	char reason[REASON_MAX] = "the rule has been removed";

	cJSON_AddStringToObject(result, "rule_id", w->rule_id);
	cJSON_AddStringToObject(result, "result", w->result);
	/* Another client may have removed it meanwhile. */
	cJSON_AddStringToObject(
		result, "state",
		rule_state_name(e ? control_entry_state(c, e, monotonic_ns(), reason)
				  : RULE_UNRESOLVED));
	cJSON_AddStringToObject(result, "reason", reason);
	add_workers(c, w, result);
	if (e)
		add_rule_warnings(c, &e->rule, w->warnings);
}

static void finish_load(const struct control *c, struct control_wait *w, cJSON *result)
{
	static const char *const names[] = {"added", "replaced", "unchanged", "removed"};

	for (unsigned i = 0; i < 4; i++)
		control_result_u64(result, names[i], w->counts[i]);
	add_workers(c, w, result);
	for (size_t i = 0; i < ruleset_count(c->rules); i++)
		add_rule_warnings(c, &ruleset_at(c->rules, i)->rule, w->warnings);
}

static cJSON *finish(const struct control *c, struct control_wait *w)
{
	cJSON *result = cJSON_CreateObject();

	if (w->method == METHOD_ADD_RULE) {
		finish_add(c, w, result);
	} else if (w->method == METHOD_LOAD_CONFIG) {
		finish_load(c, w, result);
	} else {
		if (w->rule_id[0])
			cJSON_AddStringToObject(result, "rule_id", w->rule_id);
		add_workers(c, w, result);
		if (w->method == METHOD_SYNC_RULES)
			control_result_u64(result, "rules", ruleset_count(c->rules));
		return result;
	}
	cJSON_AddItemToObject(result, "warnings", w->warnings);
	w->warnings = NULL;
	return result;
}

static char *answer_text(const struct control *c, struct control_wait *w, uint64_t now_ns)
{
	struct complaint cpl = {0};
	cJSON *result;
	int error;

	if (w->method != METHOD_GET_STATS)
		return control_result_line(w->id, finish(c, w));
	result = control_show_stats(c, &w->page, now_ns, &error, &cpl);
	return error ? response_error(w->id, error, &cpl) : control_result_line(w->id, result);
}

void control_waits_check(struct control *c, uint64_t now_ns)
{
	struct control_wait **at = &c->waits.first;

	while (*at) {
		struct control_wait *w = *at;
		char *text = NULL;

		if (!wait_is_over(c, w, now_ns)) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		if (!w->next)
			c->waits.last = at;
		if (w->id && w->answer->client)
			text = answer_text(c, w, now_ns);
		client_answer_finish(&c->clients, w->answer, text, now_ns);
		wait_free(w);
	}
}
