// SPDX-License-Identifier: MIT
/*
 * test_egress_gso.c - UDP_SEGMENT: when it is tried, refused, put off and tried again
 *
 * Links: core/relay/egress.c core/relay/egress_send.c core/relay/egress_done.c core/relay/match.c
 * Links: core/relay/match_build.c
 * Links: core/relay/limiter.c core/rules/snapshot.c core/rules/snapshot_parse.c core/base/addr.c
 * Links: core/relay/bufpool.c core/base/arena.c core/base/counters.c core/relay/finished.c
 * Links: core/relay/refusal.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core/egress_batch_fixture.h"
#include "tests/unit/core/refused_fixture.h"

/* UDP_SEGMENT that was refused is put off, for longer each time, and comes back by itself. */
static void refused_gso_heals(void **state)
{
	static const struct {
		uint64_t at_ms;
		bool refused;
		uint32_t tried;
	} rows[] = {
		{5000, true, 1},  {5900, true, 0},  {6000, true, 1},   {7999, true, 0},
		{8000, true, 1},  {11999, true, 0}, {12000, false, 3}, {12001, false, 3},
		{12002, true, 3}, {13001, true, 0}, {13002, false, 3},
	};

	start("EIO heals", 2, false);
	error = EIO;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint32_t tried = rows[i].tried;
		uint32_t n;

		env->k->refuse = rows[i].refused ? refuse_segments : NULL;
		egress_set_time(env->k->egress, rows[i].at_ms * NS_PER_MS);
		offer_three_runs();
		n = segment_sends();
		/* Known to work, all three are queued before the first is refused. */
		if (n != tried)
			fail_msg("at %lu ms: %u sends, not %u", (unsigned long)rows[i].at_ms, n,
				 tried);
	}
	check_law();
	assert_int_equal(env->page->gso_fallbacks, 2); /* said when it begins */
	assert_int_equal(env->rule->outputs[0].counters->sent, env->n_sent);
	check_complete(1);
	stop();
}

static void gso_is_put_off_for_a_minute_at_most(void **state)
{
	uint64_t at_ns = NS_PER_S;
	uint32_t tried = 0;

	start("EIO for an hour", 1, false);
	error = EIO;
	env->k->refuse = refuse_segments;
	for (unsigned second = 0; second < 3600; second++, at_ns += NS_PER_S) {
		egress_set_time(env->k->egress, at_ns);
		add_many(2, 100);
		flush();
		tried += segment_sends();
	}
	assert_in_range(tried, 3600 / 64, 3600 / 64 + 8);
	assert_int_equal(env->page->gso_fallbacks, 1);
	check_all_complete();
	stop();
}

/* The MTU shrank: this GSO batch goes out singly, the next is tried whole again. */
static void smaller_mtu(void **state)
{
	start("MTU shrank", 1, false);
	env->k->payload_max = 1000;
	add_many(10, 1400);
	flush();
	assert_int_equal(env->k->n_log, MANY + 1 + 10);
	env->k->payload_max = 0;
	add_many(10, 1400);
	flush();
	assert_int_equal(env->k->n_log, MANY + 2 + 10);
	check_all_complete();
	stop();
}

/* A kernel of 64 segments refuses a larger send once; then GSO batches are made to fit. */
static void old_kernel(void **state)
{
	start("64 segments", 1, false);
	env->k->segments_max = GSO_SEGMENTS_OLD;
	add(1000, 10);
	flush();
	assert_int_equal(env->k->n_log, 101);
	env->k->n_log = 0;
	add(400, 10);
	add(400, 10);
	add(240, 10);
	flush();
	assert_int_equal(env->k->n_log, 2);
	assert_int_equal(env->k->log[0].datagrams, 40);
	assert_int_equal(env->k->log[1].datagrams, 64);
	add(1000, 10); /* a super-datagram too large for it */
	flush();
	check_all_complete();
	assert_int_equal(env->page->gso_fallbacks, 0);
	stop();
}

/* EINVAL on a small GSO batch is not about the number of segments. */
static void limit_stays(void **state)
{
	start("limit stays", 1, false);
	error = EINVAL;
	error_calls = 1;
	env->k->refuse = refuse_first;
	add_many(10, 100);
	flush();
	env->k->n_log = 0;
	add(1000, 10);
	flush();
	assert_int_equal(env->k->n_log, 1);
	check_all_complete();
	stop();
}

