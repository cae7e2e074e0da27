// SPDX-License-Identifier: MIT
/* pages.c - read the shared pages; totals, and the lines that scrapers read */
#include "daemon/control/pages.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/rules/ruleset.h"
#include "daemon/common/log.h"
#include "daemon/common/memfd.h"
#include "daemon/control/assign.h"
#include "daemon/control/iface.h"
#include "daemon/control/state.h"
#include "daemon/control/supervisor_channel.h"

#define INTERVAL_DEFAULT_MS 10000
#define INTERVAL_MAX_MS     86400000

/* control_stats_settled(): so many readings at once, then so many with pauses. */
#define SETTLE_READINGS 32
#define SETTLE_PAUSES   16
#define SETTLE_PAUSE_NS 50000 /* and the kernel's timer slack of 50 us */

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

/* Lets a worker that waits for this CPU finish its datagram. */
static void step_aside(void)
{
	const struct timespec a_moment = {.tv_nsec = SETTLE_PAUSE_NS};

	ppoll(NULL, 0, &a_moment, NULL);
}

int control_stats_settled(const struct control *c, unsigned w, struct worker_summary *out)
{
	int ret = 0;

	for (unsigned i = 0; i < SETTLE_READINGS + SETTLE_PAUSES; i++) {
		ret = control_stats_worker(c, w, out);
		if (ret < 0 || (ingress_counters_balance(&out->ingress) &&
				egress_counters_balance(&out->egress)))
			break;
		if (i >= SETTLE_READINGS)
			step_aside();
	}
	return ret;
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
}

void control_stats_output(const struct control *c, const struct ruleset_entry *e, unsigned i,
			  struct egress_counters *out)
{
	memset(out, 0, sizeof(*out));
	for (unsigned w = 0; w < c->workers; w++) {
		const struct stats_page *p = &c->stats.worker[w];
		struct egress_counters one;

		if (p->mem && statpage_read_output(p->mem, p->size_bytes, e->output_slots[i],
						   e->incarnation, &one) == 0)
			egress_counters_add(out, &one);
	}
}

void stats_totals_add_worker(struct stats_totals *t, const struct worker_summary *s)
{
	ingress_counters_add(&t->ingress, &s->ingress);
	egress_counters_add(&t->egress, &s->egress);
}

void stats_totals_add_iface(struct stats_totals *t, const struct iface_slot_stats *s)
{
	t->ingress.drops[DROP_SOCKET_QUEUE] += s->all.socket_queue;
	t->ingress.drops[DROP_NOT_MATCHED] += s->all.not_matched;
	t->ingress.drops[DROP_VLAN] += s->all.vlan;
	t->ingress.received += s->all.socket_queue + s->all.not_matched + s->all.vlan;
	t->iface_not_ipv4_udp += s->all.not_ipv4_udp;
}

void control_stats_totals(const struct control *c, struct stats_totals *t)
{
	struct worker_summary s;
	struct iface_slot_stats f;
	struct iface_queue q;

	memset(t, 0, sizeof(*t));
	for (unsigned w = 0; w < c->workers; w++)
		if (control_stats_settled(c, w, &s) == 0)
			stats_totals_add_worker(t, &s);
	for (uint32_t slot = 0; slot < MCR_MAX_IFACES; slot++)
		if (control_stats_iface(c, slot, &f, &q) == 0)
			stats_totals_add_iface(t, &f);
}

static uint64_t send_errors(const struct egress_counters *e)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < SEND_DROPS; i++)
		sum += e->drops[i];
	return sum;
}

static void stats_line(void *ctx, const struct ipc_msg *request, int status, uint64_t value)
{
	const struct control *c = ctx;
	struct stats_totals t;
	uint64_t rx_err = 0;

	control_stats_totals(c, &t);
	for (unsigned i = 0; i < DROP_REASONS; i++)
		rx_err += i == DROP_NOT_MATCHED || i == DROP_VLAN ? 0 : t.ingress.drops[i];
	log_raw(FAC_STATS,
		"[STATS] t_ms=%" PRIu64 " rx=%" PRIu64 " tx=%" PRIu64 " matched=%" PRIu64
		" not_matched=%" PRIu64 " rx_err=%" PRIu64 " tx_err=%" PRIu64
		" buf_exhaust=%" PRIu64,
		(uint64_t)((monotonic_ns() - c->started_ns) / NS_PER_MS), t.ingress.received,
		t.egress.sent, t.ingress.matched,
		t.ingress.drops[DROP_NOT_MATCHED] + t.ingress.drops[DROP_VLAN], rx_err,
		send_errors(&t.egress), t.ingress.buf_exhaust);
}

