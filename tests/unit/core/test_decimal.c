// SPDX-License-Identifier: MIT
/*
 * test_decimal.c - which texts are numbers
 *
 * Links: core/base/decimal.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/decimal.h"

static void texts(void **state)
{
	static const struct {
		const char *text;
		uint64_t min, max;
		int ret;
		uint64_t value;
	} cases[] = {
		{"0", 0, 9, 0, 0},
		{"1", 1, 64, 0, 1},
		{"64", 1, 64, 0, 64},
		{"0064", 1, 64, 0, 64},
		{"0", 1, 64, -ERANGE},
		{"65", 1, 64, -ERANGE},
		{"18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX},
		{"18446744073709551616", 0, UINT64_MAX, -ERANGE},
		{"99999999999999999999999", 0, UINT64_MAX, -ERANGE},
		/* Beyond 64 bits and back to 1. */
		{"18446744073709551617", 0, 64, -ERANGE},
		{"184467440737095516160001", 0, 64, -ERANGE},
		{"", 0, 9, -EINVAL},
		{"-1", 0, 9, -EINVAL},
		{"+1", 0, 9, -EINVAL},
		{" 1", 0, 9, -EINVAL},
		{"1 ", 0, 9, -EINVAL},
		{"1x", 0, 9, -EINVAL},
		{"0x1", 0, 9, -EINVAL},
		{"1.0", 0, 9, -EINVAL},
		{"99999999999999999999999x", 0, 9, -EINVAL},
		{"\xd9\xa1", 0, 9, -EINVAL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t value = 4711;
		const int ret = decimal_parse(cases[i].text, cases[i].min, cases[i].max, &value);

		if (ret != cases[i].ret || value != (ret ? 4711 : cases[i].value))
			fail_msg("\"%s\": %d, %llu", cases[i].text, ret, (unsigned long long)value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
