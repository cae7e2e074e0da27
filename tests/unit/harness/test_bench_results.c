// SPDX-License-Identifier: MIT
/*
 * test_bench_results.c - ratios of a run: which gates can be judged, which are, and rates by burst
 *
 * Links: harness/bench/results.c harness/bench/gate.c harness/bench/series.c
 * Links: harness/bench/set.c harness/bench/scenario.c harness/base/decimal.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <stdio.h>

#include "harness/bench/results.h"

static struct bench_series series[BENCH_MAX_SET][BENCH_BACKENDS];
static struct bench_results results;

/* A run of these, with a gate on gro and one on plain: mcr at least as fast as the other. */
static void begin(const char *scenarios, const char *backends, const char *bursts)
{
	const struct bench_choice choice = {scenarios, backends, bursts, BENCH_ROWS_CLAIMS, 0};
	struct lab_error error = {""};

	for (int i = 0; i < BENCH_MAX_SET; i++)
		for (int b = 0; b < BENCH_BACKENDS; b++)
			series[i][b] = (struct bench_series){0};
	results = (struct bench_results){.series = series};
	if (bench_set_choose(&results.set, &choice, &error))
		fail_msg("%s", error.text);
	results.gates.n = 2;
	for (int i = 0; i < 2; i++)
		results.gates.gates[i] = (struct bench_gate){
			.scenario = (unsigned)bench_scenario_find(i ? "plain" : "gro"),
			.of = BENCH_MCR,
			.to = i ? BENCH_SOCAT : BENCH_KERNEL,
			.quantity = BENCH_Q_RATE,
			.reference = 2,
			.tolerance = 0.5,
		};
}

static void measured(unsigned i, enum bench_backend backend, double rate_pps)
{
	bench_series_add(&series[i][backend], BENCH_Q_RATE, rate_pps);
}

static const struct {
	const char *name;
	const char *scenarios;
	const char *backends;
	const char *bursts;
	bool socat_is_absent;
	bool can[2];
} judgeable[] = {
	{"everything", "gro,plain", NULL, NULL, false, {true, true}},
	{"the profile", NULL, NULL, NULL, false, {true, true}},
	{"one scenario", "plain", NULL, NULL, false, {false, true}},
	{"others", "latency", NULL, NULL, false, {false, false}},
	{"without the first rival", NULL, "mcr,socat", NULL, false, {false, true}},
	{"without us", NULL, "socat,kernel", NULL, false, {false, false}},
	{"we alone", NULL, "mcr", NULL, false, {false, false}},
	{"a rival is not installed", NULL, NULL, NULL, true, {true, false}},
	{"bursts are other scenarios", "gro,plain", NULL, "24", false, {false, false}},
};

static void test_can_judge(void **state)
{
	for (size_t i = 0; i < sizeof(judgeable) / sizeof(*judgeable); i++) {
		begin(judgeable[i].scenarios, judgeable[i].backends, judgeable[i].bursts);
		if (judgeable[i].socat_is_absent)
			snprintf(results.left_out[BENCH_SOCAT], sizeof(results.left_out[0]),
				 "gone");
		assert_int_equal(bench_results_complete(&results), !judgeable[i].socat_is_absent);
		for (int k = 0; k < 2; k++)
			if (bench_results_can_judge(&results, &results.gates.gates[k]) !=
			    judgeable[i].can[k])
				fail_msg("%s: gate %d", judgeable[i].name, k);
	}
}

static void test_counts(void **state)
{
	begin("plain,gro", NULL, NULL); /* gro is the first of the two in the set */
	assert_false(bench_results_shows(&results, &results.gates.gates[0]));
	assert_int_equal(bench_results_count(&results, BENCH_UNKNOWN), 2);
	measured(0, BENCH_MCR, 900);
	assert_true(bench_results_shows(&results, &results.gates.gates[0]));
	assert_false(bench_results_shows(&results, &results.gates.gates[1]));
	assert_int_equal(bench_results_count(&results, BENCH_UNKNOWN), 2);
	measured(0, BENCH_KERNEL, 1000);
	assert_int_equal(bench_results_count(&results, BENCH_MISSED), 1);
	measured(1, BENCH_MCR, 2000);
	measured(1, BENCH_SOCAT, 1000);
	assert_int_equal(bench_results_count(&results, BENCH_MISSED), 1);
	assert_int_equal(bench_results_count(&results, BENCH_PASSED), 1);
	assert_int_equal(bench_results_count(&results, BENCH_UNKNOWN), 0);
}

static void test_a_gate_outside_the_set(void **state)
{
	double ratio = 1;

	begin("plain", NULL, NULL);
	measured(0, BENCH_MCR, 2000);
	measured(0, BENCH_KERNEL, 1000);
	assert_int_equal(bench_results_judge(&results, &results.gates.gates[0], &ratio),
			 BENCH_UNKNOWN);
	assert_true(ratio == 0);
	assert_false(bench_results_shows(&results, &results.gates.gates[0]));
}

