// SPDX-License-Identifier: MIT
/*
 * test_clock.c - how long is waited for the first of several times
 *
 * Links: core/base/clock.c
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/clock.h"

#define NOW_NS (5 * NS_PER_S)

static void first_of_several(void **state)
{
	static const struct {
		const char *name;
		uint64_t due_ns[3];
		int ms;
	} cases[] = {
		{"never", {NEVER_NS, NEVER_NS, NEVER_NS}, -1},
		{"now", {NEVER_NS, NOW_NS, NEVER_NS}, 0},
		{"past", {NOW_NS + NS_PER_S, NEVER_NS, 1}, 0},
		{"in a nanosecond", {NOW_NS + 1, NEVER_NS, NEVER_NS}, 1},
		{"in a millisecond", {NEVER_NS, NEVER_NS, NOW_NS + NS_PER_MS}, 1},
		{"in a little more", {NEVER_NS, NOW_NS + NS_PER_MS + 1, NEVER_NS}, 2},
		{"the first", {NOW_NS + 3 * NS_PER_MS, NOW_NS + 2 * NS_PER_MS, NEVER_NS}, 2},
		{"in a month", {NOW_NS + 2678400 * NS_PER_S, NEVER_NS, NEVER_NS}, INT_MAX},
		{"almost never", {NEVER_NS - 1, NEVER_NS, NEVER_NS}, INT_MAX},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const int ms = timeout_ms(cases[i].due_ns, 3, NOW_NS);

		if (ms != cases[i].ms)
			fail_msg("%s: %d", cases[i].name, ms);
	}
	assert_int_equal(timeout_ms(NULL, 0, NOW_NS), -1);
}

static void is_monotonic(void **state)
{
	uint64_t before_ns = monotonic_ns();

	for (int i = 0; i < 1000; i++) {
		const uint64_t now_ns = monotonic_ns();

		assert_true(now_ns >= before_ns);
		before_ns = now_ns;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_of_several),
		cmocka_unit_test(is_monotonic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
