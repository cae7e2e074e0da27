// SPDX-License-Identifier: MIT
/* show.c - the results of ListRules, GetStats, GetConfig and ListWorkers as JSON */
#include "daemon/control/show.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/complaint.h"
#include "core/rules/ruleset.h"
#include "core/text/config.h"
#include "core/text/request.h"
#include "daemon/common/ending.h"
#include "daemon/control/assign.h"
#include "daemon/control/egress_socket.h"
#include "daemon/control/load.h"
#include "daemon/control/loop.h"
#include "daemon/control/netif.h"
#include "daemon/control/output.h"
#include "daemon/control/page.h"
#include "daemon/control/pages.h"
#include "daemon/control/publish.h"
#include "daemon/control/result.h"
#include "daemon/control/state.h"

/* @all: also those that are zero */
static void add_send_drops(cJSON *object, const struct egress_counters *e, bool all)
{
	cJSON *drops = cJSON_AddObjectToObject(object, "send_drops");

	for (unsigned i = 0; i < SEND_DROPS; i++) {
		if (all || e->drops[i])
			control_result_u64(drops, send_drop_name((enum send_drop)i), e->drops[i]);
	}
}

static void add_drops(cJSON *object, const struct ingress_counters *in)
{
	cJSON *drops = cJSON_AddObjectToObject(object, "drops");

	for (unsigned i = 0; i < DROP_REASONS; i++)
		control_result_u64(drops, drop_reason_name((enum drop_reason)i), in->drops[i]);
}

/* --- ListRules --- */

static void show_rule_outputs(const struct control *c, const struct ruleset_entry *e, cJSON *json)
{
	cJSON *outputs = cJSON_GetObjectItemCaseSensitive(json, "outputs");
	cJSON *o = outputs ? outputs->child : NULL;

	for (unsigned i = 0; i < e->rule.n_outputs && o; i++, o = o->next) {
		const struct rule_output *out = &e->rule.outputs[i];
		struct egress_counters n;
		char reason[REASON_MAX];
		uint8_t kind;

		control_stats_output(c, e, i, &n);
		cJSON_AddStringToObject(
			o, "state", output_state_name(control_output_status(c, out, reason).state));
		cJSON_AddStringToObject(o, "reason", reason);
		cJSON_DeleteItemFromObjectCaseSensitive(o, "ttl");
		if (out->ttl_decrement)
			cJSON_AddStringToObject(o, "ttl", "decrement");
		else
			cJSON_AddNumberToObject(o, "ttl", rule_output_ttl(out));
		cJSON_AddBoolToObject(o, "ttl_default", out->ttl == 0 && !out->ttl_decrement);
		control_result_u64(o, "matched", n.matched);
		control_result_u64(o, "sent", n.sent);
		control_result_u64(o, "bytes", n.bytes);
		control_result_u64(o, "fragmented", n.fragmented);
		add_send_drops(o, &n, false);
		control_egress_socket_of(c, e->output_slots[i], &kind);
		cJSON_AddStringToObject(o, "socket", egress_socket_kind_name(kind));
	}
}

/* Who should serve the rule and cannot: an active rule may still relay nothing. */
static void show_rule_pending(const struct control *c, uint64_t mask, cJSON *json)
{
	cJSON *pending = cJSON_AddArrayToObject(json, "pending");

	for (; mask; mask &= mask - 1) {
		const unsigned w = (unsigned)__builtin_ctzll(mask);
		cJSON *o;

		if (c->worker[w].running)
			continue;
		o = cJSON_CreateObject();
		cJSON_AddNumberToObject(o, "worker", w);
		cJSON_AddStringToObject(o, "reason", "worker not running");
		cJSON_AddItemToArray(pending, o);
	}
}

static cJSON *show_rule(const struct control *c, const struct ruleset_entry *e)
{
	cJSON *json = rule_to_json(&e->rule);
	uint64_t mask = control_rule_workers(c, &e->rule);
	cJSON *workers, *warnings;
	struct rule_counters n;
	char text[REASON_MAX];

	if (!json)
		return NULL;
	control_stats_rule(c, e, &n);
	cJSON_AddStringToObject(json, "rule_id", e->rule.id);
	cJSON_AddStringToObject(json, "state",
				rule_state_name(control_entry_state(c, e, monotonic_ns(), text)));
	cJSON_AddStringToObject(json, "reason", text);
	warnings = cJSON_AddArrayToObject(json, "warnings");
	control_rule_warnings(c, &e->rule, false, control_result_warning, warnings);
	if (n.fragments) {
		snprintf(text, sizeof(text),
			 "%llu IP fragments of its group have arrived on %s and were dropped: "
			 "\"defrag\": {\"%s\": true} has the kernel reassemble them",
			 (unsigned long long)n.fragments, e->rule.input.interface,
			 e->rule.input.interface);
		control_result_warning(warnings, text);
	}
	show_rule_pending(c, mask, json);
	workers = cJSON_AddArrayToObject(json, "workers");
	for (; mask; mask &= mask - 1)
		cJSON_AddItemToArray(workers, cJSON_CreateNumber(__builtin_ctzll(mask)));
	control_result_u64(json, "matched", n.matched);
	control_result_u64(json, "bytes", n.bytes);
	show_rule_outputs(c, e, json);
	return json;
}

