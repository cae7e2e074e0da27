// SPDX-License-Identifier: MIT
/*
 * test_egress_refused.c - what becomes of a send that the kernel refuses
 *
 * Links: core/egress.c core/match.c core/limiter.c core/snapshot.c core/snapshot_parse.c core/addr.c
 * Links: core/bufpool.c core/arena.c core/counters.c
 * Links: core/past.c core/refusal.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/egress_batch_fixture.h"

static int error, error_calls;

static int refuse_all(struct fake_kernel *k, const struct fake_send *s)
{
	return s->port == PORT ? error : 0;
}

static int refuse_segments(struct fake_kernel *k, const struct fake_send *s)
{
	return s->port == PORT && s->segment ? error : 0;
}

/* The first @error_calls sends fail, whatever they are. */
static int refuse_first(struct fake_kernel *k, const struct fake_send *s)
{
	if (s->port != PORT || error_calls == 0)
		return 0;
	error_calls--;
	return error;
}

/* Three runs of one flow: 46 datagrams, 46 and 8. */
static void offer_three_runs(void)
{
	add_many(100, 1400);
	flush();
}

static const struct {
	const char *name;
	int error;
	enum send_drop drop;
	bool again;   /* the same once more before it counts */
	bool singles; /* datagram by datagram before it counts */
} errors[] = {
	{"EAGAIN", EAGAIN, SEND_DROP_WOULD_BLOCK, false, false},
	{"ENOBUFS", ENOBUFS, SEND_DROP_QUEUE_FULL, false, false},
	{"ENODEV", ENODEV, SEND_DROP_NO_INTERFACE, false, false},
	{"ENETDOWN", ENETDOWN, SEND_DROP_NO_INTERFACE, false, false},
	{"EPERM", EPERM, SEND_DROP_REFUSED, false, false},
	{"EADDRNOTAVAIL", EADDRNOTAVAIL, SEND_DROP_NO_SOURCE, false, false},
	{"ENOMEM", ENOMEM, SEND_DROP_OTHER, false, false},
	{"ECONNREFUSED", ECONNREFUSED, SEND_DROP_REFUSED, true, false},
	{"EACCES", EACCES, SEND_DROP_REFUSED, true, false},
	{"EHOSTUNREACH", EHOSTUNREACH, SEND_DROP_UNREACHABLE, true, false},
	{"ENETUNREACH", ENETUNREACH, SEND_DROP_UNREACHABLE, true, false},
	{"EINVAL", EINVAL, SEND_DROP_NO_SOURCE, false, true},
	{"EMSGSIZE", EMSGSIZE, SEND_DROP_TOO_BIG, false, true},
	{"EIO", EIO, SEND_DROP_OTHER, false, true},
	{"EOPNOTSUPP", EOPNOTSUPP, SEND_DROP_OTHER, false, true},
};

/* An error that stays: every datagram is counted under its reason, the other output goes on. */
static void lasting_errors(void **state)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		const bool gso = errors[i].error == EIO || errors[i].error == EOPNOTSUPP;
		uint32_t attempts = 0;

		start(errors[i].name, 2, false);
		error = errors[i].error;
		env->k->refuse = refuse_all;
		offer_three_runs();
		check_complete(1);
		if (env->rule->outputs[0].counters->drops[errors[i].drop] != 100)
			fail_msg("%s: %lu counted", name,
				 (unsigned long)env->rule->outputs[0]
					 .counters->drops[errors[i].drop]);
		for (uint32_t s = 0; s < env->k->n_log; s++)
			attempts += env->k->log[s].port == PORT;
		/* Without UDP_SEGMENT there is one that fails, and 100 single ones. */
		if (attempts != (gso ? 101u : errors[i].singles ? 103u : errors[i].again ? 6u : 3u))
			fail_msg("%s: %u attempts", name, attempts);
		assert_int_equal(env->rule->outputs[0].no_gso, gso);
		assert_false(env->rule->outputs[1].no_gso);
		assert_int_equal(env->page->gso_fallbacks, gso);
		assert_int_equal(env->page->egress.calls, env->k->n_log);
		/* It is over: the output recovers by itself. */
		env->k->refuse = NULL;
		env->k->n_log = 0;
		add_many(10, 1400);
		flush();
		assert_int_equal(env->rule->outputs[0].counters->sent, 10);
		assert_int_equal(env->k->n_log, gso ? 11 : 2);
		stop();
	}
}

