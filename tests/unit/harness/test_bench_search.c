// SPDX-License-Identifier: MIT
/*
 * test_bench_search.c - the search for the highest loss-free rate, against relays whose capacity is
 * known
 *
 * Links: harness/bench/search.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <errno.h>

#include "harness/bench/search.h"

/* A relay and a generator that exist only as numbers. */
static struct {
	double carries_pps;
	double generator_pps;
	unsigned every_nth_fails; /* as when something else takes the CPU; 0: none */
	unsigned trials;
	int error;
} fake;

int bench_trial_run(const struct bench_run *run, double rate_pps, uint32_t ms,
		    struct bench_trial *trial, struct lab_error *error)
{
	bool hit = fake.every_nth_fails && ++fake.trials % fake.every_nth_fails == 0;

	*trial = (struct bench_trial){.asked_pps = rate_pps};
	trial->offered_pps = rate_pps < fake.generator_pps ? rate_pps : fake.generator_pps;
	trial->sent = (uint64_t)(trial->offered_pps * ms / 1000);
	trial->received = trial->offered_pps > fake.carries_pps
				  ? (uint64_t)(fake.carries_pps * ms / 1000)
				  : trial->sent;
	if (hit)
		trial->received = trial->sent / 2;
	return fake.error;
}

bool bench_trial_carried(const struct bench_run *run, const struct bench_trial *trial)
{
	return trial->received >= trial->sent;
}

double bench_trial_loss(const struct bench_run *run, const struct bench_trial *trial)
{
	return 1 - (double)trial->received / (double)trial->sent;
}

static const struct {
	const char *name;
	double carries_pps;
	double generator_pps;
	unsigned every_nth_fails;
	double guess_pps;
	double low_pps; /* of what may be found, as a share of the truth */
	bool limited;
} cases[] = {
	{"an ordinary relay", 300000, 1e9, 0, 0, 0.97, false},
	{"a slow one", 3000, 1e9, 0, 0, 0.97, false},
	{"a fast one", 3e6, 1e9, 0, 0, 0.97, false},
	{"exactly at the first step", 40000, 1e9, 0, 0, 0.97, false},
	{"a good guess", 300000, 1e9, 0, 290000, 0.97, false},
	{"a guess too high", 300000, 1e9, 0, 900000, 0.97, false},
	{"a guess too low", 300000, 1e9, 0, 10000, 0.97, false},
	{"disturbed every third time", 300000, 1e9, 3, 0, 0.97, false},
	{"the generator is slower", 3e6, 500000, 0, 0, 0.97, true},
	{"nothing is ever carried", 0, 1e9, 0, 0, 0, false},
};

static void test_table(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		static struct bench_points points;
		const struct bench_search search = {1000, 1.03, cases[i].guess_pps, &points};
		double truth = cases[i].carries_pps < cases[i].generator_pps
				       ? cases[i].carries_pps
				       : cases[i].generator_pps;
		struct bench_found found;
		struct lab_error error;
		double pps;

		points.n = 0;
		fake.carries_pps = cases[i].carries_pps;
		fake.generator_pps = cases[i].generator_pps;
		fake.every_nth_fails = cases[i].every_nth_fails;
		fake.trials = 0;
		assert_int_equal(bench_search_run(NULL, &search, &found, &error), 0);
		pps = found.best.offered_pps;
		if (pps > truth + 1 || pps < truth * cases[i].low_pps)
			fail_msg("%s: found %.0f", cases[i].name, pps);
		if (found.limited != cases[i].limited)
			fail_msg("%s: limited is %d", cases[i].name, found.limited);
		if (!points.n || points.n > 40)
			fail_msg("%s: %u trials", cases[i].name, points.n);
	}
}

/* A good guess is what makes later rounds short. */
static void test_guess_saves_trials(void **state)
{
	static struct bench_points without, with;
	struct bench_search search = {1000, 1.03, 0, &without};
	struct bench_found found;
	struct lab_error error;

	fake.carries_pps = 1e6;
	fake.generator_pps = 1e9;
	fake.every_nth_fails = 0;
	bench_search_run(NULL, &search, &found, &error);
	search.guess_pps = 0.9e6;
	search.points = &with;
	bench_search_run(NULL, &search, &found, &error);
	assert_true(with.n < without.n);
}

static void test_error_ends_it(void **state)
{
	const struct bench_search search = {1000, 1.03, 0, NULL};
	struct bench_found found;
	struct lab_error error;

	fake.error = -EPROTO;
	assert_int_equal(bench_search_run(NULL, &search, &found, &error), -EPROTO);
	fake.error = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_guess_saves_trials),
		cmocka_unit_test(test_error_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
