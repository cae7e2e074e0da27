// SPDX-License-Identifier: MIT
/*
 * test_limiter.c - token buckets over simulated time
 *
 * Links: core/limiter.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/limiter.h"
#include "core/match.h"

#define SECOND 1000000000ull

static struct match_rule rule_with(uint64_t pps, uint64_t bps)
{
	return (struct match_rule){.rec = {.limit_pps = pps, .limit_bps = bps}};
}

/* Datagrams that pass in @seconds when @batch of @bytes arrive every @period_ns. */
static uint64_t passed(struct match_rule *r, uint64_t from_ns, uint64_t seconds, uint64_t period_ns,
		       uint32_t batch, uint32_t bytes)
{
	uint64_t n = 0;

	for (uint64_t t = 0; t < seconds * SECOND; t += period_ns) {
		const uint32_t got = limiter_take(r, batch, bytes, from_ns + t);

		assert_true(got <= batch);
		n += got;
	}
	return n;
}

static const struct {
	const char *name;
	uint64_t pps, bps;
	uint64_t seconds, period_ns;
	uint32_t batch, bytes;
	uint64_t least, most; /* datagrams over the whole time */
} rates[] = {
	{"pps, overload 10x", 1000, 0, 10, SECOND / 10000, 1, 100, 9999, 10051},
	{"pps, in batches of 32", 1000, 0, 10, SECOND / 100, 32, 100, 9970, 10051},
	{"pps, below the limit", 1000, 0, 10, SECOND / 500, 1, 100, 5000, 5000},
	{"1 pps, offered 10", 1, 0, 100, SECOND / 10, 1, 100, 99, 101},
	{"1 pps, offered 1", 1, 0, 100, SECOND, 1, 100, 100, 100},
	{"3 pps, offered 2", 3, 0, 100, SECOND / 2, 1, 100, 200, 200},
	{"bps, overload 10x", 0, 8000000, 10, SECOND / 10000, 1, 1000, 9999, 10070},
	{"bps, below the limit", 0, 8000000, 10, SECOND / 900, 1, 1000, 9000, 9001},
	{"600 kb/s of full-size datagrams every second", 0, 600000, 10, SECOND, 1, 65507, 10, 10},
	{"10 kb/s of 1250 bytes, offered 1 a second", 0, 10000, 100, SECOND, 1, 1250, 100, 100},
	{"both, pps is less", 100, 1000000000, 10, SECOND / 1000, 1, 100, 999, 1006},
	{"both, bps is less", 100000, 800000, 10, SECOND / 1000, 1, 1000, 999, 1070},
	{"empty datagrams cost no bits", 0, 1, 1, SECOND / 1000, 1, 0, 1000, 1000},
	{"no limit", 0, 0, 1, SECOND / 1000, 7, 100, 7000, 7000},
	{"largest pps", UINT64_MAX, 0, 1, SECOND / 1000, 1000, 100, 1000000, 1000000},
	{"largest bps", 0, UINT64_MAX, 1, SECOND / 1000, 1000, 1400, 1000000, 1000000},
	{"50 ms of it just exceed 64 bits", UINT64_MAX / 50000000 + 1, 0, 1, SECOND / 1000, 1000,
	 100, 1000000, 1000000},
	{"largest number of JSON", 0, 1ull << 53, 1, SECOND / 1000, 1000, 1400, 1000000, 1000000},
};

/* The clock starts anywhere: just after boot as well as after years. */
static void long_run_rate(void **state)
{
	static const uint64_t starts[] = {1, 3600 * SECOND, 10ull * 365 * 86400 * SECOND};

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		for (size_t s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
			struct match_rule r = rule_with(rates[i].pps, rates[i].bps);
			const uint64_t n =
				passed(&r, starts[s], rates[i].seconds, rates[i].period_ns,
				       rates[i].batch, rates[i].bytes);

			if (n < rates[i].least || n > rates[i].most)
				fail_msg("%s (start %zu): %llu passed, not %llu..%llu",
					 rates[i].name, s, (unsigned long long)n,
					 (unsigned long long)rates[i].least,
					 (unsigned long long)rates[i].most);
		}
	}
}

/* After silence, 50 ms worth may go at once and not a datagram more. */
static void burst(void **state)
{
	struct match_rule r = rule_with(1000, 0);
	struct match_rule bits = rule_with(0, 80000000);

	assert_int_equal(limiter_take(&r, 500, 100, 100 * SECOND), 50);
	assert_int_equal(limiter_take(&r, 500, 100, 100 * SECOND), 0);
	assert_int_equal(limiter_take(&r, 500, 100, 100 * SECOND + 3000000), 3);
	assert_int_equal(limiter_take(&r, 500, 100, 200 * SECOND), 50);
	/* 80 Mb/s for 50 ms are 500,000 bytes. */
	assert_int_equal(limiter_take(&bits, 1000, 1000, 100 * SECOND), 500);
	assert_int_equal(limiter_take(&bits, 1000, 1000, 100 * SECOND + 1000000), 10);
}

/* A datagram of the largest size fits whatever the rate. */
static void one_always_fits(void **state)
{
	struct match_rule r = rule_with(1, 1);

	assert_int_equal(limiter_take(&r, 2, 65507, 1), 1);
	assert_int_equal(limiter_take(&r, 2, 65507, 2), 0);
}

/* Tokens of both buckets are taken for what passes, not for what one of them admits. */
static void refused_by_one_costs_nothing_in_the_other(void **state)
{
	struct match_rule r = rule_with(1000, 1);

	assert_int_equal(limiter_take(&r, 40, 65507, 100 * SECOND), 1);
	r.rec.limit_bps = 0;
	assert_int_equal(limiter_take(&r, 500, 100, 100 * SECOND), 49);
}

/* A clock that steps back gives nothing away. */
static void clock_backwards(void **state)
{
	struct match_rule r = rule_with(1000, 0);

	assert_int_equal(limiter_take(&r, 500, 100, 100 * SECOND), 50);
	assert_int_equal(limiter_take(&r, 500, 100, 99 * SECOND), 0);
	assert_int_equal(limiter_take(&r, 500, 100, 99 * SECOND + 1000000), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_run_rate),
		cmocka_unit_test(burst),
		cmocka_unit_test(one_always_fits),
		cmocka_unit_test(refused_by_one_costs_nothing_in_the_other),
		cmocka_unit_test(clock_backwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
