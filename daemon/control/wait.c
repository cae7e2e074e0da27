// SPDX-License-Identifier: MIT
/* wait.c - a list of answers, checked in each turn of the loop */
#include "daemon/control/wait.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "core/base/complaint.h"
#include "core/text/response.h"
#include "daemon/control/client_output.h"
#include "daemon/control/publish.h"
#include "daemon/control/result.h"
#include "daemon/control/state.h"
#include "daemon/control/supervisor_channel.h"

void control_waits_init(struct control_waits *ws)
{
	ws->first = NULL;
	ws->last = &ws->first;
}

static void wait_free(struct control_wait *w)
{
	if (w->method->fini)
		w->method->fini(w);
	cJSON_Delete(w->id);
	free(w);
}

void control_waits_fini(struct control *c)
{
	struct control_waits *ws = &c->waits;

	while (ws->first) {
		struct control_wait *w = ws->first;

		ws->first = w->next;
		client_answer_finish(&c->clients, w->answer, NULL, 0);
		wait_free(w);
	}
	control_waits_init(ws);
}

struct control_wait *control_wait_new(struct control *c, const struct wait_method *method,
				      struct client_answer *answer, struct request *req,
				      uint64_t now_ns)
{
	struct control_wait *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->method = method;
	w->answer = answer;
	w->id = req->id;
	req->id = NULL;
	w->deadline_ns = now_ns + WAIT_NS;
	*c->waits.last = w;
	c->waits.last = &w->next;
	return w;
}

void control_waits_arm(struct control *c, uint64_t now_ns)
{
	for (struct control_wait *w = c->waits.first; w; w = w->next) {
		const struct wait_method *m = w->method;

		if (w->armed || (m->is_settling && m->is_settling(c, w, now_ns)))
			continue;
		w->armed = true;
		w->generation = c->pub.generation;
		w->seq = c->supervisor.last_seq;
	}
}

/* A long answer waits until its client has taken earlier output. */
static bool wait_is_held(const struct control_wait *w)
{
	return w->method->is_long && client_answer_held(w->answer);
}

uint64_t control_waits_deadline(const struct control *c)
{
	uint64_t first_ns = UINT64_MAX;

	for (const struct control_wait *w = c->waits.first; w; w = w->next) {
		const uint64_t at_ns = w->retry_ns ? w->retry_ns : w->deadline_ns;

		if (at_ns < first_ns && !wait_is_held(w))
			first_ns = at_ns;
	}
	return first_ns;
}

/* Has everything happened that the answer tells? */
static bool wait_is_fulfilled(const struct control *c, const struct control_wait *w)
{
	if (!w->armed || !control_supervisor_acked(&c->supervisor, w->seq))
		return false;
	for (unsigned i = 0; w->method->publishes && i < c->workers; i++) {
		if (c->worker[i].running && !control_publish_confirmed(c, i, w->generation))
			return false;
	}
	return true;
}

static bool wait_is_over(const struct control *c, struct control_wait *w, uint64_t now_ns)
{
	const struct wait_method *m = w->method;

	if (wait_is_held(w))
		return false;
	if (now_ns < w->deadline_ns && !wait_is_fulfilled(c, w))
		return false;
	w->retry_ns = now_ns + WAIT_RETRY_NS;
	return !m->is_ready || m->is_ready(c, w, now_ns);
}

void control_wait_add_workers(const struct control *c, const struct control_wait *w, cJSON *result)
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

static char *answer_text(const struct control *c, struct control_wait *w, uint64_t now_ns)
{
	cJSON *result = cJSON_CreateObject();
	struct complaint cpl = {0};
	const int error = w->method->result(c, w, now_ns, result, &cpl);

	if (!error)
		return control_result_line(w->id, result);
	cJSON_Delete(result);
	return response_error(w->id, error, &cpl);
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