/* Errors that only UDP_SEGMENT meets, or that strike once, lose nothing and keep the order. */
static void harmless_errors(void **state)
{
	static const struct {
		const char *name;
		int error, calls; /* calls 0: every UDP_SEGMENT send */
	} cases[] = {
		{"EIO", EIO, 0},
		{"EOPNOTSUPP", EOPNOTSUPP, 0},
		{"EMSGSIZE", EMSGSIZE, 0},
		{"EINVAL", EINVAL, 0},
		{"one ECONNREFUSED on the last run", ECONNREFUSED, 1},
		{"three EHOSTUNREACH", EHOSTUNREACH, 3},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(cases[i].name, 2, false);
		add_many(100, 1400);
		flush();
		error = cases[i].error;
		error_calls = cases[i].calls;
		env->k->refuse = error_calls ? refuse_first : refuse_segments;
		if (cases[i].calls == 1)
			add_many(40, 1400);
		else
			add_many(100, 1400);
		flush();
		check_all_complete();
		if (!(env->page->send_retries > 0))
			fail_msg("%s: nothing was sent again", name);
		stop();
	}
}

static void refused_gso_is_remembered(void **state)
{
	start("EIO remembered", 2, false);
	error = EIO;
	env->k->refuse = refuse_segments;
	offer_three_runs();
	assert_true(env->rule->outputs[0].no_gso);
	env->k->n_log = 0;
	offer_three_runs();
	for (uint32_t i = 0; i < env->k->n_log; i++)
		assert_int_equal(env->k->log[i].segment != 0, env->k->log[i].port != PORT);
	check_all_complete();
	assert_int_equal(env->page->gso_fallbacks, 1);
	stop();
}

/* The MTU shrank: this run goes out singly, the next is tried whole again. */
static void smaller_mtu(void **state)
{
	start("MTU shrank", 1, false);
	env->k->payload_max = 1000;
	add_many(10, 1400);
	flush();
	assert_int_equal(env->k->n_log, 11);
	env->k->payload_max = 0;
	add_many(10, 1400);
	flush();
	assert_int_equal(env->k->n_log, 12);
	check_all_complete();
	stop();
}

/* A kernel of 64 segments refuses a larger send once; then runs are made to fit. */
static void old_kernel(void **state)
{
	start("64 segments", 1, false);
	env->k->segments_max = EGRESS_SEGMENTS_OLD;
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
	assert_false(env->rule->outputs[0].no_gso);
	stop();
}

/* EINVAL on a small run is not about the number of segments. */
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
 * What follows a refused run and would be taken itself must not overtake it, whatever
 * the kernel refuses it for, and not in the batches after that either.
 */
static void nothing_overtakes_a_refused_run(void **state)
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

/* An interface that is known to take such runs is not asked again, nor a single send ever. */
static void what_is_proven_costs_nothing(void **state)
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
static void a_refusal_ends_the_proof(void **state)
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
		/* What is refused in the midst of a batch may be overtaken there, but only there.
		 */
		assert_int_equal(env->k->got[batch ? first + 5 : first].bytes, 1200);
	}
	stop();
}

/* Every send fails at once and has to be sent again, while none is free. */
static void out_of_sends_while_refused(void **state)
{
	static const int codes[] = {EIO, EMSGSIZE, ECONNREFUSED};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		start("refused when full", 3, false);
		error = codes[i];
		error_calls = 4096;
		env->k->refuse = codes[i] == ECONNREFUSED ? refuse_first : refuse_segments;
		for (uint32_t n = 0; n < 1300; n++) { /* a run of three each */
			add(3000, 1000);
			env->items[env->n_items - 1].segment_bytes = 1000;
			if (n % 50 == 49)
				flush();
		}
		flush();
		check_complete(1);
		check_complete(2);
		if (codes[i] != ECONNREFUSED)
			check_complete(0);
		stop();
	}
}

/* Slots come back after every kind of end: many more sends than slots, refused in turn. */
static int refuse_in_turn(struct fake_kernel *k, const struct fake_send *s)
{
	static const int codes[] = {0, EAGAIN, EMSGSIZE, ECONNREFUSED, 0, ENOBUFS, EINVAL, EPERM};

	return codes[k->n_log % 8];
}

static void nothing_leaks(void **state)
{
	start("refused in turn", 3, false);
	env->k->refuse = refuse_in_turn;
	for (unsigned round = 0; round < 60; round++) {
		add_many(30, 1000);
		add(2500, 1000);
		add_many(3, 0);
		add(3000, 1500);
		add_many(70, 1);
		flush();
		check_law();
		check_back();
	}
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lasting_errors),
		cmocka_unit_test(harmless_errors),
		cmocka_unit_test(refused_gso_is_remembered),
		cmocka_unit_test(smaller_mtu),
		cmocka_unit_test(old_kernel),
		cmocka_unit_test(limit_stays),
		cmocka_unit_test(nothing_overtakes_a_refused_run),
		cmocka_unit_test(what_is_proven_costs_nothing),
		cmocka_unit_test(a_refusal_ends_the_proof),
		cmocka_unit_test(out_of_sends_while_refused),
		cmocka_unit_test(nothing_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
