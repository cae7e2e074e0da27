// SPDX-License-Identifier: MIT
/*
 * test_relay.c - frames in, sends out: drop reasons, order, priorities, limits
 *
 * Links: core/relay/guard.c core/relay/relay.c core/relay/egress.c core/relay/egress_send.c
 * Links: core/relay/egress_done.c core/relay/match.c core/relay/match_build.c core/rules/snapshot.c
 * Links: core/rules/snapshot_parse.c core/base/addr.c core/relay/bufpool.c core/base/arena.c
 * Links: core/base/counters.c core/relay/frame.c core/relay/limiter.c core/relay/finished.c
 * Links: core/relay/refusal.c core/relay/journal.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/relay/bufpool.h"
#include "core/relay/relay.h"
#include "tests/unit/core/egress_fixture.h"
#include "tests/unit/core/frame_fixture.h"
#include "tests/unit/core/table_fixture.h"

#define SECOND 1000000000ull

/* One rule per input port from 5000 on; rule i sends to port 6000 + i. */
enum { NORMAL, HIGH, LOW, PPS, BPS, TWO_OUTPUTS, OTHER_IFACE, DIVIDED, RULES };

static const struct table_output outs[] = {
	{.iface = 0, .group = FIXTURE_GROUP + 1, .port = 6000 + NORMAL},
	{.iface = 0, .group = FIXTURE_GROUP + 1, .port = 6000 + HIGH},
	{.iface = 0, .group = FIXTURE_GROUP + 1, .port = 6000 + LOW},
	{.iface = 0, .group = FIXTURE_GROUP + 1, .port = 6000 + PPS},
	{.iface = 0, .group = FIXTURE_GROUP + 1, .port = 6000 + BPS},
	{.iface = 0, .group = FIXTURE_GROUP + 1, .port = 6000 + TWO_OUTPUTS},
	{.iface = 1, .group = FIXTURE_GROUP + 1, .port = 6100},
};

/* Under division 70 the kernel path has the first two, under 60 the last; outputs 8, 9 and 10. */
static const struct table_output divided_outs[] = {
	{.iface = 0, .group = FIXTURE_GROUP + 1, .port = 6200, .divided = 1},
	{.iface = 1, .group = FIXTURE_GROUP + 1, .port = 6201, .divided = 1},
	{.iface = 1, .group = FIXTURE_GROUP + 1, .port = 6202, .divided = 2},
};
#define DIVIDED_SLOT 8

#define RULE(i, level, n, ...)                    \
	[i] = {.group = FIXTURE_GROUP,            \
	       .port = 5000 + (i),                \
	       .n_outputs = n,                    \
	       .outputs = &outs[i],               \
	       .priority = RULE_PRIORITY_##level, \
	       __VA_ARGS__}

static const struct table_rule rules[RULES] = {
	RULE(NORMAL, NORMAL, 1),
	RULE(HIGH, HIGH, 1),
	RULE(LOW, LOW, 1),
	RULE(PPS, NORMAL, 1, .pps = 100),
	RULE(BPS, NORMAL, 1, .bps = 80000000), /* 500,000 bytes in 50 ms */
	RULE(TWO_OUTPUTS, NORMAL, 2),
	RULE(OTHER_IFACE, NORMAL, 1, .iface = 2),
	[DIVIDED] = {.group = FIXTURE_GROUP,
		     .port = 5000 + DIVIDED,
		     .priority = RULE_PRIORITY_NORMAL,
		     .division = {70, 60},
		     .n_outputs = 3,
		     .outputs = divided_outs},
};

struct env {
	void *arena;
	struct bufpool pool;
	struct worker_page *page;
	struct fake_kernel *k;
	struct relay *relay;
	struct match_table *table;
	uint32_t next[BUF_CLASSES];
};

static struct env *env;

static int start(void **state)
{
	env = calloc(1, sizeof(*env));
	assert_non_null(env);
	memset(&table_limits, 0, sizeof(table_limits));
	env->arena = aligned_alloc(ARENA_PAGE, WORKER_ARENA_BYTES);
	env->page = calloc(1, sizeof(*env->page));
	env->k = fake_new();
	assert_true(env->arena && env->page && env->k);
	bufpool_init(&env->pool, env->arena, 0);
	assert_true(fake_attach(env->k, &env->pool, env->page, false, TABLE_IFACES));
	env->relay = relay_new(&env->pool, env->k->egress, env->page);
	env->table = table_build(rules, RULES, 1, env->page, NULL);
	assert_true(env->relay && env->table);
	assert_null(relay_swap(env->relay, env->table));
	return 0;
}

