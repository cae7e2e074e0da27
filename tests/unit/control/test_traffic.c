// SPDX-License-Identifier: MIT
/*
 * test_traffic.c - rates over a second and a minute, first, last and longest gap
 *
 * Links: daemon/control/traffic.c core/base/clock.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "daemon/control/traffic.h"

#define OWNER 7

static struct traffic_clock k;
static struct traffic_series s;
static struct traffic_seen seen;
static struct traffic_count count;
static struct traffic_rates rates;

static int setup(void **state)
{
	traffic_clock_init(&k, NS_PER_S);
	s = (struct traffic_series){0};
	seen = (struct traffic_seen){0};
	count = (struct traffic_count){0};
	return 0;
}

/* A round one second after the last, in which @packets of 100 bytes have come. */
static void round_with(uint64_t packets)
{
	count.packets += packets;
	count.bytes += 100 * packets;
	traffic_round(&k, (k.round + 2) * NS_PER_S);
	traffic_take(&s, &k, &seen, OWNER, &count);
	traffic_rates(&s, &k, OWNER, &rates);
}

static void rounds_with(unsigned n, uint64_t packets)
{
	while (n--)
		round_with(packets);
}

static void last_second(void **state)
{
	round_with(5);
	assert_int_equal(rates.second.ms, 1000);
	assert_int_equal(rates.second.packets, 5);
	assert_int_equal(rates.second.bytes, 500);
	round_with(0);
	assert_int_equal(rates.second.packets, 0);
	round_with(7);
	assert_int_equal(rates.second.packets, 7);
}

/* A young series has as much as it is old; then 55 to 60 seconds. */
static void last_minute(void **state)
{
	for (unsigned i = 1; i < 300; i++) {
		const unsigned window = i < 60 ? i : 55 + i % 5;

		round_with(i);
		assert_int_equal(rates.minute.ms, 1000 * window);
		/* The sum of i - window + 1 to i. */
		assert_int_equal(rates.minute.packets, window * (2 * i - window + 1) / 2);
		assert_int_equal(rates.minute.bytes, 100 * rates.minute.packets);
	}
}

/* A rule that comes later has not been silent before. */
static void later_series(void **state)
{
	struct traffic_series other = {0};
	struct traffic_seen other_seen = {0};
	struct traffic_count ten = {10, 1000};

	rounds_with(123, 1);
	traffic_take(&other, &k, &other_seen, 9, &ten);
	traffic_rates(&other, &k, 9, &rates);
	assert_int_equal(rates.minute.ms, 1000);
	assert_int_equal(rates.minute.packets, 10);
	round_with(1);
	ten.packets = 12;
	traffic_take(&other, &k, &other_seen, 9, &ten);
	traffic_rates(&other, &k, 9, &rates);
	assert_int_equal(rates.minute.ms, 2000);
	assert_int_equal(rates.minute.packets, 12);
	assert_int_equal(rates.second.packets, 2);
}

static void twice_in_a_round(void **state)
{
	round_with(3);
	round_with(4);
	count.packets = 1000;
	traffic_take(&s, &k, &seen, OWNER, &count);
	traffic_rates(&s, &k, OWNER, &rates);
	assert_int_equal(rates.second.packets, 4);
	assert_int_equal(seen.packets, 7);
}

/* Rounds that left the series out: nothing of the minute is older than it says. */
static void rounds_left_out(void **state)
{
	rounds_with(70, 1);
	for (unsigned i = 0; i < 3; i++)
		traffic_round(&k, (k.round + 2) * NS_PER_S);
	round_with(10);
	assert_int_equal(rates.second.ms, 4000);
	assert_int_equal(rates.second.packets, 10);
	assert_int_equal(rates.minute.ms, 59000);
	assert_int_equal(rates.minute.packets, 65);
}

static void first_last_and_gap(void **state)
{
	rounds_with(3, 0);
	assert_int_equal(seen.first_ns, 0);
	assert_int_equal(seen.last_ns, 0);
	round_with(1); /* at 5 s */
	assert_int_equal(seen.first_ns, 5 * NS_PER_S);
	assert_int_equal(seen.gap_ns, 0);
	rounds_with(3, 1);
	assert_int_equal(seen.gap_ns, 0);
	rounds_with(4, 0);
	round_with(1); /* at 13 s: nothing from 8 to 12 */
	assert_int_equal(seen.gap_ns, 4 * NS_PER_S);
	assert_int_equal(seen.last_ns, 13 * NS_PER_S);
	rounds_with(2, 0);
	round_with(1);
	assert_int_equal(seen.gap_ns, 4 * NS_PER_S);
	assert_int_equal(seen.first_ns, 5 * NS_PER_S);
}

/* The process is another one; its predecessor had seen datagrams until the end. */
static void restart(void **state)
{
	rounds_with(10, 5);
	s = (struct traffic_series){0};
	round_with(5);
	assert_int_equal(rates.second.packets, 0);
	assert_int_equal(rates.minute.packets, 0);
	assert_int_equal(seen.gap_ns, 0);
	assert_int_equal(seen.first_ns, 2 * NS_PER_S);
	assert_int_equal(seen.last_ns, 12 * NS_PER_S);
	round_with(6);
	assert_int_equal(rates.second.packets, 6);
	assert_int_equal(rates.minute.packets, 6);
}

static void another_owner(void **state)
{
	rounds_with(10, 5);
	traffic_rates(&s, &k, OWNER + 1, &rates);
	assert_int_equal(rates.second.ms + rates.minute.ms, 0);
	traffic_round(&k, (k.round + 2) * NS_PER_S);
	count = (struct traffic_count){2, 20};
	traffic_take(&s, &k, &seen, OWNER + 1, &count);
	traffic_rates(&s, &k, OWNER + 1, &rates);
	assert_int_equal(rates.second.packets, 2);
	assert_int_equal(seen.first_ns, 12 * NS_PER_S);
	assert_int_equal(seen.gap_ns, 0);
}

/* A worker that died: its counters go back a little, and are no traffic until they are beyond. */
static void counters_go_back(void **state)
{
	rounds_with(3, 10);
	count.packets -= 4;
	round_with(0);
	assert_int_equal(rates.second.packets, 0);
	assert_int_equal(seen.last_ns, 4 * NS_PER_S);
	round_with(4);
	assert_int_equal(rates.second.packets, 4);
	assert_int_equal(seen.last_ns, 6 * NS_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(last_second, setup),
		cmocka_unit_test_setup(last_minute, setup),
		cmocka_unit_test_setup(later_series, setup),
		cmocka_unit_test_setup(twice_in_a_round, setup),
		cmocka_unit_test_setup(rounds_left_out, setup),
		cmocka_unit_test_setup(first_last_and_gap, setup),
		cmocka_unit_test_setup(restart, setup),
		cmocka_unit_test_setup(another_owner, setup),
		cmocka_unit_test_setup(counters_go_back, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
