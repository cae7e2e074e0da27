// SPDX-License-Identifier: MIT
/*
 * test_recover.c - workers killed between any two instructions lose nothing
 *
 * Each case relays the same frames through one worker after another.  A worker is stopped
 * at a random call of the kernel, stepped by a random number of instructions, and killed;
 * the last one is left alone.  Then every datagram must have been sent once, in order, and
 * every counter must say so.
 *
 * Links: core/relay/guard.c daemon/worker/io.c daemon/worker/takeover.c core/relay/recover.c
 * Links: core/relay/journal.c core/relay/finished.c core/relay/refusal.c core/relay/relay.c
 * Links: core/relay/egress.c core/relay/egress_send.c core/relay/egress_done.c core/relay/match.c
 * Links: core/relay/match_build.c
 * Links: core/rules/snapshot.c core/rules/snapshot_parse.c core/base/addr.c core/relay/bufpool.c
 * Links: core/base/arena.c core/base/counters.c core/relay/frame.c core/relay/limiter.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/core/recover_fixture.h"
#include "tests/unit/core/worker_fixture.h"

/* Some output is always full. */
static int would_block(uint16_t port, uint32_t first, uint32_t n, bool segmented)
{
	return port % 2 && first % 5 == 0 ? EAGAIN : 0;
}

static int no_segments(uint16_t port, uint32_t first, uint32_t n, bool segmented)
{
	return segmented && port % 3 == 1 ? EIO : 0;
}

/* An ICMP error of another output, now and then. */
static int stale(uint16_t port, uint32_t first, uint32_t n, bool segmented)
{
	return world->mood++ % 11 == 10 ? ECONNREFUSED : 0;
}

static const struct kill_case kill_cases[] = {
	{"one frame at a time", 1, 1, 60, 100, 0, 1},
	{"runs", 1, 1, 900, 100, 0, 64},
	{"sizes that do not join", 1, 2, 300, 0, 0, 40},
	{"fan-out", 1, 3, 600, 200, 0, 50},
	{"super-datagrams", 1, 1, 120, 4000, 400, 20},
	{"super-datagrams, fan-out", 2, 3, 120, 4100, 400, 20},
	{"per packet, fan-out", 2, 3, 400, 300, 100, 30, .per_packet = true},
	{"64 streams, fan-out", 64, 3, 900, 64, 0, 300},
	{"priorities", 9, 2, 500, 64, 0, 100, .priorities = true},
	{"damaged frames and unwanted ones", 3, 1, 400, 64, 0, 60, .damaged = true},
	{"frames that the kernel discards", 2, 2, 300, 4000, 400, 30, .unreadable = true},
	{"rate limit", 2, 2, 400, 64, 0, 60, .pps = 2000},
	{"an output that would block", 3, 3, 500, 64, 0, 60, would_block},
	{"no UDP_SEGMENT on some outputs", 3, 3, 500, 64, 0, 60, no_segments},
	{"64 segments at most", 2, 3, 100, 4000, 40, 20, .segments_max = 64},
	{"stale errors", 3, 2, 500, 64, 0, 60, stale, .any_order = true},
	{"more sends than completions fit", 2, OUTS_MAX, 900, 64, 0, 400, .per_packet = true},
	{"priorities, more sends than completions fit", 6, OUTS_MAX, 900, 64, 0, 400,
	 .per_packet = true, .priorities = true},
	{"stale errors, more sends than completions fit", 2, OUTS_MAX, 900, 64, 0, 400, stale,
	 .per_packet = true, .any_order = true},
	{"divided", 2, 4, 600, 64, 0, 60, .divided = true},
	{"divided super-datagrams, some outputs would block", 3, 3, 300, 4000, 400, 30, would_block,
	 .divided = true},
	{"divided, more sends than completions fit", 2, OUTS_MAX, 900, 64, 0, 400,
	 .per_packet = true, .divided = true},
	{"outputs without an interface", 2, OUTS_MAX, 900, 64, 0, 400, .per_packet = true,
	 .no_iface = true},
};

/* Mostly few instructions: that is where the records change hands. */
static uint32_t some_instructions(void)
{
	return (uint32_t)random() % (1u << (random() % 13));
}

