// SPDX-License-Identifier: MIT
/*
 * test_relay_limits.c - rate limits and the bounds of a batch
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

/* A batch is bounded in the packets that leave, too: datagrams, outputs and fragments. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(limit_cuts_a_super_datagram),
		TEST(limit_of_a_late_worker),
		TEST(limit_leaves_the_last_as_it_is),
		TEST(limit_in_bits),
		TEST(full),
		TEST(full_of_packets),
		TEST(every_buffer_in_one_batch),
		TEST(many_batches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
