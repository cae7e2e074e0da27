// SPDX-License-Identifier: MIT
/*
 * test_limiter.c - token buckets over simulated time
 *
 * Links: core/relay/limiter.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/relay/limiter.h"

#define SECOND 1000000000ull

static struct limit_slot slots[2];

/* A rule's limits, and its slot. */
struct limited {
	struct limit_slot *slot;
	struct rate_limit limit;
};

static uint32_t take(struct limited *r, uint32_t n, uint32_t segment_bytes, uint64_t now_ns)
{
	return limiter_take(r->slot, &r->limit, n, segment_bytes, now_ns, now_ns);
}

/* A rule that nothing has passed yet. */
static struct limited rule_in(struct limit_slot *slot, uint64_t pps, uint64_t bps)
{
	*slot = (struct limit_slot){0};
	return (struct limited){slot, {pps, bps}};
}

static struct limited rule_with(uint64_t pps, uint64_t bps)
{
	return rule_in(&slots[0], pps, bps);
}

/* Datagrams that pass in @seconds when @batch of @bytes arrive every @period_ns. */
static uint64_t passed(struct limited *r, uint64_t from_ns, uint64_t seconds, uint64_t period_ns,
		       uint32_t batch, uint32_t bytes)
{
	uint64_t n = 0;

	for (uint64_t t = 0; t < seconds * SECOND; t += period_ns) {
		const uint32_t got = take(r, batch, bytes, from_ns + t);

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
			struct limited r = rule_with(rates[i].pps, rates[i].bps);
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
	struct limited r = rule_with(1000, 0);
	struct limited bits = rule_in(&slots[1], 0, 80000000);

	assert_int_equal(take(&r, 500, 100, 100 * SECOND), 50);
	assert_int_equal(take(&r, 500, 100, 100 * SECOND), 0);
	assert_int_equal(take(&r, 500, 100, 100 * SECOND + 3000000), 3);
	assert_int_equal(take(&r, 500, 100, 200 * SECOND), 50);
	/* 80 Mb/s for 50 ms are 500,000 bytes. */
	assert_int_equal(take(&bits, 1000, 1000, 100 * SECOND), 500);
	assert_int_equal(take(&bits, 1000, 1000, 100 * SECOND + 1000000), 10);
}

/* A datagram of the largest size fits whatever the rate. */
static void largest_datagram_always_fits(void **state)
{
	struct limited r = rule_with(1, 1);

	assert_int_equal(take(&r, 2, 65507, 1), 1);
	assert_int_equal(take(&r, 2, 65507, 2), 0);
}

/* Tokens of both buckets are taken for what passes, not for what one of them admits. */
static void refused_datagrams_take_no_tokens(void **state)
{
	struct limited r = rule_with(1000, 1);

	assert_int_equal(take(&r, 40, 65507, 100 * SECOND), 1);
	r.limit.bps = 0;
	assert_int_equal(take(&r, 500, 100, 100 * SECOND), 49);
}

/* The clock of another worker's turn is a little behind: nothing is given away. */
static void clock_behind(void **state)
{
	struct limited r = rule_with(1000, 0);

	assert_int_equal(take(&r, 500, 100, 100 * SECOND), 50);
	assert_int_equal(take(&r, 500, 100, 100 * SECOND - 25000000), 0);
	assert_int_equal(take(&r, 500, 100, 100 * SECOND + 1000000), 1);
}

/* Workers in turn, each with a clock of its own turn: the limit is that of all together. */
static void workers_share(void **state)
{
	for (unsigned workers = 1; workers <= 4; workers *= 2) {
		struct limited r = rule_with(1000, 0);
		uint64_t n = 0, now_ns = 100 * SECOND;

		/* The saved-up burst goes first. */
		take(&r, 500, 100, now_ns);
		for (unsigned turn = 0; turn < 1000; turn++, now_ns += SECOND / 1000)
			n += take(&r, 5, 100, now_ns - turn % workers * 5000000);
		if (n < 980 || n > 1020)
			fail_msg("%u workers: %llu of 1000", workers, (unsigned long long)n);
	}
}

/* 300 ms of datagrams have waited: they get the tokens of that time, in as many turns as it takes.
 */
static void late(void **state)
{
	const uint64_t t_ns = 100 * SECOND, ms = SECOND / 1000;
	struct limited r = rule_with(1000, 0);

	assert_int_equal(take(&r, 500, 100, t_ns), 50);
	assert_int_equal(limiter_take(r.slot, &r.limit, 100, 100, t_ns + 300 * ms, t_ns + 50 * ms),
			 100);
	assert_int_equal(limiter_take(r.slot, &r.limit, 500, 100, t_ns + 325 * ms, t_ns + 50 * ms),
			 225);
	assert_int_equal(take(&r, 500, 100, t_ns + 326 * ms), 1);
	/* After silence, what may have waited counts and no more. */
	assert_int_equal(
		limiter_take(r.slot, &r.limit, 500, 100, t_ns + 9000 * ms, t_ns + 8900 * ms), 150);
}

/* The state of a rule that is gone is not that of the next one in its slot. */
static void state_belongs_to_an_incarnation(void **state)
{
	struct limited r = rule_with(1000, 0);

	limiter_own(r.slot, 7);
	assert_int_equal(take(&r, 500, 100, 100 * SECOND), 50);
	limiter_own(r.slot, 7);
	assert_int_equal(take(&r, 500, 100, 100 * SECOND), 0);
	limiter_own(r.slot, 8);
	assert_int_equal(take(&r, 500, 100, 100 * SECOND), 50);
}

/* Garbage in the shared page delays a rule only as long as it is written. */
static void garbage(void **state)
{
	static const uint64_t words[] = {UINT64_MAX, 1ull << 63, 102 * SECOND * 16, 1, 0};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct limited r = rule_with(1000, 8000000);

		r.slot->datagrams_due = r.slot->bits_due = words[i];
		assert_int_equal(take(&r, 500, 1000, 100 * SECOND), 50);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_run_rate),
		cmocka_unit_test(burst),
		cmocka_unit_test(largest_datagram_always_fits),
		cmocka_unit_test(refused_datagrams_take_no_tokens),
		cmocka_unit_test(clock_behind),
		cmocka_unit_test(workers_share),
		cmocka_unit_test(late),
		cmocka_unit_test(state_belongs_to_an_incarnation),
		cmocka_unit_test(garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
