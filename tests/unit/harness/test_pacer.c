// SPDX-License-Identifier: MIT
/*
 * test_pacer.c - the sending schedule: what is due when, without drift and without a late first
 * datagram
 *
 * Links: harness/traffic/pacer.c harness/base/wait.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include "harness/base/wait.h"
#include "harness/traffic/pacer.h"
#include <cmocka.h>

#define S NS_PER_S

static const struct {
	const char *name;
	uint64_t rate_mpps;
	uint64_t quantum;
	uint64_t after_ns;
	uint64_t due;
} cases[] = {
	{"the first is due at once", 1000, 1, 0, 1},
	{"one a second, just before the second", 1000, 1, S - 1, 1},
	{"one a second, at the second", 1000, 1, S, 2},
	{"one in ten seconds", 100, 1, 10 * S - 1, 1},
	{"one in ten seconds, the next", 100, 1, 10 * S, 2},
	{"a million a second", 1000000000, 1, S, 1000001},
	{"a million a second for a day", 1000000000, 1, 86400 * S, 86400000001},
	{"bursts of ten at a hundred a second", 100000, 10, S / 10 - 1, 10},
	{"bursts of ten, the second one", 100000, 10, S / 10, 20},
	{"flat out", 0, 1, 0, UINT64_MAX},
};

static void test_due(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pacer pacer = {1000 * S, cases[i].rate_mpps, cases[i].quantum};

		if (pacer_due(&pacer, 1000 * S + cases[i].after_ns) != cases[i].due)
			fail_msg("%s", cases[i].name);
	}
}

/* Else a generator would wait for a time at which nothing is due yet, and spin. */
static void test_when_and_due_agree(void **state)
{
	static const uint64_t rates_mpps[] = {1,    999,     1000,      3000,
					      7777, 1000000, 333333333, 1000000000};
	static const uint64_t quanta[] = {1, 3, 64};

	for (size_t r = 0; r < sizeof(rates_mpps) / sizeof(*rates_mpps); r++)
		for (size_t q = 0; q < sizeof(quanta) / sizeof(*quanta); q++) {
			struct pacer pacer = {12345, rates_mpps[r], quanta[q]};

			for (uint64_t n = 0; n < 10000; n += quanta[q]) {
				uint64_t at_ns = pacer_when_ns(&pacer, n);

				if (pacer_due(&pacer, at_ns) <= n ||
				    (n && pacer_due(&pacer, at_ns - 1) > n))
					fail_msg("rate %zu quantum %zu datagram %zu",
						 (size_t)rates_mpps[r], (size_t)quanta[q],
						 (size_t)n);
			}
		}
}

static void test_not_before_the_start(void **state)
{
	struct pacer pacer = {1000, 1000, 1};

	assert_int_equal(pacer_due(&pacer, 999), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_due),
		cmocka_unit_test(test_when_and_due_agree),
		cmocka_unit_test(test_not_before_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