/* What is in @json when nothing went wrong.  Takes @json. */
static cJSON *unless(int error, cJSON *json)
{
	if (!error)
		return json;
	cJSON_Delete(json);
	return NULL;
}

cJSON *control_show_rules(const struct control *c, const struct request_page *page, int *error,
			  struct complaint *cpl)
{
	cJSON *json = cJSON_CreateObject();

	control_result_u64(json, "generation", c->pub.generation);
	*error = control_page_add(c, page, show_rule, json, cpl);
	return unless(*error, json);
}

/* --- GetStats --- */

static void show_totals(const struct stats_totals *t, cJSON *o)
{
	control_result_u64(o, "received", t->ingress.received);
	control_result_u64(o, "matched", t->ingress.matched);
	control_result_u64(o, "bytes", t->ingress.bytes);
	control_result_u64(o, "frames", t->ingress.frames);
	add_drops(o, &t->ingress);
	control_result_u64(o, "buf_exhaust", t->ingress.buf_exhaust);
	control_result_u64(cJSON_AddObjectToObject(o, "egress"), "matched", t->egress.matched);
	control_result_u64(o, "sent", t->egress.sent);
	control_result_u64(o, "bytes_sent", t->egress.bytes);
	control_result_u64(o, "fragmented", t->egress.fragmented);
	control_result_u64(o, "send_calls", t->egress.calls);
	add_send_drops(o, &t->egress, true);
}

/* @queue: frames that its sockets lost; the totals have them from the interfaces. */
static cJSON *show_worker_stats(const struct control *c, unsigned w, uint64_t queue,
				struct stats_totals *t)
{
	static const char *const pool_names[] = {"small", "jumbo", "super"};
	cJSON *o = cJSON_CreateObject();
	struct worker_summary s;
	cJSON *pools;

	control_stats_settled(c, w, &s);
	stats_totals_add_worker(t, &s);
	s.ingress.received += queue;
	s.ingress.drops[DROP_SOCKET_QUEUE] += queue;
	cJSON_AddNumberToObject(o, "worker", w);
	control_result_u64(o, "received", s.ingress.received);
	control_result_u64(o, "frames", s.ingress.frames);
	control_result_u64(o, "matched", s.ingress.matched);
	add_drops(o, &s.ingress);
	control_result_u64(o, "buf_exhaust", s.ingress.buf_exhaust);
	control_result_u64(o, "egress_matched", s.egress.matched);
	control_result_u64(o, "sent", s.egress.sent);
	control_result_u64(o, "fragmented", s.egress.fragmented);
	control_result_u64(o, "send_calls", s.egress.calls);
	add_send_drops(o, &s.egress, true);
	pools = cJSON_AddObjectToObject(o, "pools");
	for (unsigned i = 0; i < BUF_CLASSES; i++) {
		cJSON *pool = cJSON_AddObjectToObject(pools, pool_names[i]);

		control_result_u64(pool, "buffers", s.pool_buffers[i]);
		control_result_u64(pool, "low", s.pool_low[i]);
	}
	return o;
}

static bool is_in_use(const struct control *c, uint64_t ifindex)
{
	for (uint32_t i = 0; i < MCR_MAX_IFACES; i++)
		if (c->rec.iface[i].used && c->rec.iface[i].ifindex == ifindex)
			return true;
	return false;
}

/* NULL for a device that is no more, or whose counters are in another slot by now. */
static const char *iface_name(const struct control *c, uint32_t slot, uint64_t ifindex)
{
	const struct rec_iface *f = &c->rec.iface[slot];
	const struct netif_link *l;

	if (!ifindex || ifindex > INT32_MAX)
		return NULL;
	if (f->used && f->ifindex == ifindex)
		return f->name;
	l = is_in_use(c, ifindex) ? NULL : control_netif_by_index(&c->netif, (uint32_t)ifindex);
	return l ? l->name : NULL;
}

