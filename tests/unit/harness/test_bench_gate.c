// SPDX-License-Identifier: MIT
/*
 * test_bench_gate.c - the regression gate: the reference is read, medians, and the verdict at the
 * very limit
 *
 * Links: harness/bench/gate.c harness/bench/series.c harness/bench/scenario.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/bench/gate.h"

#define RATIO(more)                                                                              \
	"{\"tolerance\": {\"quick\": 0.25, \"odd\": 1.5}, \"ratios\": [{\"scenario\": \"gro\", " \
	"\"of\": \"mcr\", \"to\": \"kernel\", \"quantity\": \"rate_pps\", \"reference\": 2" more \
	"}]}"

static const struct {
	const char *name;
	const char *text;
	const char *profile;
	int ret;
	const char *error;
	double limit;
} texts[] = {
	{"the tolerance of the profile", RATIO(""), "quick", 0, "", 1.5},
	{"its own tolerance", RATIO(", \"tolerance\": {\"quick\": 0.5}"), "quick", 0, "", 1.0},
	{"its own of another profile", RATIO(", \"tolerance\": {\"full\": 0.5}"), "quick", 0, "",
	 1.5},
	{"no ratios", "{\"tolerance\": {\"quick\": 0.25}, \"ratios\": []}", "quick", 0, "", 0},
	{"no tolerance", RATIO(""), "smoke", -EINVAL, "ratios[0].smoke: must be a number", 0},
	{"tolerance above 1", RATIO(""), "odd", -EINVAL, "ratios[0].odd: must be a number", 0},
	{"not JSON", "{", "quick", -EINVAL, "no JSON object with a list 'ratios'", 0},
	{"no list", "{\"ratios\": {}}", "quick", -EINVAL, "no JSON object with a list", 0},
	{"not an object", "{\"ratios\": [1]}", "quick", -EINVAL, "ratios[0].scenario", 0},
	{"unknown scenario", "{\"ratios\": [{\"scenario\": \"x\"}]}", "quick", -EINVAL,
	 "ratios[0].scenario: there is no 'x'", 0},
	{"unknown relay", "{\"ratios\": [{\"scenario\": \"gro\", \"of\": \"cat\"}]}", "quick",
	 -EINVAL, "ratios[0].of: there is no 'cat'", 0},
	{"unknown quantity",
	 "{\"ratios\": [{\"scenario\": \"gro\", \"of\": \"mcr\", \"to\": \"mcr\", \"quantity\": "
	 "3}]}",
	 "quick", -EINVAL, "ratios[0].quantity: there is no ''", 0},
	{"a reference of 0",
	 "{\"ratios\": [{\"scenario\": \"gro\", \"of\": \"mcr\", \"to\": \"mcr\", \"quantity\": "
	 "\"rate_pps\", \"reference\": 0}]}",
	 "quick", -EINVAL, "ratios[0].reference: must be a number", 0},
};

static void test_reading(void **state)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct lab_error error = {""};
		struct bench_gates gates;
		int ret = bench_gates_parse(&gates, texts[i].text, texts[i].profile, &error);

		if (ret != texts[i].ret)
			fail_msg("%s: returns %d (%s)", texts[i].name, ret, error.text);
		if (strncmp(error.text, texts[i].error, strlen(texts[i].error)) ||
		    (!ret && *error.text))
			fail_msg("%s: says '%s'", texts[i].name, error.text);
		if (!ret && gates.n && bench_gate_limit(&gates.gates[0]) != texts[i].limit)
			fail_msg("%s: limit %g", texts[i].name, bench_gate_limit(&gates.gates[0]));
	}
}

/* The file that is committed: every profile has a tolerance for every ratio. */
static void test_committed_reference(void **state)
{
	static const char *const profiles[] = {"smoke", "quick", "full", "check"};
	FILE *file = fopen("harness/bench-reference.json", "r");
	static char text[65536];

	if (!file)
		skip(); /* not started in the source tree */
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	fclose(file);
	for (size_t i = 0; i < sizeof(profiles) / sizeof(*profiles); i++) {
		struct lab_error error = {""};
		struct bench_gates gates;

		if (bench_gates_parse(&gates, text, profiles[i], &error))
			fail_msg("%s: %s", profiles[i], error.text);
		assert_true(gates.n >= 7);
		for (unsigned k = 0; k < gates.n; k++) {
			const struct bench_gate *gate = &gates.gates[k];

			assert_true(bench_scenarios[gate->scenario].claimed);
			assert_true(bench_scenarios[gate->scenario].backends & 1u << gate->of);
			assert_true(bench_scenarios[gate->scenario].backends & 1u << gate->to);
		}
	}
}

