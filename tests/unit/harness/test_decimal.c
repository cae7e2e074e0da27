// SPDX-License-Identifier: MIT
/*
 * test_decimal.c - decimal numbers in text: which are read, and which are refused
 *
 * Links: harness/base/decimal.c
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "harness/base/decimal.h"

static const struct {
	const char *text;
	uint64_t low;
	uint64_t high;
	int ret;
	uint64_t value;
} wholes[] = {
	{"0", 0, 0, 0, 0},
	{"007", 1, 9, 0, 7},
	{"18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX},
	{"18446744073709551616", 0, UINT64_MAX, -ERANGE, 0},
	{"4", 5, 9, -ERANGE, 0},
	{"10", 5, 9, -ERANGE, 0},
	{"", 0, 9, -EINVAL, 0},
	{" 1", 0, 9, -EINVAL, 0},
	{"+1", 0, 9, -EINVAL, 0},
	{"-1", 0, UINT64_MAX, -EINVAL, 0},
	{"1 ", 0, 9, -EINVAL, 0},
	{"0x5", 0, 9, -EINVAL, 0},
	{"1.5", 0, 9, -EINVAL, 0},
};

static void whole_numbers(void **state)
{
	for (size_t i = 0; i < sizeof(wholes) / sizeof(*wholes); i++) {
		uint64_t value = 77;
		int ret = decimal_whole(wholes[i].text, wholes[i].low, wholes[i].high, &value);

		if (ret != wholes[i].ret || value != (ret < 0 ? 77 : wholes[i].value))
			fail_msg("'%s': %d, %" PRIu64, wholes[i].text, ret, value);
	}
}

static void digits_at_the_beginning(void **state)
{
	const char *rest = NULL;
	uint64_t value = 0;

	assert_int_equal(decimal_read("64-1400", 65507, &value, &rest), 0);
	assert_int_equal(value, 64);
	assert_string_equal(rest, "-1400");
	assert_int_equal(decimal_read("65508", 65507, &value, &rest), -ERANGE);
	assert_int_equal(decimal_read("-1", 65507, &value, &rest), -EINVAL);
}

static const struct {
	const char *text;
	int ret;
	double value;
	const char *rest;
} fractions[] = {
	{"1.5mbit", 0, 1.5, "mbit"},
	{"100%", 0, 100, "%"},
	{"0", 0, 0, ""},
	{"3.", 0, 3, ""},
	{"1e3", -EINVAL, 0, NULL},
	{"0x10", -EINVAL, 0, NULL},
	{"1.2.3", -EINVAL, 0, NULL},
	{".5", -EINVAL, 0, NULL},
	{"nan", -EINVAL, 0, NULL},
	{"-1", -EINVAL, 0, NULL},
	{"", -EINVAL, 0, NULL},
};

static void fractions_with_a_unit(void **state)
{
	for (size_t i = 0; i < sizeof(fractions) / sizeof(*fractions); i++) {
		const char *rest = "?";
		double value = -1;

		if (decimal_fraction(fractions[i].text, &value, &rest) != fractions[i].ret)
			fail_msg("'%s'", fractions[i].text);
		if (fractions[i].ret < 0)
			continue;
		assert_string_equal(rest, fractions[i].rest);
		assert_true(value == fractions[i].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_numbers),
		cmocka_unit_test(digits_at_the_beginning),
		cmocka_unit_test(fractions_with_a_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
