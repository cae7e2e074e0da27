// SPDX-License-Identifier: MIT
/* stats_line.c - a timer, a reading that may take some turns, and the text */
#include "daemon/control/stats_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/counters.h"
#include "core/base/decimal.h"
#include "daemon/common/log.h"
#include "daemon/control/state.h"
#include "daemon/control/stats.h"
#include "daemon/control/supervisor_channel.h"

#define INTERVAL_DEFAULT_MS 10000
#define INTERVAL_MAX_MS     86400000

static uint64_t send_errors(const struct egress_counters *e)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < SEND_DROPS; i++)
		sum += e->drops[i];
	return sum;
}

static void write_line(const struct control *c, uint64_t now_ns)
{
	struct stats_totals t;
	uint64_t rx_err = 0;

	control_stats_totals(c, &c->stats.reading, &t);
	for (unsigned i = 0; i < DROP_REASONS; i++)
		rx_err += i == DROP_NOT_MATCHED || i == DROP_VLAN ? 0 : t.ingress.drops[i];
	log_raw(FAC_STATS,
		"[STATS] t_ms=%" PRIu64 " rx=%" PRIu64 " tx=%" PRIu64 " matched=%" PRIu64
		" not_matched=%" PRIu64 " rx_err=%" PRIu64 " tx_err=%" PRIu64
		" buf_exhaust=%" PRIu64,
		(uint64_t)((now_ns - c->started_ns) / NS_PER_MS), t.ingress.received, t.egress.sent,
		t.ingress.matched, t.ingress.drops[DROP_NOT_MATCHED] + t.ingress.drops[DROP_VLAN],
		rx_err, send_errors(&t.egress), t.ingress.buf_exhaust);
}

void control_stats_line_start(struct control *c, uint64_t now_ns)
{
	const char *text = getenv("MCR_STATS_INTERVAL_MS");
	uint64_t ms = INTERVAL_DEFAULT_MS;

	if (text && decimal_parse(text, 0, INTERVAL_MAX_MS, &ms) < 0)
		log_msg(SEV_WARNING, FAC_STATS, "MCR_STATS_INTERVAL_MS=%s: must be 0..%d; using %d",
			text, INTERVAL_MAX_MS, INTERVAL_DEFAULT_MS);
	c->stats.interval_ns = ms * NS_PER_MS;
	c->stats.due_ns = ms ? now_ns + c->stats.interval_ns : NEVER_NS;
	c->stats.next_ns = c->stats.due_ns;
}

/* The pages are fresh. */
static void begin_reading(void *ctx, const struct ipc_msg *request, int status, uint64_t value)
{
	struct control *c = ctx;

	c->stats.reading = (struct stats_reading){0};
	c->stats.reading_line = true;
	c->stats.next_ns = 0;
}

static void read_on(struct control *c, uint64_t now_ns)
{
	if (!control_stats_read(c, &c->stats.reading, now_ns)) {
		c->stats.next_ns = now_ns + NS_PER_MS;
		return;
	}
	write_line(c, now_ns);
	c->stats.reading_line = false;
	c->stats.next_ns = c->stats.due_ns;
}

void control_stats_line_tick(struct control *c, uint64_t now_ns)
{
	struct ipc_msg msg = {.type = IPC_REFRESH_STATS};

	if (now_ns < c->stats.next_ns)
		return;
	if (c->stats.reading_line) {
		read_on(c, now_ns);
		return;
	}
	/* From when it was due, so that lines do not drift; late ones are left out. */
	c->stats.due_ns += c->stats.interval_ns;
	if (c->stats.due_ns <= now_ns)
		c->stats.due_ns = now_ns + c->stats.interval_ns;
	c->stats.next_ns = c->stats.due_ns;
	control_supervisor_request(&c->supervisor, &msg, -1, begin_reading, c);
}

/* Appends " name N" to a list; what does not fit is left out. */
static void add_count(char *list, size_t size, const char *name, uint64_t n)
{
	const size_t used = strlen(list);

	if (n)
		snprintf(list + used, size - used, "%s %s %" PRIu64, used ? "," : "", name, n);
}

/* The lines for scrapers have no room for each reason of a loss. */
static void log_losses(const struct stats_totals *t)
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

void control_stats_line_final(const struct control *c)
{
	struct stats_reading reading = {0};
	struct stats_totals t;

	control_stats_read(c, &reading, monotonic_ns());
	control_stats_totals(c, &reading, &t);
	log_losses(&t);
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