static void add_iface_counts(cJSON *o, const struct iface_counts *n)
{
	control_result_u64(o, "delivered", n->delivered);
	control_result_u64(o, "socket_queue", n->socket_queue);
	control_result_u64(o, "not_matched", n->not_matched);
	control_result_u64(o, "not_ipv4_udp", n->not_ipv4_udp);
	control_result_u64(o, "vlan", n->vlan);
}

/* What is not in a row is in the remainder: together they are what the totals have. */
static void show_ifaces(const struct control *c, cJSON *json, struct stats_totals *t,
			uint64_t queues[static MCR_MAX_WORKERS])
{
	cJSON *ifaces = cJSON_AddArrayToObject(json, "interfaces");
	struct iface_counts closed = {0};

	for (uint32_t slot = 0; slot < MCR_MAX_IFACES; slot++) {
		struct iface_slot_stats s;
		struct iface_counts own;
		struct iface_queue q;
		const char *name;
		cJSON *o;

		if (control_stats_iface(c, slot, &s, &q) < 0)
			continue;
		for (unsigned w = 0; w < MCR_MAX_WORKERS; w++)
			queues[w] += q.all[w];
		stats_totals_add_iface(t, &s);
		name = iface_name(c, slot, s.ifindex);
		iface_counts_add(&closed, name ? &s.before : &s.all);
		if (!name)
			continue;
		own = iface_counts_own(&s);
		o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "name", name);
		control_result_u64(o, "ifindex", s.ifindex);
		add_iface_counts(o, &own);
		cJSON_AddItemToArray(ifaces, o);
	}
	add_iface_counts(cJSON_AddObjectToObject(json, "closed_interfaces"), &closed);
}

static cJSON *show_output_stats(const struct control *c, const struct ruleset_entry *e, unsigned i)
{
	const struct rule_output *out = &e->rule.outputs[i];
	cJSON *o = cJSON_CreateObject();
	struct egress_counters n;
	char text[ADDR_TEXT_MAX];

	control_stats_output(c, e, i, &n);
	cJSON_AddStringToObject(o, "interface", out->interface);
	cJSON_AddStringToObject(o, "group", addr_format(&out->group, text));
	cJSON_AddNumberToObject(o, "port", out->port);
	control_result_u64(o, "matched", n.matched);
	control_result_u64(o, "sent", n.sent);
	control_result_u64(o, "bytes", n.bytes);
	control_result_u64(o, "fragmented", n.fragmented);
	add_send_drops(o, &n, true);
	return o;
}

static cJSON *show_rule_stats(const struct control *c, const struct ruleset_entry *e)
{
	cJSON *o = cJSON_CreateObject();
	struct rule_counters n;
	struct rule_queue q;
	cJSON *outputs;

	control_stats_rule(c, e, &n);
	cJSON_AddStringToObject(o, "rule_id", e->rule.id);
	cJSON_AddStringToObject(o, "name", e->rule.name);
	control_result_u64(o, "matched", n.matched);
	control_result_u64(o, "bytes", n.bytes);
	control_result_u64(o, "rate_limited", n.drops_rate_limited);
	control_result_u64(o, "shed", n.drops_shed);
	control_result_u64(o, "looping", n.drops_looping);
	control_result_u64(o, "loops", n.loops);
	control_result_u64(o, "fragments", n.fragments);
	control_stats_queue(c, &e->rule, &q);
	control_result_u64(o, "socket_queue", q.frames);
	cJSON_AddNumberToObject(o, "socket_rules", q.rules);
	outputs = cJSON_AddArrayToObject(o, "outputs");
	for (unsigned i = 0; i < e->rule.n_outputs; i++)
		cJSON_AddItemToArray(outputs, show_output_stats(c, e, i));
	return o;
}

/* Every page is read once, so that the totals are the sums of what follows. */
static void show_all_totals(const struct control *c, cJSON *json)
{
	uint64_t queues[MCR_MAX_WORKERS] = {0};
	struct stats_totals t = {0};
	cJSON *totals, *list;

	totals = cJSON_AddObjectToObject(json, "totals");
	list = cJSON_AddArrayToObject(json, "workers");
	show_ifaces(c, json, &t, queues);
	for (unsigned w = 0; w < c->workers; w++)
		cJSON_AddItemToArray(list, show_worker_stats(c, w, queues[w], &t));
	show_totals(&t, totals);
}

