// SPDX-License-Identifier: MIT
/*
 * test_histogram.c - the latency histogram: buckets of at most 1 %, percentiles, merging
 *
 * Links: harness/traffic/histogram.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/traffic/histogram.h"

static int make(void **state)
{
	*state = calloc(2, sizeof(struct histogram));
	return *state ? 0 : -1;
}

static int drop(void **state)
{
	free(*state);
	return 0;
}

static void test_empty(void **state)
{
	const struct histogram *hist = *state;

	assert_int_equal(histogram_percentile(hist, 0), 0);
	assert_int_equal(histogram_percentile(hist, 500), 0);
	assert_int_equal(histogram_percentile(hist, 1000), 0);
}

/* A larger value on top keeps the percentile from being cut to the maximum. */
static void test_every_value_within_one_percent(void **state)
{
	struct histogram *hist = *state;

	for (uint64_t value = 0; value < 1ull << 35; value += value / 97 + 1) {
		uint64_t found;

		*hist = (struct histogram){0};
		histogram_add(hist, value);
		histogram_add(hist, (1ull << 36) - 1);
		found = histogram_percentile(hist, 500);
		if (found < value || found > value + value / 100)
			fail_msg("%llu is given as %llu", (unsigned long long)value,
				 (unsigned long long)found);
	}
}

static void test_percentiles(void **state)
{
	static const struct {
		unsigned per_mille;
		uint64_t exact;
	} cases[] = {{0, 1},     {10, 10},   {500, 500},  {900, 900},
		     {990, 990}, {999, 999}, {1000, 1000}};
	struct histogram *hist = *state;

	for (uint64_t value = 1; value <= 1000; value++)
		histogram_add(hist, value);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t found = histogram_percentile(hist, cases[i].per_mille);

		if (found < cases[i].exact || found > cases[i].exact + cases[i].exact / 100)
			fail_msg("p%u is %llu", cases[i].per_mille, (unsigned long long)found);
	}
}

static void test_beyond_the_last_bucket(void **state)
{
	struct histogram *hist = *state;

	histogram_add(hist, 10);
	histogram_add(hist, UINT64_MAX);
	histogram_add(hist, 1ull << 40);
	assert_int_equal(histogram_percentile(hist, 300), 10);
	assert_true(histogram_percentile(hist, 1000) == UINT64_MAX);
	assert_true(histogram_percentile(hist, 900) == UINT64_MAX);
}

static void test_merge(void **state)
{
	struct histogram *hist = *state;

	for (int i = 0; i < 99; i++)
		histogram_add(&hist[0], 50);
	histogram_add(&hist[1], 100);
	histogram_merge(&hist[0], &hist[1]);
	assert_int_equal(hist[0].count, 100);
	assert_int_equal(hist[0].max_ns, 100);
	assert_int_equal(histogram_percentile(&hist[0], 990), 50);
	assert_int_equal(histogram_percentile(&hist[0], 991), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_empty, make, drop),
		cmocka_unit_test_setup_teardown(test_every_value_within_one_percent, make, drop),
		cmocka_unit_test_setup_teardown(test_percentiles, make, drop),
		cmocka_unit_test_setup_teardown(test_beyond_the_last_bucket, make, drop),
		cmocka_unit_test_setup_teardown(test_merge, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