/*
 * A send behind a refused GSO batch must not overtake it, whatever the kernel refuses the batch
 * for, and not in the batches after that either.
 */
static void nothing_overtakes_a_refused_gso_batch(void **state)
{
	static const struct {
		const char *name;
		int error; /* of every UDP_SEGMENT send; 0: the kernel's limits refuse */
		uint32_t payload_max, segments_max;
		struct {
			uint32_t bytes, segment, times;
		} in[5];
	} cases[] = {
		{"a single, EIO", EIO, 0, 128, {{1000, 1000, 5}, {1200, 1200, 1}}},
		{"a single, EINVAL", EINVAL, 0, 128, {{1000, 1000, 5}, {1200, 1200, 1}}},
		{"a single, EMSGSIZE", 0, 900, 128, {{1000, 1000, 5}, {1200, 1200, 1}}},
		{"an empty one", EIO, 0, 128, {{1000, 1000, 5}, {0, 0, 1}, {9, 9, 1}}},
		{"the last of 47", EIO, 0, 128, {{1400, 1400, 47}}},
		{"smaller segments", 0, 900, 128, {{1000, 1000, 5}, {900, 300, 1}}},
		{"smaller ones before", 0, 900, 128, {{500, 500, 3}, {950, 950, 2}, {990, 990, 1}}},
		{"fewer segments", 0, 0, 64, {{1000, 10, 1}, {240, 10, 3}}},
		{"fewer segments before", 0, 0, 64, {{300, 10, 1}, {2000, 20, 1}, {400, 20, 2}}},
		{"datagrams above the MTU", EIO, 0, 128, {{1000, 1000, 5}, {4000, 4000, 1}}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(cases[i].name, 3, false);
		error = cases[i].error;
		env->k->refuse = error ? refuse_segments : NULL;
		env->k->payload_max = cases[i].payload_max;
		env->k->segments_max = cases[i].segments_max;
		for (unsigned batch = 0; batch < 3; batch++) {
			for (unsigned s = 0; cases[i].in[s].times; s++)
				for (uint32_t n = 0; n < cases[i].in[s].times; n++)
					add(cases[i].in[s].bytes, cases[i].in[s].segment);
			flush();
		}
		if (!env->page->send_retries)
			fail_msg("%s: nothing was refused", name);
		check_all_complete();
		stop();
	}
}

/* An interface that is known to take such GSO batches is not asked again, nor a single send ever.
 */
static void accepted_segments_are_not_doubted_again(void **state)
{
	start("proven", 2, false);
	add_many(100, 1400);
	flush();
	assert_int_equal(env->k->drains, 2); /* one to find out, one for the rest */
	env->k->drains = 0;
	for (unsigned batch = 0; batch < 3; batch++) {
		add_many(100, 1400);
		add_many(3, 300);
		add(1000, 1000);
		flush();
	}
	assert_int_equal(env->k->drains, 3);
	check_all_complete();
	stop();

	start("singles", 1, false);
	for (uint32_t bytes = 100; bytes < 110; bytes++)
		add(bytes, bytes);
	flush();
	assert_int_equal(env->k->drains, 1);
	check_all_complete();
	stop();
}

/* A proven interface that refuses after all is in doubt again from the next batch on. */
static void a_refusal_ends_the_acceptance(void **state)
{
	uint32_t first;

	start("proof ended", 1, false);
	add_many(10, 1000);
	flush();
	env->k->payload_max = 900;
	for (unsigned batch = 0; batch < 2; batch++) {
		first = env->k->n_got;
		add_many(5, 1000);
		add(1200, 1200);
		flush();
		assert_int_equal(env->k->n_got, first + 6);
		/* A send that is refused in the midst of a batch may be overtaken there, but only
		 * there.
		 */
		assert_int_equal(env->k->got[batch ? first + 5 : first].bytes, 1200);
	}
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_gso_heals),
		cmocka_unit_test(gso_is_put_off_for_a_minute_at_most),
		cmocka_unit_test(smaller_mtu),
		cmocka_unit_test(old_kernel),
		cmocka_unit_test(limit_stays),
		cmocka_unit_test(nothing_overtakes_a_refused_gso_batch),
		cmocka_unit_test(accepted_segments_are_not_doubted_again),
		cmocka_unit_test(a_refusal_ends_the_acceptance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
