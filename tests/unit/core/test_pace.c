// SPDX-License-Identifier: MIT
/*
 * test_pace.c - how much a turn may send, from what the last ones took
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/relay/pace.h"

static void before_a_measure(void **state)
{
	const struct pace p = {0};

	assert_int_equal(pace_packets(&p), PACE_TURN_NS / PACE_FIRST_NS);
}

static void a_slow_turn_counts_at_once(void **state)
{
	struct pace p = {.packet_ns = 100};

	pace_took(&p, 1000, 1000 * 20000);
	assert_int_equal(p.packet_ns, 20000);
	assert_int_equal(pace_packets(&p), PACE_TURN_NS / 20000);
}

static void fast_turns_count_little_by_little(void **state)
{
	struct pace p = {.packet_ns = 16000};
	unsigned turns = 0;

	pace_took(&p, 1000, 1000 * 1000);
	assert_in_range(p.packet_ns, 14000, 14200);
	while (p.packet_ns > 1000 && ++turns < 200)
		pace_took(&p, 1000, 1000 * 1000);
	assert_in_range(turns, 20, 100);
	assert_int_equal(p.packet_ns, 1000);
}

static void a_short_turn_says_nothing(void **state)
{
	struct pace p = {.packet_ns = 1000};

	pace_took(&p, PACE_SAMPLE - 1, NS_PER_S);
	pace_took(&p, 0, NS_PER_S);
	assert_int_equal(p.packet_ns, 1000);
}

static void no_time_measured(void **state)
{
	struct pace p = {0};

	pace_took(&p, 1000, 0);
	assert_true(pace_packets(&p) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_a_measure),
		cmocka_unit_test(a_slow_turn_counts_at_once),
		cmocka_unit_test(fast_turns_count_little_by_little),
		cmocka_unit_test(a_short_turn_says_nothing),
		cmocka_unit_test(no_time_measured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
