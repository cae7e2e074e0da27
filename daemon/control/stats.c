// SPDX-License-Identifier: MIT
/* stats.c - copies of pages, again where a datagram was in the midst of being counted */
#include "daemon/control/stats.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/rules/ruleset_entry.h"
#include "daemon/common/memfd.h"
#include "daemon/control/assign.h"
#include "daemon/control/iface.h"
#include "daemon/control/kernel_counters.h"
#include "daemon/control/state.h"

#define SETTLE_READINGS 32 /* of a worker in one go, some microseconds */

int control_stats_map(struct stats_page *p, int fd, size_t size_bytes)
{
	const void *mem;
	const int ret = memfd_map_page(fd, size_bytes, &mem);

	close(fd);
	if (ret < 0)
		return ret;
	if (p->mem)
		munmap((void *)(uintptr_t)p->mem, p->size_bytes);
	p->mem = mem;
	p->size_bytes = size_bytes;
	return 0;
}

int control_stats_worker(const struct control *c, unsigned w, struct worker_summary *out)
{
	const struct stats_page *p = &c->stats.worker[w];
	int ret = p->mem ? statpage_read_worker(p->mem, p->size_bytes, out) : -EBADMSG;

	if (ret < 0)
		memset(out, 0, sizeof(*out));
	return ret;
}

static bool is_balanced(const struct worker_summary *s)
{
	return ingress_counters_balance(&s->ingress) && egress_counters_balance(&s->egress);
}

/* A worker that runs is between two datagrams soon. */
static bool read_settled(const struct control *c, unsigned w, struct worker_summary *out)
{
	for (unsigned i = 0; i < SETTLE_READINGS; i++) {
		if (control_stats_worker(c, w, out) < 0 || is_balanced(out))
			return true;
	}
	return false;
}

bool control_stats_read(const struct control *c, struct stats_reading *r, uint64_t now_ns)
{
	const uint64_t all = worker_mask_all(c->workers);

	if (!r->until_ns)
		r->until_ns = now_ns + STATS_SETTLE_NS;
	for (uint64_t left = all & ~r->settled; left; left &= left - 1) {
		const unsigned w = (unsigned)__builtin_ctzll(left);

		if (read_settled(c, w, &r->worker[w]))
			r->settled |= 1ull << w;
	}
	return r->settled == all || now_ns >= r->until_ns;
}

int control_stats_iface(const struct control *c, uint32_t slot, struct iface_slot_stats *out,
			struct iface_queue *queue)
{
	const struct stats_page *p = &c->stats.iface;
	int ret = p->mem ? statpage_read_iface(p->mem, p->size_bytes, slot, out) : -EBADMSG;

	if (ret == 0)
		ret = statpage_read_queue(p->mem, p->size_bytes, slot, queue);
	if (ret < 0) {
		memset(out, 0, sizeof(*out));
		memset(queue, 0, sizeof(*queue));
		return ret;
	}
	out->all.socket_queue = 0;
	out->before.socket_queue = 0;
	for (unsigned w = 0; w < MCR_MAX_WORKERS; w++) {
		out->all.socket_queue += queue->all[w];
		out->before.socket_queue += out->ifindex ? queue->before[w] : queue->all[w];
	}
	return 0;
}

int control_stats_softnet(const struct control *c, struct softnet_counts *out)
{
	const struct stats_page *p = &c->stats.iface;

	return p->mem ? statpage_read_softnet(p->mem, p->size_bytes, out) : -EBADMSG;
}

void control_stats_queue(const struct control *c, const struct rule *r, struct rule_queue *out)
{
	const uint32_t slot = control_iface_slot(c, r->input.interface);
	uint64_t mask = control_rule_workers(c, r);
	struct iface_slot_stats s;
	struct iface_queue q;

	*out = (struct rule_queue){0};
	if (slot == MCR_NO_SLOT || control_stats_iface(c, slot, &s, &q) < 0)
		return;
	for (; mask; mask &= mask - 1) {
		const unsigned w = (unsigned)__builtin_ctzll(mask);

		out->frames += q.all[w] - q.before[w];
		if (c->pub.shares[slot][w] > out->rules)
			out->rules = c->pub.shares[slot][w];
	}
}

void control_stats_rule(const struct control *c, const struct ruleset_entry *e,
			struct rule_counters *out)
{
	memset(out, 0, sizeof(*out));
	for (unsigned w = 0; w < c->workers; w++) {
		const struct stats_page *p = &c->stats.worker[w];
		struct rule_counters one;

		if (!p->mem ||
		    statpage_read_rule(p->mem, p->size_bytes, e->slot, e->incarnation, &one) < 0)
			continue;
		out->matched += one.matched;
		out->bytes += one.bytes;
		out->drops_rate_limited += one.drops_rate_limited;
		out->drops_shed += one.drops_shed;
		out->drops_looping += one.drops_looping;
		out->loops += one.loops;
		out->fragments += one.fragments;
		if (one.held_until_ns > out->held_until_ns)
			out->held_until_ns = one.held_until_ns;
	}
	if (c->kernel_path.map)
		kernel_map_count_rule(c->kernel_path.map, e->slot, e->incarnation, &out->matched,
				      &out->bytes);
}

void control_stats_output(const struct control *c, const struct ruleset_entry *e, unsigned i,
			  struct egress_counters *out)
{
	memset(out, 0, sizeof(*out));
	for (unsigned w = 0; w < c->workers; w++) {
		const struct stats_page *p = &c->stats.worker[w];
		struct egress_counters one;

		if (p->mem && statpage_read_output(p->mem, p->size_bytes, e->output_slots[i],
						   e->output_incarnations[i], &one) == 0)
			egress_counters_add(out, &one);
	}
	if (c->kernel_path.map)
		kernel_map_count_output(c->kernel_path.map, e->output_slots[i],
					e->output_incarnations[i], out);
}

void stats_totals_add_worker(struct stats_totals *t, const struct worker_summary *s)
{
	ingress_counters_add(&t->ingress, &s->ingress);
	egress_counters_add(&t->egress, &s->egress);
}

void stats_totals_add_kernel_path(struct stats_totals *t, const struct control *c)
{
	if (c->kernel_path.map)
		kernel_map_count_all(c->kernel_path.map, &t->ingress, &t->egress);
}

void stats_totals_add_iface(struct stats_totals *t, const struct iface_slot_stats *s)
{
	t->ingress.drops[DROP_SOCKET_QUEUE] += s->all.socket_queue;
	t->ingress.drops[DROP_NOT_MATCHED] += s->all.not_matched;
	t->ingress.drops[DROP_VLAN] += s->all.vlan;
	t->ingress.received += s->all.socket_queue + s->all.not_matched + s->all.vlan;
	t->iface_not_ipv4_udp += s->all.not_ipv4_udp;
}

void control_stats_totals(const struct control *c, const struct stats_reading *r,
			  struct stats_totals *t)
{
	struct iface_slot_stats f;
	struct iface_queue q;

	memset(t, 0, sizeof(*t));
	for (unsigned w = 0; w < c->workers; w++)
		stats_totals_add_worker(t, &r->worker[w]);
	stats_totals_add_kernel_path(t, c);
	for (uint32_t slot = 0; slot < MCR_MAX_IFACES; slot++)
		if (control_stats_iface(c, slot, &f, &q) == 0)
			stats_totals_add_iface(t, &f);
}