static const struct {
	const char *name;
	bool lower;
	double of[3];
	unsigned n_of;
	double to[3];
	unsigned n_to;
	enum bench_verdict verdict;
	double ratio;
} verdicts[] = {
	{"exactly at the gate", false, {1500}, 1, {1000}, 1, BENCH_PASSED, 1.5},
	{"just below", false, {1499}, 1, {1000}, 1, BENCH_MISSED, 1.499},
	{"the median counts", false, {1, 1600, 9000}, 3, {1000, 1000, 1}, 3, BENCH_PASSED, 1.6},
	{"of an even number, the mean", false, {1000, 2000}, 2, {1000}, 1, BENCH_PASSED, 1.5},
	{"nothing was carried", false, {0}, 1, {1000}, 1, BENCH_MISSED, 0},
	{"the rival was not measured", false, {1500}, 1, {0}, 0, BENCH_UNKNOWN, 0},
	{"the rival carried nothing", false, {1500}, 1, {0}, 1, BENCH_UNKNOWN, 0},
	{"not measured", false, {0}, 0, {1000}, 1, BENCH_UNKNOWN, 0},
	{"less is better, at the gate", true, {3200}, 1, {1200}, 1, BENCH_PASSED, 3200.0 / 1200},
	{"less is better, just above", true, {3201}, 1, {1200}, 1, BENCH_MISSED, 3201.0 / 1200},
};

static void test_verdicts(void **state)
{
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(*verdicts); i++) {
		/* 2 * 0.75 = 1.5, and 2 / 0.75 = 2.667 */
		const struct bench_gate gate = {
			.quantity = BENCH_Q_RATE,
			.lower = verdicts[i].lower,
			.reference = 2,
			.tolerance = 0.25,
		};
		static struct bench_series of, to;
		enum bench_verdict verdict;
		double ratio;

		of = to = (struct bench_series){0};
		for (unsigned k = 0; k < verdicts[i].n_of; k++)
			bench_series_add(&of, BENCH_Q_RATE, verdicts[i].of[k]);
		for (unsigned k = 0; k < verdicts[i].n_to; k++)
			bench_series_add(&to, BENCH_Q_RATE, verdicts[i].to[k]);
		verdict = bench_gate_judge(&gate, &of, &to, &ratio);
		if (verdict != verdicts[i].verdict || ratio != verdicts[i].ratio)
			fail_msg("%s: verdict %d, ratio %g", verdicts[i].name, verdict, ratio);
	}
}

static void test_spread(void **state)
{
	static struct bench_series series;
	struct bench_spread spread;

	for (int i = 0; i < BENCH_MAX_ROUNDS + 5; i++)
		bench_series_add(&series, BENCH_Q_P50, (double)((i * 7) % BENCH_MAX_ROUNDS));
	spread = bench_series_spread(&series, BENCH_Q_P50);
	assert_int_equal(spread.n, BENCH_MAX_ROUNDS);
	assert_true(spread.low == 0 && spread.median == 15 && spread.high == 30);
	assert_int_equal(bench_series_spread(&series, BENCH_Q_MAX).n, 0);
}

static void test_names_are_different(void **state)
{
	for (int a = 0; a < BENCH_QUANTITIES; a++)
		for (int b = 0; b < a; b++)
			assert_string_not_equal(bench_quantity_name(a), bench_quantity_name(b));
	for (unsigned a = 0; a < bench_n_scenarios; a++)
		assert_int_equal(bench_scenario_find(bench_scenarios[a].name), a);
	for (int a = 0; a < BENCH_BACKENDS; a++)
		assert_int_equal(bench_backend_find(bench_backend_name(a)), a);
	assert_int_equal(bench_scenario_find("nonesuch"), -ENOENT);
	assert_int_equal(bench_backend_find("nonesuch"), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_committed_reference),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_names_are_different),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