static void check(void)
{
	assert_null(env->k->bad);
	assert_int_equal(egress_in_flight(env->k->egress), 0);
	for (enum buf_class c = BUF_SMALL; c < BUF_CLASSES; c++)
		assert_int_equal(env->pool.class[c].offered, env->pool.class[c].buffers);
	assert_true(ingress_counters_balance(&env->page->ingress));
	assert_true(egress_counters_balance(&env->page->egress));
	for (uint32_t i = 0; i < DIVIDED_SLOT + 3; i++)
		assert_true(egress_counters_balance(&env->page->output[i].c));
}

static int stop(void **state)
{
	check();
	relay_free(env->relay);
	egress_free(env->k->egress);
	match_free(env->table);
	free(env->k);
	free(env->page);
	free(env->arena);
	free(env);
	return 0;
}

static void flush(void)
{
	relay_flush(env->relay);
	fake_drain(env->k);
	assert_int_equal(relay_gathered(env->relay), 0);
	check();
}

/* A frame of @len true bytes, of which the buffer has what fits. */
static void input_bytes(const uint8_t *frame, size_t len, enum buf_class class, uint32_t iface,
			uint64_t now_ns)
{
	const uint32_t room = env->pool.class[class].buffer_bytes;
	const uint32_t bid = env->next[class]++ % env->pool.class[class].buffers;
	const int buffer = bufpool_take(&env->pool, class, bid);

	assert_true(buffer >= 0);
	memcpy(bufpool_data(&env->pool, (uint32_t)buffer), frame, len < room ? len : room);
	relay_input(env->relay, (uint32_t)buffer, len, iface, LINK_ETHERNET, now_ns);
}

static void input_at(int rule, uint32_t bytes, uint16_t gso_size, uint8_t fill, uint64_t now_ns)
{
	static uint8_t frame[FIXTURE_MAX];
	const struct frame_spec spec = {.port = (uint16_t)(5000 + rule),
					.payload_bytes = bytes,
					.gso_size = gso_size,
					.fill = fill};
	const uint32_t len = fixture_frame(frame, &spec);

	input_bytes(frame, len, len <= BUF_SMALL_BYTES ? BUF_SMALL : BUF_SUPER, 0, now_ns);
}

static void input(int rule, uint32_t bytes)
{
	input_at(rule, bytes, 0, 0, SECOND);
}

static uint64_t drops(enum drop_reason why)
{
	return env->page->ingress.drops[why];
}

/* --- drop reasons --- */

static void spoil_checksum(uint8_t *frame)
{
	frame[FIXTURE_VNET + FIXTURE_ETHER + 28] ^= 1;
}
static void spoil_ip(uint8_t *frame)
{
	frame[FIXTURE_VNET + FIXTURE_ETHER + 8] ^= 1;
}
static void spoil_type(uint8_t *frame)
{
	frame[FIXTURE_VNET + 13] = 6;
}
static void spoil_port(uint8_t *frame)
{
	uint8_t *ip = frame + FIXTURE_VNET + FIXTURE_ETHER;

	fixture_put16(ip + 22, 4999);
	fixture_fix_udp(ip, 8 + 900);
}
static void spoil_fragment(uint8_t *frame)
{
	uint8_t *ip = frame + FIXTURE_VNET + FIXTURE_ETHER;

	ip[6] = 0x20;
	fixture_fix_ip(ip);
}
static void spoil_length(uint8_t *frame)
{
	fixture_put16(frame + FIXTURE_VNET + FIXTURE_ETHER + 24, 3);
}

