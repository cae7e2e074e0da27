// SPDX-License-Identifier: MIT
/*
 * fuzz_relay.c - any frames, any refusals: counters balance and every buffer comes back
 *
 * The input is a list of steps of five bytes: a frame (which rule, size, segment size,
 * how it is spoilt), or a flush, a swap of the table, a change of the kernel's mood.
 *
 * Links: core/relay/guard.c core/relay/relay.c core/relay/egress.c core/relay/egress_send.c
 * Links: core/relay/egress_done.c core/relay/match.c core/relay/match_build.c core/rules/snapshot.c
 * Links: core/rules/snapshot_parse.c core/base/addr.c core/relay/bufpool.c core/base/arena.c
 * Links: core/base/counters.c core/relay/frame.c core/relay/limiter.c core/relay/finished.c
 * Links: core/relay/refusal.c core/relay/journal.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/relay/bufpool.h"
#include "core/relay/relay.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/core/egress_fixture.h"
#include "tests/unit/core/frame_fixture.h"
#include "tests/unit/core/table_fixture.h"

#define STEP_BYTES 5
#define STEPS_MAX  150
#define RULES      6

static const struct table_output outs[] = {
	{.iface = 0, .group = FIXTURE_GROUP + 9, .port = 6000},
	{.iface = 1, .group = FIXTURE_GROUP + 9, .port = 6001, .ttl = 5},
	{.iface = TABLE_BIG_IFACE, .group = FIXTURE_GROUP + 9, .port = 6002, .dscp = 7},
	{.iface = MCR_NO_SLOT, .group = FIXTURE_GROUP + 9, .port = 6003},
};

static const struct table_output divided_outs[] = {
	{.iface = 0, .group = FIXTURE_GROUP + 9, .port = 6000, .divided = 1},
	{.iface = 1, .group = FIXTURE_GROUP + 9, .port = 6001, .divided = 2},
	{.iface = MCR_NO_SLOT, .group = FIXTURE_GROUP + 9, .port = 6003},
};
#define DIVIDED_RULE 5
#define DIVIDED_SLOT 9 /* of its first output */

static const struct table_rule rules[RULES] = {
	{.group = FIXTURE_GROUP, .port = 5000, .n_outputs = 4, .outputs = outs},
	{.group = FIXTURE_GROUP,
	 .port = 5001,
	 .priority = RULE_PRIORITY_LOW,
	 .n_outputs = 1,
	 .outputs = outs},
	{.group = FIXTURE_GROUP, .port = 5002, .pps = 20, .n_outputs = 2, .outputs = outs},
	{.group = FIXTURE_GROUP, .port = 5003, .bps = 100000, .n_outputs = 1, .outputs = outs + 2},
	{.group = FIXTURE_GROUP,
	 .port = 5004,
	 .source = FIXTURE_SOURCE,
	 .n_outputs = 1,
	 .priority = RULE_PRIORITY_HIGH,
	 .outputs = outs + 1},
	{.group = FIXTURE_GROUP,
	 .port = 5000 + DIVIDED_RULE,
	 .division = {1, 2},
	 .n_outputs = 3,
	 .outputs = divided_outs},
};

/* Made once, because an arena is 40 MB; every input leaves all buffers offered. */
static struct world {
	void *arena;
	struct bufpool pool;
	struct worker_page *page;
	struct fake_kernel *k;
	struct relay *relay;
	struct match_table *table;
	uint32_t next[BUF_CLASSES];
	uint8_t mood;
	uint64_t now_ns;
} w;

static int refuse(struct fake_kernel *k, const struct fake_send *s)
{
	static const int codes[] = {EAGAIN, EIO,    EMSGSIZE, EINVAL, ECONNREFUSED,
				    EPERM,  ENODEV, ENOBUFS,  EACCES};
	const unsigned mood = w.mood & 0xf;

	if (mood >= sizeof(codes) / sizeof(codes[0]))
		return 0;
	if (w.mood & 0x10 && !s->segment)
		return 0;
	if (w.mood & 0x20 && s->port != 6000)
		return 0;
	return w.mood & 0x40 && k->n_log % 3 ? 0 : codes[mood];
}

static void world_make(void)
{
	w.arena = aligned_alloc(ARENA_PAGE, WORKER_ARENA_BYTES);
	w.page = calloc(1, sizeof(*w.page));
	w.k = fake_new();
	MUST(w.arena && w.page && w.k);
	bufpool_init(&w.pool, w.arena, 0);
	w.k->refuse = refuse;
}

/* A fresh engine for each input, because an engine remembers what the kernel has refused. */
static void engine_make(bool per_packet)
{
	MUST(fake_attach(w.k, &w.pool, w.page, per_packet, TABLE_IFACES));
	w.relay = relay_new(&w.pool, w.k->egress, w.page);
	MUST(w.relay);
}

