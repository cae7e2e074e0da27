// SPDX-License-Identifier: MIT
/* method_stats.c - totals, workers, interfaces and rules as JSON */
#include "daemon/control/method_stats.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "core/base/complaint.h"
#include "core/rules/ruleset_entry.h"
#include "daemon/control/assign.h"
#include "daemon/control/call.h"
#include "daemon/control/kernel_map.h"
#include "daemon/control/netif.h"
#include "daemon/control/page.h"
#include "daemon/control/result.h"
#include "daemon/control/sampler.h"
#include "daemon/control/state.h"
#include "daemon/control/stats.h"
#include "daemon/control/supervisor_channel.h"

static void show_totals(const struct stats_totals *t, cJSON *o)
{
	control_result_u64(o, "received", t->ingress.received);
	control_result_u64(o, "matched", t->ingress.matched);
	control_result_u64(o, "bytes", t->ingress.bytes);
	control_result_u64(o, "frames", t->ingress.frames);
	control_result_drops(o, &t->ingress);
	control_result_u64(o, "buf_exhaust", t->ingress.buf_exhaust);
	control_result_u64(cJSON_AddObjectToObject(o, "egress"), "matched", t->egress.matched);
	control_result_u64(o, "sent", t->egress.sent);
	control_result_u64(o, "bytes_sent", t->egress.bytes);
	control_result_u64(o, "fragmented", t->egress.fragmented);
	control_result_u64(o, "send_calls", t->egress.calls);
	control_result_send_drops(o, &t->egress, true);
}

/* @queue: frames that its sockets lost; the totals have them from the interfaces. */
static cJSON *show_worker_stats(struct worker_summary s, unsigned w, uint64_t queue,
				struct stats_totals *t)
{
	static const char *const pool_names[] = {"small", "jumbo", "super"};
	cJSON *o = cJSON_CreateObject();
	cJSON *pools;

	stats_totals_add_worker(t, &s);
	s.ingress.received += queue;
	s.ingress.drops[DROP_SOCKET_QUEUE] += queue;
	cJSON_AddNumberToObject(o, "worker", w);
	control_result_u64(o, "received", s.ingress.received);
	control_result_u64(o, "frames", s.ingress.frames);
	control_result_u64(o, "matched", s.ingress.matched);
	control_result_drops(o, &s.ingress);
	control_result_u64(o, "buf_exhaust", s.ingress.buf_exhaust);
	control_result_u64(o, "egress_matched", s.egress.matched);
	control_result_u64(o, "sent", s.egress.sent);
	control_result_u64(o, "fragmented", s.egress.fragmented);
	control_result_u64(o, "send_calls", s.egress.calls);
	control_result_send_drops(o, &s.egress, true);
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

/* NULL when the device does not exist, or its counters are in another slot by now. */
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

/* Counters of the device and of the kernel, beside those of the packet sockets. */
static void add_device(const struct control *c, uint32_t ifindex, cJSON *o)
{
	const struct netif_link *l = control_netif_by_index(&c->netif, ifindex);
	const struct netif_stats *n = control_netif_stats(&c->netif, ifindex);

	cJSON_AddStringToObject(o, "link", l && l->up ? "up" : "down");
	if (!n)
		return;
	control_result_u64(o, "rx_dropped", n->rx_dropped);
	control_result_u64(o, "rx_missed", n->rx_missed);
	control_result_u64(o, "rx_errors", n->rx_errors);
}

/* The totals are the sum of all rows and of "closed_interfaces". */
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
		add_device(c, (uint32_t)s.ifindex, o);
		cJSON_AddItemToArray(ifaces, o);
	}
	add_iface_counts(cJSON_AddObjectToObject(json, "closed_interfaces"), &closed);
}

static cJSON *show_output_stats(const struct control *c, const struct ruleset_entry *e, unsigned i,
				int64_t wall_ns)
{
	struct sampled sampled;

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
	control_result_send_drops(o, &n, true);
	control_sampled_output(c, e, i, &sampled);
	control_result_sampled(o, &sampled, wall_ns);
	return o;
}

static void show_rule_workers(const struct control *c, const struct ruleset_entry *e, cJSON *o)
{
	const struct control_kernel_path *k = &c->kernel_path;
	cJSON *workers = cJSON_AddArrayToObject(o, "workers");
	uint64_t mask = control_rule_workers(c, &e->rule);

	for (; mask; mask &= mask - 1)
		cJSON_AddItemToArray(workers, cJSON_CreateNumber(__builtin_ctzll(mask)));
	cJSON_AddStringToObject(o, "path",
				!k->map || !kernel_map_relays(k->map, e->slot) ? "user"
				: kernel_map_is_divided(k->map, e->slot)       ? "both"
									       : "kernel");
}

