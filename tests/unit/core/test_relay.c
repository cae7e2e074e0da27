// SPDX-License-Identifier: MIT
/*
 * test_relay.c - frames in, sends out: drop reasons, order, priorities
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

#include "core/relay/relay.h"
#include "tests/unit/core/egress_fixture.h"
#include "tests/unit/core/frame_fixture.h"
#include "tests/unit/core/relay_fixture.h"
#include "tests/unit/core/table_fixture.h"

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

	/* In one batch: datagrams of different divisions do not share a send. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(drop_reasons),         TEST(oversize_boundary), TEST(no_table),
		TEST(matched_is_counted),   TEST(divided),           TEST(divided_by_chance),
		TEST(flows_interleaved),    TEST(priorities),        TEST(shed),
		TEST(swap_between_batches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