static void drop_reasons(void **state)
{
	static const struct {
		const char *name;
		void (*spoil)(uint8_t *frame);
		int32_t longer; /* added to the true length */
		uint32_t iface;
		enum drop_reason why;
		uint32_t datagrams;
	} cases[] = {
		{"checksum", spoil_checksum, 0, 0, DROP_BAD_UDP_CHECKSUM, 3},
		{"IP checksum", spoil_ip, 0, 0, DROP_BAD_IP_CHECKSUM, 1},
		{"ethertype", spoil_type, 0, 0, DROP_NOT_IPV4_UDP, 1},
		{"no rule", spoil_port, 0, 0, DROP_NOT_MATCHED, 3},
		{"no rule on this interface", NULL, 0, 1, DROP_NOT_MATCHED, 3},
		{"fragment", spoil_fragment, 0, 0, DROP_FRAGMENT, 1},
		{"length", spoil_length, 0, 0, DROP_BAD_LENGTH, 1},
		{"cut", NULL, -1, 0, DROP_TRUNCATED, 1},
		{"larger than its buffer", NULL, 2000, 0, DROP_OVERSIZE, 1},
	};
	const struct frame_spec spec = {.port = 5000, .payload_bytes = 900, .gso_size = 300};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static uint8_t frame[FIXTURE_MAX];
		const struct ingress_counters before = env->page->ingress;
		struct ingress_counters want = before;
		uint32_t len = fixture_frame(frame, &spec);

		if (cases[i].spoil)
			cases[i].spoil(frame);
		len += (uint32_t)cases[i].longer;
		input_bytes(frame, len, BUF_SMALL, cases[i].iface, SECOND);
		want.frames++;
		want.received += cases[i].datagrams;
		want.drops[cases[i].why] += cases[i].datagrams;
		if (memcmp(&want, &env->page->ingress, sizeof(want)) != 0)
			fail_msg("%s: counted otherwise", cases[i].name);
		assert_int_equal(relay_gathered(env->relay), 0);
		check(); /* the buffer is back at once */
	}
	flush();
	assert_int_equal(env->k->n_log, 0);
}

/* The largest frame that its buffer holds passes, one byte more does not. */
static void oversize_boundary(void **state)
{
	const uint32_t headers = FIXTURE_VNET + FIXTURE_ETHER + 28;
	static uint8_t frame[FIXTURE_MAX];
	struct frame_spec spec = {.port = 5000, .payload_bytes = BUF_SMALL_BYTES - headers};

	input_bytes(frame, fixture_frame(frame, &spec), BUF_SMALL, 0, SECOND);
	assert_int_equal(relay_gathered(env->relay), 1);
	spec.payload_bytes++;
	input_bytes(frame, fixture_frame(frame, &spec), BUF_SMALL, 0, SECOND);
	assert_int_equal(drops(DROP_OVERSIZE), 1);
	assert_int_equal(relay_gathered(env->relay), 1);
	flush();
	assert_int_equal(env->k->n_got, 1);
}

static void no_table(void **state)
{
	assert_ptr_equal(relay_swap(env->relay, NULL), env->table);
	input(NORMAL, 100);
	assert_int_equal(drops(DROP_NOT_MATCHED), 1);
	flush();
	assert_int_equal(env->k->n_log, 0);
	assert_null(relay_swap(env->relay, env->table));
	input(NORMAL, 100);
	flush();
	assert_int_equal(env->k->n_got, 1);
}

static void matched_is_counted(void **state)
{
	const struct rule_counters *r = &env->page->rule[TWO_OUTPUTS].c;

	input_at(TWO_OUTPUTS, 2500, 1000, 0, SECOND);
	input(TWO_OUTPUTS, 0);
	assert_int_equal(relay_gathered(env->relay), 4);
	flush();
	assert_int_equal(env->page->ingress.frames, 2);
	assert_int_equal(env->page->ingress.received, 4);
	assert_int_equal(env->page->ingress.matched, 4);
	assert_int_equal(env->page->ingress.bytes, 2500);
	assert_int_equal(r->matched, 4);
	assert_int_equal(r->bytes, 2500);
	assert_int_equal(env->page->egress.matched, 8);
	assert_int_equal(env->page->egress.sent, 8);
	assert_int_equal(env->page->egress.bytes, 5000);
	assert_int_equal(env->k->n_got, 8);
}

/* --- divisions --- */