static void frame_in(const uint8_t step[STEP_BYTES])
{
	static uint8_t frame[BUF_SUPER_BYTES];
	const uint32_t size = (uint32_t)step[2] << 8 | step[3];
	struct frame_spec spec = {
		.port = (uint16_t)(5000 + step[1] % (RULES + 1)),
		.payload_bytes = size % (step[0] & 0x10 ? 65508 : 300),
		.gso_size = (uint16_t)(step[0] & 0x20 ? step[4] * (step[0] & 0x40 ? 40 : 1) : 0),
		.no_udp_sum = true,
		.source = FIXTURE_SOURCE + (step[1] >> 6),
		.division = step[4] % 4,
	};
	uint32_t len;
	enum buf_class class;
	int buffer = -EBUSY;

	/* Tens of thousands of datagrams in one frame only take time. */
	if (spec.gso_size && spec.gso_size < spec.payload_bytes / 500)
		spec.gso_size = (uint16_t)(spec.payload_bytes / 500);
	len = fixture_frame(frame, &spec);
	class = len <= BUF_SMALL_BYTES && !(step[1] & 0x20) ? BUF_SMALL : BUF_SUPER;
	for (uint32_t i = 0; buffer < 0 && i < w.pool.class[class].buffers; i++)
		buffer =
			bufpool_take(&w.pool, class, w.next[class]++ % w.pool.class[class].buffers);
	if (buffer < 0)
		return;
	if (step[0] & 0x08 && step[4] < 200)
		frame[step[4] % (len < 60 ? len : 60)] ^= step[3];
	if (step[0] & 0x80)
		len = step[3] & 1 ? len * step[4] / 255 : len + step[4] * 300u;
	memcpy(bufpool_data(&w.pool, (uint32_t)buffer), frame,
	       len < w.pool.class[class].buffer_bytes ? len : w.pool.class[class].buffer_bytes);
	relay_input(w.relay, (uint32_t)buffer, len, 0, LINK_ETHERNET, w.now_ns);
}

static void check(void)
{
	struct egress_counters sum = {0};

	MUST(egress_in_flight(w.k->egress) == 0 && relay_gathered(w.relay) == 0);
	MUST(!w.k->bad && w.k->n_queued == 0);
	for (enum buf_class c = BUF_SMALL; c < BUF_CLASSES; c++)
		MUST(w.pool.class[c].offered == w.pool.class[c].buffers);
	MUST(ingress_counters_balance(&w.page->ingress));
	MUST(egress_counters_balance(&w.page->egress));
	for (uint32_t i = 0; i < 16; i++) {
		MUST(egress_counters_balance(&w.page->output[i].c));
		egress_counters_add(&sum, &w.page->output[i].c);
	}
	MUST(sum.matched == w.page->egress.matched && sum.sent == w.page->egress.sent &&
	     sum.bytes == w.page->egress.bytes);
	for (uint32_t i = DIVIDED_SLOT; i < DIVIDED_SLOT + 3; i++)
		MUST(w.page->output[i].c.matched + w.page->output[i].c.divided ==
		     w.page->rule[DIVIDED_RULE].c.matched);
	w.k->n_log = w.k->n_got = 0;
}

static void flush(void)
{
	relay_flush(w.relay);
	fake_drain(w.k);
	bufpool_commit(&w.pool);
	check();
}

/* Between batches only, as a worker does. */
static void swap(bool away)
{
	struct match_table *table = NULL;

	flush();
	if (!away) {
		table = table_build(rules, RULES, 1, w.page, w.table);
		MUST(table);
	}
	MUST(relay_swap(w.relay, table) == w.table);
	match_free(w.table);
	w.table = table;
}

static void step(const uint8_t s[STEP_BYTES])
{
	switch (s[0] & 7) {
	case 0:
		flush();
		break;
	case 1:
		if (s[1] < 32)
			swap(s[1] < 4);
		break;
	case 2:
		w.mood = s[1];
		w.k->segments_max = s[2] & 1 ? GSO_SEGMENTS_OLD : GSO_SEGMENTS_MAX;
		w.k->payload_max = s[2] & 2 ? 1000 : 0;
		break;
	case 3:
		relay_set_behind(w.relay, s[1] & 1);
		w.now_ns += (uint64_t)s[2] << (s[3] % 30);
		break;
	default:
		frame_in(s);
		if (relay_full(w.relay))
			flush();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!w.arena)
		world_make();
	if (size < 1 || size > 1 + STEPS_MAX * STEP_BYTES)
		return 0;
	memset(w.page->rule, 0, 16 * sizeof(w.page->rule[0]));
	memset(w.page->output, 0, 16 * sizeof(w.page->output[0]));
	memset(&w.page->egress, 0, sizeof(w.page->egress));
	memset(&w.page->ingress, 0, sizeof(w.page->ingress));
	memset(w.next, 0, sizeof(w.next));
	w.now_ns = 1;
	w.mood = 0xff;
	engine_make(data[0] & 1);
	swap(false);
	for (size_t at = 1; at + STEP_BYTES <= size; at += STEP_BYTES)
		step(data + at);
	swap(true);
	relay_free(w.relay);
	egress_free(w.k->egress);
	return 0;
}