static cJSON *show_rule_stats(const struct control *c, const struct ruleset_entry *e)
{
	cJSON *o = cJSON_CreateObject();
	const int64_t wall_ns = control_wall_offset_ns();
	struct sampled sampled;
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
	control_sampled_rule(c, e, &sampled);
	control_result_sampled(o, &sampled, wall_ns);
	show_rule_workers(c, e, o);
	outputs = cJSON_AddArrayToObject(o, "outputs");
	for (unsigned i = 0; i < e->rule.n_outputs; i++)
		cJSON_AddItemToArray(outputs, show_output_stats(c, e, i, wall_ns));
	return o;
}

/* Of all rules that the kernel relays or has relayed. */
static void show_kernel_path(const struct control *c, cJSON *json, struct stats_totals *all)
{
	cJSON *o = cJSON_AddObjectToObject(json, "kernel_path");
	struct stats_totals t = {0};

	stats_totals_add_kernel_path(&t, c);
	ingress_counters_add(&all->ingress, &t.ingress);
	egress_counters_add(&all->egress, &t.egress);
	control_result_u64(o, "received", t.ingress.received);
	control_result_u64(o, "frames", t.ingress.frames);
	control_result_u64(o, "matched", t.ingress.matched);
	control_result_u64(o, "bytes", t.ingress.bytes);
	control_result_u64(o, "egress_matched", t.egress.matched);
	control_result_u64(o, "sent", t.egress.sent);
	control_result_u64(o, "send_calls", t.egress.calls);
	control_result_send_drops(o, &t.egress, true);
	control_result_u64(o, "drift_detected", c->heartbeat ? c->heartbeat->kernel_path_drift : 0);
}

/* The same for all interfaces of this host: the kernel counts them by CPU. */
static void show_host(const struct control *c, cJSON *json)
{
	struct softnet_counts n;

	if (control_stats_softnet(c, &n) < 0)
		return;
	control_result_u64(json, "softnet_dropped", n.dropped);
	control_result_u64(json, "softnet_squeezed", n.squeezed);
}

/* Every page is read once, so that the totals are the sums of what follows. */
static void show_all_totals(const struct control *c, const struct stats_reading *r, cJSON *json)
{
	uint64_t queues[MCR_MAX_WORKERS] = {0};
	struct stats_totals t = {0};
	cJSON *totals, *list;

	totals = cJSON_AddObjectToObject(json, "totals");
	list = cJSON_AddArrayToObject(json, "workers");
	show_ifaces(c, json, &t, queues);
	for (unsigned w = 0; w < c->workers; w++)
		cJSON_AddItemToArray(list, show_worker_stats(r->worker[w], w, queues[w], &t));
	show_kernel_path(c, json, &t);
	show_totals(&t, totals);
	show_host(c, json);
}

/*
 * Totals and workers are in the first page only.  Each worker's counters are read between two
 * of its datagrams, which may take a few turns of the loop.
 */
static bool stats_are_read(const struct control *c, struct control_wait *w, uint64_t now_ns)
{
	return w->stats.page.first || control_stats_read(c, w->stats.reading, now_ns);
}

static int stats_result(const struct control *c, struct control_wait *w, uint64_t now_ns,
			cJSON *result, struct complaint *cpl)
{
	const struct request_page *page = &w->stats.page;
	int error = control_page_check(c, page, cpl);

	if (error)
		return error;
	control_result_u64(result, "uptime_ms", (now_ns - c->started_ns) / NS_PER_MS);
	control_result_u64(result, "generation", c->pub.generation);
	if (!page->first)
		show_all_totals(c, w->stats.reading, result);
	return control_page_add(c, page, show_rule_stats, result, cpl);
}

static void stats_fini(struct control_wait *w)
{
	free(w->stats.reading);
}

static const struct wait_method wait_for_stats = {
	.is_long = true,
	.is_ready = stats_are_read,
	.result = stats_result,
	.fini = stats_fini,
};

void method_get_stats(struct call *call)
{
	struct ipc_msg msg = {.type = IPC_REFRESH_STATS};
	struct stats_reading *reading = calloc(1, sizeof(*reading));
	struct control_wait *w = reading ? call_wait(call, &wait_for_stats) : NULL;

	if (!reading)
		call_refuse(call, RPC_INTERNAL_ERROR, "", "out of memory");
	if (!w) {
		free(reading);
		return;
	}
	w->stats.page = call->req.page;
	w->stats.reading = reading;
	control_supervisor_request(&call->c->supervisor, &msg, -1, NULL, NULL);
	w->armed = true;
	w->seq = call->c->supervisor.last_seq;
}