static void input_divided(int rule, uint32_t division, uint32_t bytes, uint16_t gso_size)
{
	static uint8_t frame[FIXTURE_MAX];
	const struct frame_spec spec = {.port = (uint16_t)(5000 + rule),
					.payload_bytes = bytes,
					.gso_size = gso_size,
					.division = division};

	input_bytes(frame, fixture_frame(frame, &spec), BUF_SMALL, 0, SECOND);
}

static uint32_t got(uint16_t port)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < env->k->n_got; i++)
		n += env->k->got[i].port == port;
	return n;
}

/* Each output gets a datagram from the kernel path or from here, and is counted so. */
static void divided(void **state)
{
	static const uint64_t want[3][2] = {{5, 3}, {5, 3}, {6, 2}}; /* sent, divided */
	const struct rule_counters *r = &env->page->rule[DIVIDED].c;

	/* In one batch: what is divided otherwise may not share a send. */
	input_divided(DIVIDED, 0, 300, 0);
	input_divided(DIVIDED, 70, 300, 0);
	input_divided(DIVIDED, 60, 600, 300);
	input_divided(DIVIDED, 70, 600, 300);
	input_divided(DIVIDED, 0, 600, 300);
	input_divided(DIVIDED, 71, 600, 300);
	assert_int_equal(relay_gathered(env->relay), 8);
	assert_int_equal(relay_packets(env->relay), 3 + 1 + 2 * 2 + 2 + 3 * 2);
	flush();
	for (unsigned o = 0; o < 3; o++) {
		const struct egress_counters *c = &env->page->output[DIVIDED_SLOT + o].c;

		assert_int_equal(got((uint16_t)(6200 + o)), want[o][0]);
		assert_int_equal(c->sent, want[o][0]);
		assert_int_equal(c->matched, want[o][0]);
		assert_int_equal(c->divided, want[o][1]);
		assert_int_equal(c->matched + c->divided, r->matched);
	}
	assert_int_equal(r->matched, 8);
	assert_int_equal(env->page->egress.matched, 16);
	assert_int_equal(env->page->ingress.received, 10);
	assert_int_equal(drops(DROP_UNKNOWN_DIVISION), 2);
}

/* A sender may have such an address: without a division it means nothing. */
static void divided_by_chance(void **state)
{
	input_divided(TWO_OUTPUTS, 70, 300, 0);
	flush();
	assert_int_equal(got(6000 + TWO_OUTPUTS), 1);
	assert_int_equal(got(6100), 1);
	assert_int_equal(drops(DROP_UNKNOWN_DIVISION), 0);
}

/* --- order --- */

/* Many flows interleaved: each leaves in few sends, in its order, byte for byte. */
static void flows_interleaved(void **state)
{
	uint32_t seen[2] = {0};

	for (unsigned i = 0; i < 60; i++) {
		input_at(NORMAL, 100, 0, (uint8_t)i, SECOND);
		input_at(TWO_OUTPUTS, 200, 0, (uint8_t)(i + 100), SECOND);
	}
	flush();
	assert_int_equal(env->k->n_log, 3);
	for (uint32_t i = 0; i < env->k->n_got; i++) {
		const struct fake_datagram *d = &env->k->got[i];
		const unsigned flow = d->bytes == 200;
		uint8_t want[200];

		if (d->port == 6100)
			continue;
		for (unsigned b = 0; b < d->bytes; b++)
			want[b] = (uint8_t)(seen[flow] + (flow ? 100 : 0) + b);
		assert_int_equal(d->sum, fake_sum(want, d->bytes));
		seen[flow]++;
	}
	assert_int_equal(seen[0], 60);
	assert_int_equal(seen[1], 60);
}

static void priorities(void **state)
{
	static const uint16_t want[] = {6000 + HIGH, 6000 + NORMAL, 6000 + TWO_OUTPUTS, 6100,
					6000 + LOW};

	for (unsigned batch = 0; batch < 2; batch++) {
		env->k->n_log = 0;
		input(LOW, 100);
		input(NORMAL, 100);
		input(HIGH, 100);
		input(TWO_OUTPUTS, 100);
		input(LOW, 100);
		input(HIGH, 100);
		flush();
		assert_int_equal(env->k->n_log, 5);
		for (unsigned i = 0; i < 5; i++)
			assert_int_equal(env->k->log[i].port, want[i]);
	}
}