void control_stats_start(struct control *c, uint64_t now_ns)
{
	const char *text = getenv("MCR_STATS_INTERVAL_MS");
	char *end = NULL;
	unsigned long ms = INTERVAL_DEFAULT_MS;

	if (text) {
		errno = 0;
		ms = strtoul(text, &end, 10);
		if (errno || end == text || *end || text[0] == '-' || ms > INTERVAL_MAX_MS) {
			log_msg(SEV_WARNING, FAC_STATS,
				"MCR_STATS_INTERVAL_MS=%s: must be 0..%d; using %d", text,
				INTERVAL_MAX_MS, INTERVAL_DEFAULT_MS);
			ms = INTERVAL_DEFAULT_MS;
		}
	}
	c->stats.interval_ns = ms * NS_PER_MS;
	c->stats.next_ns = ms ? now_ns + c->stats.interval_ns : UINT64_MAX;
}

void control_stats_tick(struct control *c, uint64_t now_ns)
{
	struct ipc_msg msg = {.type = IPC_REFRESH_STATS};

	if (now_ns < c->stats.next_ns)
		return;
	/* From when it was due, so that lines do not drift; late ones are left out. */
	c->stats.next_ns += c->stats.interval_ns;
	if (c->stats.next_ns <= now_ns)
		c->stats.next_ns = now_ns + c->stats.interval_ns;
	control_super_request(&c->super, &msg, -1, stats_line, c);
}

/* Appends " name N" to a list; what does not fit is left out. */
static void add_count(char *list, size_t size, const char *name, uint64_t n)
{
	const size_t used = strlen(list);

	if (n)
		snprintf(list + used, size - used, "%s %s %" PRIu64, used ? "," : "", name, n);
}

/* By reason what a rule wanted and did not get: the lines for scrapers have no room for it. */
static void say_losses(const struct stats_totals *t)
{
	char list[1024] = "";

	for (enum drop_reason r = 0; r < DROP_REASONS; r++) {
		if (r != DROP_NOT_MATCHED && r != DROP_NOT_IPV4_UDP && r != DROP_VLAN)
			add_count(list, sizeof(list), drop_reason_name(r), t->ingress.drops[r]);
	}
	for (enum send_drop r = 0; r < SEND_DROPS; r++)
		add_count(list, sizeof(list), send_drop_name(r), t->egress.drops[r]);
	if (list[0])
		log_msg(SEV_NOTICE, FAC_STATS, "not relayed since the start:%s", list);
}

void control_stats_final(const struct control *c)
{
	struct stats_totals t;

	control_stats_totals(c, &t);
	say_losses(&t);
	if (!c->stats.interval_ns)
		return;
	log_raw(FAC_STATS,
		"[STATS:Ingress FINAL] total: recv=%" PRIu64 " matched=%" PRIu64
		" egr_sent=%" PRIu64 " filtered=%" PRIu64 " no_match=%" PRIu64
		" buf_exhaust=%" PRIu64,
		t.ingress.received, t.ingress.matched, t.egress.matched,
		t.iface_not_ipv4_udp + t.ingress.drops[DROP_NOT_IPV4_UDP] +
			t.ingress.drops[DROP_VLAN],
		t.ingress.drops[DROP_NOT_MATCHED] - t.iface_not_ipv4_udp, t.ingress.buf_exhaust);
	log_raw(FAC_STATS,
		"[STATS:Egress FINAL] total: sent=%" PRIu64 " submitted=%" PRIu64
		" ch_recv=%" PRIu64 " errors=%" PRIu64 " bytes=%" PRIu64,
		t.egress.sent, t.egress.matched, t.egress.matched, send_errors(&t.egress),
		t.egress.bytes);
}