static uint32_t rounds(void)
{
	const char *text = getenv("MCR_RECOVER_ROUNDS");

	return text ? (uint32_t)atoi(text) : ROUNDS;
}

static void kill_anywhere(void **state)
{
	uint32_t wanted[STREAMS_MAX];

	srandom(1);
	for (size_t i = 0; i < sizeof(kill_cases) / sizeof(kill_cases[0]); i++) {
		const struct kill_case *c = &kill_cases[i];
		uint32_t calls;

		set_up(c, wanted);
		last_worker(c);
		check(c, 0, wanted);
		calls = world->calls;
		for (uint32_t round = 1; round <= rounds(); round++) {
			set_up(c, wanted);
			for (unsigned k = 0; k < KILLS; k++) {
				const uint32_t at = (uint32_t)random() % (calls / 3 + 4);
				const int status =
					one_worker(rules, c->streams, at, some_instructions());

				if (status > 0)
					fail_msg("%s, round %u: a worker ended with %d", c->name,
						 round, status);
			}
			last_worker(c);
			check(c, round, wanted);
		}
	}
}

static void finished_is_tidied(void **state)
{
	static const struct {
		const char *name;
		struct arena_finished in[4], out[4];
		uint32_t n_in, n_out;
	} cases[] = {
		{"none", {{0}}, {{0}}, 0, 0},
		{"joined", {{5, 5, 9}, {0, 5, 9}}, {{0, 10, 9}}, 2, 1},
		{"hole", {{0, 5, 9}, {6, 1, 0}}, {{0, 5, 9}, {6, 1, 0}}, 2, 2},
		{"failures stay apart",
		 {{0, 1, -11}, {1, 1, -11}, {2, 1, 9}},
		 {{0, 1, -11}, {1, 1, -11}, {2, 1, 9}},
		 3,
		 3},
		{"overlap", {{0, 5, 9}, {4, 2, 9}, {5, 1, 9}}, {{0, 6, 9}}, 3, 1},
		{"empty", {{3, 0, 9}}, {{0}}, 1, 0},
		{"beyond the last number", {{UINT32_MAX, 2, 9}}, {{0}}, 1, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena_finished ends[4];
		uint32_t n;

		memcpy(ends, cases[i].in, sizeof(ends));
		n = finished_tidy(ends, cases[i].n_in);
		if (n != cases[i].n_out || memcmp(ends, cases[i].out, n * sizeof(ends[0])) != 0)
			fail_msg("%s: %u entries", cases[i].name, n);
	}
}

static void finished_is_found(void **state)
{
	static const struct arena_finished ends[] = {{10, 5, 100}, {15, 1, -11}, {20, 2, 7}};
	const struct finished p = {ends, 3, 3};
	static const struct {
		uint32_t unit, n;
		bool touches;
		int end; /* index of the entry that has @unit, or -1 */
	} cases[] = {
		{0, 1, true, -1},  {2, 1, true, -1}, {3, 7, false, -1},  {3, 8, true, -1},
		{10, 1, true, 0},  {14, 1, true, 0}, {15, 1, true, 1},   {16, 4, false, -1},
		{16, 5, true, -1}, {21, 9, true, 2}, {22, 9, false, -1}, {9, 1, false, -1},
		{14, 9, true, 0},  {0, 0, true, -1}, {11, 0, false, 0},
	};
	const struct finished none = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct arena_finished *end = finished_end(&p, cases[i].unit);

		if (finished_touches(&p, cases[i].unit, cases[i].n) != cases[i].touches)
			fail_msg("%u from %u", cases[i].n, cases[i].unit);
		if (end != (cases[i].end < 0 ? NULL : &ends[cases[i].end]))
			fail_msg("end of %u", cases[i].unit);
	}
	assert_false(finished_touches(&none, 0, 100));
	assert_null(finished_end(&none, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finished_is_tidied),
		cmocka_unit_test(finished_is_found),
		cmocka_unit_test(kill_anywhere),
	};

	return cmocka_run_group_tests(tests, make, NULL);
}