static void shed(void **state)
{
	relay_set_behind(env->relay, true);
	input_at(LOW, 2500, 1000, 0, SECOND);
	input(NORMAL, 100);
	input(HIGH, 100);
	assert_int_equal(drops(DROP_SHED), 3);
	assert_int_equal(env->page->rule[LOW].c.drops_shed, 3);
	assert_int_equal(env->page->rule[LOW].c.matched, 0);
	flush();
	assert_int_equal(env->k->n_got, 2);
	relay_set_behind(env->relay, false);
	input(LOW, 100);
	flush();
	assert_int_equal(env->k->n_got, 3);
	assert_int_equal(drops(DROP_SHED), 3);
}

/* --- rate limits --- */

/* 100 pps: five datagrams at once.  A super-datagram is cut after what may pass. */
static void limit_cuts_a_super_datagram(void **state)
{
	input_at(PPS, 2000, 1000, 0, SECOND);
	input_at(PPS, 7500, 1000, 50, SECOND);
	assert_int_equal(relay_gathered(env->relay), 5);
	assert_int_equal(drops(DROP_RATE_LIMITED), 5);
	assert_int_equal(env->page->rule[PPS].c.drops_rate_limited, 5);
	assert_int_equal(env->page->rule[PPS].c.matched, 5);
	assert_int_equal(env->page->rule[PPS].c.bytes, 5000);
	input(PPS, 10);
	assert_int_equal(drops(DROP_RATE_LIMITED), 6);
	flush();
	assert_int_equal(env->k->n_got, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(env->k->got[i].bytes, 1000);
	/* 10 ms later there is room for one more. */
	input_at(PPS, 2000, 1000, 0, SECOND + 10000000);
	flush();
	assert_int_equal(env->k->n_got, 6);
	assert_int_equal(drops(DROP_RATE_LIMITED), 7);
}

/*
 * A worker stood still for 300 ms: what waited for it has the tokens of that time, over some
 * passes.  A worker that slept gives no more than a burst, and none more than a second's.
 */
static void limit_of_a_late_worker(void **state)
{
	static const struct {
		uint64_t at_ms;
		uint32_t times; /* passes from then on, each 50.04 ms after the other */
		uint32_t offered, passed;
	} passes[] = {
		{1000, 1, 10, 5},  /* a burst */
		{1300, 1, 20, 20}, /* late by 250 ms, and 25 since the burst was sent */
		{1325, 1, 20, 12}, /* the rest of that */
		{1326, 1, 20, 0},    {1376, 1, 20, 5}, /* 50 ms later */
		{2000, 40, 0, 0},                      /* silence */
		{4002, 1, 200, 5},                     /* a burst */
		{9000, 1, 200, 105},                   /* late by more than a second */
	};

	for (size_t i = 0; i < sizeof(passes) / sizeof(passes[0]); i++) {
		uint64_t now_ns = passes[i].at_ms * (SECOND / 1000);

		for (uint32_t k = 0; k < passes[i].times; k++, now_ns += SECOND / 20 + 40000)
			relay_begin_pass(env->relay, now_ns);
		now_ns = passes[i].at_ms * (SECOND / 1000);
		for (uint32_t k = 0; k < passes[i].offered; k++)
			input_at(PPS, 10, 0, (uint8_t)k, now_ns);
		if (relay_gathered(env->relay) != passes[i].passed)
			fail_msg("at %lu ms: %u passed, not %u", (unsigned long)passes[i].at_ms,
				 relay_gathered(env->relay), passes[i].passed);
		flush();
	}
}

/* All of it passes: the shorter last datagram keeps its length. */
static void limit_leaves_the_last_as_it_is(void **state)
{
	input_at(PPS, 4100, 1000, 0, SECOND);
	flush();
	assert_int_equal(env->k->n_got, 5);
	assert_int_equal(env->k->got[4].bytes, 100);
}

static void limit_in_bits(void **state)
{
	for (unsigned i = 0; i < 12; i++)
		input_at(BPS, 50000, 1000, 0, SECOND);
	assert_int_equal(relay_gathered(env->relay), 500);
	assert_int_equal(drops(DROP_RATE_LIMITED), 100);
	flush();
	assert_int_equal(env->k->n_got, 500);
}

/* --- the batch --- */

static void full(void **state)
{
	assert_false(relay_full(env->relay));
	for (unsigned i = 0; i < RELAY_GATHER_DATAGRAMS - 1; i++)
		input(NORMAL, 10);
	assert_false(relay_full(env->relay));
	input(NORMAL, 10);
	assert_true(relay_full(env->relay));
	flush();
	assert_false(relay_full(env->relay));
	for (unsigned i = 0; i < 21; i++) /* 49 datagrams each: few items are full as well */
		input_at(NORMAL, 49 * 1000, 1000, 0, SECOND);
	assert_true(relay_full(env->relay));
	flush();
	assert_int_equal(env->k->n_got, RELAY_GATHER_DATAGRAMS + 21 * 49);
}

/* A batch is bounded in what leaves, too: datagrams, outputs and fragments. */
static void full_of_packets(void **state)
{
	relay_set_packets_max(env->relay, 0);
	for (unsigned i = 0; i < RELAY_PACKETS_MIN / 2 - 1; i++)
		input(TWO_OUTPUTS, 10);
	assert_int_equal(relay_packets(env->relay), RELAY_PACKETS_MIN - 2);
	assert_false(relay_full(env->relay));
	input(TWO_OUTPUTS, 10);
	assert_true(relay_full(env->relay));
	flush();
	assert_int_equal(relay_packets(env->relay), 0);
	assert_false(relay_full(env->relay));
	/* Two outputs, 1,500 bytes: the MTU of each is 1,500, which makes two fragments. */
	input_at(TWO_OUTPUTS, 30000, 1500, 0, SECOND);
	assert_int_equal(relay_packets(env->relay), 20 * 2 * 2);
	flush();
	relay_set_packets_max(env->relay, UINT64_MAX);
	for (unsigned i = 0; i < RELAY_PACKETS_MIN; i++)
		input(TWO_OUTPUTS, 10);
	assert_false(relay_full(env->relay));
	flush();
}

/* Every buffer there is may be in one batch: the array holds them all. */
static void every_buffer_in_one_batch(void **state)
{
	static uint8_t frame[FIXTURE_MAX];
	const struct frame_spec spec = {.port = 5000, .payload_bytes = 20};
	const uint32_t len = fixture_frame(frame, &spec);

	for (enum buf_class c = BUF_SMALL; c < BUF_CLASSES; c++)
		for (uint32_t i = 0; i < env->pool.class[c].buffers; i++)
			input_bytes(frame, len, c, 0, SECOND);
	assert_int_equal(relay_gathered(env->relay), BUF_TOTAL_COUNT);
	flush();
	assert_int_equal(env->k->n_got, BUF_TOTAL_COUNT);
}

/* A batch leaves nothing behind that the next ones could fill up. */
static void many_batches(void **state)
{
	for (unsigned i = 0; i < 3 * RELAY_BATCH_ITEMS; i++) {
		input(HIGH, 10);
		input(NORMAL, 10);
		relay_flush(env->relay);
		fake_drain(env->k);
	}
	assert_int_equal(env->k->n_got, 6 * RELAY_BATCH_ITEMS);
}

static void swap_between_batches(void **state)
{
	struct match_table *next = table_build(rules, RULES, 2, env->page, env->table);
	struct match_table *old;

	assert_non_null(next);
	input(NORMAL, 100);
	flush();
	old = relay_swap(env->relay, next);
	assert_ptr_equal(old, env->table);
	match_free(old);
	env->table = next;
	input(NORMAL, 100);
	flush();
	assert_int_equal(env->k->n_got, 2);
	assert_int_equal(env->page->rule[NORMAL].c.matched, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(drop_reasons),
		TEST(oversize_boundary),
		TEST(no_table),
		TEST(matched_is_counted),
		TEST(divided),
		TEST(divided_by_chance),
		TEST(flows_interleaved),
		TEST(priorities),
		TEST(shed),
		TEST(limit_cuts_a_super_datagram),
		TEST(limit_of_a_late_worker),
		TEST(limit_leaves_the_last_as_it_is),
		TEST(limit_in_bits),
		TEST(full),
		TEST(full_of_packets),
		TEST(every_buffer_in_one_batch),
		TEST(many_batches),
		TEST(swap_between_batches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