static void test_rate_ratio(void **state)
{
	begin("gro", NULL, "4,8");
	measured(0, BENCH_MCR, 500);
	measured(0, BENCH_KERNEL, 1000);
	measured(1, BENCH_MCR, 3000);
	measured(1, BENCH_KERNEL, 2000);
	measured(1, BENCH_PER_PACKET, 0);
	assert_true(bench_results_ratio(&results, 0, BENCH_MCR, BENCH_KERNEL, BENCH_Q_RATE) == 0.5);
	assert_true(bench_results_ratio(&results, 1, BENCH_MCR, BENCH_KERNEL, BENCH_Q_RATE) == 1.5);
	assert_true(bench_results_ratio(&results, 1, BENCH_MCR, BENCH_PER_PACKET, BENCH_Q_RATE) ==
		    0);
	assert_true(bench_results_ratio(&results, 1, BENCH_MCR, BENCH_SOCAT, BENCH_Q_RATE) == 0);
}

static void test_comparable_rows(void **state)
{
	begin("gro", NULL, NULL);
	measured(0, BENCH_MCR, 3000);
	measured(0, BENCH_KERNEL, 1000);
	measured(0, BENCH_PER_PACKET, 500);
	bench_series_add(&results.series[0][BENCH_MCR], BENCH_Q_ADDED_NS, 300);
	bench_series_add(&results.series[0][BENCH_KERNEL], BENCH_Q_ADDED_NS, 600);
	assert_int_equal(bench_results_basis(&results, 0, BENCH_MCR, BENCH_KERNEL), BENCH_Q_RATE);
	results.series[0][BENCH_KERNEL].limited = true;
	assert_int_equal(bench_results_basis(&results, 0, BENCH_MCR, BENCH_KERNEL),
			 BENCH_Q_ADDED_NS);
	assert_int_equal(bench_results_basis(&results, 0, BENCH_MCR, BENCH_PER_PACKET),
			 BENCH_Q_RATE);
	results.series[0][BENCH_MCR].limited = true;
	assert_int_equal(bench_results_basis(&results, 0, BENCH_MCR, BENCH_PER_PACKET),
			 BENCH_Q_ADDED_NS);
	assert_true(bench_results_ratio(&results, 0, BENCH_MCR, BENCH_KERNEL, BENCH_Q_ADDED_NS) ==
		    0.5);
	assert_true(bench_results_ratio(&results, 0, BENCH_MCR, BENCH_PER_PACKET,
					BENCH_Q_ADDED_NS) == 0);
	/* In some round the machine did something else. */
	bench_series_add(&results.series[0][BENCH_KERNEL], BENCH_Q_TASKS_NS, 500);
	bench_series_add(&results.series[0][BENCH_KERNEL], BENCH_Q_TASKS_NS, 500);
	assert_int_equal(bench_results_basis(&results, 0, BENCH_MCR, BENCH_KERNEL),
			 BENCH_Q_TASKS_NS);
	results.series[0][BENCH_MCR].limited = results.series[0][BENCH_KERNEL].limited = false;
}

/* The generator limits the user path and not the kernel path: each pair has its own basis. */
static void test_both_paths(void **state)
{
	begin("gro", NULL, NULL);
	measured(0, BENCH_MCR, 3000);
	measured(0, BENCH_MCR_KERNEL, 6000);
	measured(0, BENCH_KERNEL, 2000);
	results.series[0][BENCH_MCR].limited = true;
	assert_int_equal(bench_results_basis(&results, 0, BENCH_MCR_KERNEL, BENCH_KERNEL),
			 BENCH_Q_RATE);
	assert_int_equal(bench_results_basis(&results, 0, BENCH_MCR_KERNEL, BENCH_MCR),
			 BENCH_Q_ADDED_NS);
	assert_true(bench_results_ratio(&results, 0, BENCH_MCR_KERNEL, BENCH_KERNEL,
					BENCH_Q_RATE) == 3);
	assert_true(bench_results_ratio(&results, 0, BENCH_MCR_KERNEL, BENCH_MCR, BENCH_Q_RATE) ==
		    2);
	results.series[0][BENCH_MCR].limited = false;
}

static const struct {
	enum bench_backend of, to;
	bool wanted;
} pairs[] = {
	{BENCH_MCR, BENCH_KERNEL, true},
	{BENCH_MCR, BENCH_PER_PACKET, true},
	{BENCH_MCR_KERNEL, BENCH_KERNEL, true},
	{BENCH_MCR_KERNEL, BENCH_MCR, true},
	{BENCH_MCR_KERNEL, BENCH_NFTABLES, true},
	{BENCH_MCR, BENCH_MCR_KERNEL, false},
	{BENCH_MCR, BENCH_MCR, false},
	{BENCH_MCR_KERNEL, BENCH_MCR_KERNEL, false},
	{BENCH_KERNEL, BENCH_MCR, false},
	{BENCH_PER_PACKET, BENCH_KERNEL, false},
};

/* Either path stands beside every other relay, and the two once beside each other. */
static void test_pairs(void **state)
{
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		if (bench_results_pair(pairs[i].of, pairs[i].to) != pairs[i].wanted)
			fail_msg("%s / %s", bench_backend_name(pairs[i].of),
				 bench_backend_name(pairs[i].to));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_can_judge),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_a_gate_outside_the_set),
		cmocka_unit_test(test_rate_ratio),
		cmocka_unit_test(test_comparable_rows),
		cmocka_unit_test(test_both_paths),
		cmocka_unit_test(test_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