cJSON *control_show_stats(const struct control *c, const struct request_page *page, uint64_t now_ns,
			  int *error, struct complaint *cpl)
{
	cJSON *json;

	*error = control_page_check(c, page, cpl);
	if (*error)
		return NULL;
	json = cJSON_CreateObject();
	control_result_u64(json, "uptime_ms", (now_ns - c->started_ns) / NS_PER_MS);
	control_result_u64(json, "generation", c->pub.generation);
	if (!page->first)
		show_all_totals(c, json);
	*error = control_page_add(c, page, show_rule_stats, json, cpl);
	return unless(*error, json);
}

/* --- GetConfig --- */

cJSON *control_show_config(const struct control *c, const struct request_page *page, int *error,
			   struct complaint *cpl)
{
	const size_t bytes = page->paged ? PAGE_BYTES : CLIENT_OUTPUT_MAX;
	char cursor[REQUEST_CURSOR_MAX];
	cJSON *json = NULL;
	char *text;
	size_t next;

	*error = control_page_check(c, page, cpl);
	if (*error)
		return NULL;
	text = control_config_part(c, page->first, bytes, &next);
	if (text && next <= ruleset_count(c->rules) && !page->paged) {
		*error = control_result_too_long(cpl);
	} else if (text) {
		json = cJSON_CreateObject();
		cJSON_AddStringToObject(json, "text", text);
		if (next <= ruleset_count(c->rules))
			cJSON_AddStringToObject(
				json, "next",
				request_cursor(ruleset_revision(c->rules), (uint32_t)next, cursor));
	} else {
		complain(cpl, "", "out of memory");
		*error = RPC_INTERNAL_ERROR;
	}
	free(text);
	return json;
}

/* --- ListWorkers --- */

static cJSON *show_worker(const struct control *c, unsigned w, uint64_t queue, uint64_t now_ns)
{
	const struct control_worker *worker = &c->worker[w];
	cJSON *o = cJSON_CreateObject();
	struct worker_summary s;
	char hash[24], last[ENDING_TEXT_MAX];

	control_stats_worker(c, w, &s);
	snprintf(hash, sizeof(hash), "%016" PRIx64, s.hash);
	cJSON_AddNumberToObject(o, "worker", w);
	cJSON_AddNumberToObject(o, "pid", worker->pid ? worker->pid : (double)s.pid);
	cJSON_AddNumberToObject(o, "cpu", worker->cpu);
	cJSON_AddStringToObject(o, "state",
				worker->running ? worker_state_name(s.state) : "not running");
	if (worker->stand_in && !worker->running)
		cJSON_AddNumberToObject(o, "stand_in", worker->stand_in - 1);
	else
		cJSON_AddNullToObject(o, "stand_in");
	control_result_u64(o, "generation", s.generation);
	cJSON_AddStringToObject(o, "hash", hash);
	cJSON_AddBoolToObject(o, "in_sync",
			      worker->running &&
				      control_publish_confirmed(c, w, c->pub.generation));
	control_result_u64(o, "rules", s.rules);
	control_result_u64(o, "heartbeat_age_ms",
			   now_ns > s.heartbeat_ns ? (now_ns - s.heartbeat_ns) / NS_PER_MS : 0);
	cJSON_AddStringToObject(
		o, "last_exit",
		ending_text(worker->ending, worker->exit_status, worker->ending_ms, last));
	control_result_u64(o, "drift_detected", c->kept->drift_detected[w]);
	control_result_u64(o, "drift_repaired", c->kept->drift_repaired[w]);
	control_result_u64(o, "worker_restarts", worker->restarts);
	control_result_u64(o, "health_check_failures", worker->health_check_failures);
	control_result_u64(o, "socket_queue", queue);
	return o;
}

static void add_queues(const struct control *c, uint64_t queues[static MCR_MAX_WORKERS])
{
	struct iface_slot_stats s;
	struct iface_queue q;

	for (uint32_t slot = 0; slot < MCR_MAX_IFACES; slot++) {
		if (control_stats_iface(c, slot, &s, &q) < 0)
			continue;
		for (unsigned w = 0; w < MCR_MAX_WORKERS; w++)
			queues[w] += q.all[w];
	}
}

cJSON *control_show_workers(const struct control *c, uint64_t now_ns)
{
	cJSON *json = cJSON_CreateObject();
	uint64_t queues[MCR_MAX_WORKERS] = {0};
	cJSON *list;

	control_result_u64(json, "generation", c->pub.generation);
	list = cJSON_AddArrayToObject(json, "workers");
	add_queues(c, queues);
	for (unsigned w = 0; w < c->workers; w++)
		cJSON_AddItemToArray(list, show_worker(c, w, queues[w], now_ns));
	return json;
}
