// SPDX-License-Identifier: MIT
/*
 * test_impair_text.c - percentages and rates as text
 *
 * Links: harness/mcrlab/impair_text.c harness/base/decimal.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>

#include "harness/mcrlab/impair_text.h"

#define UNTOUCHED 4711

static const struct {
	const char *text;
	int ret;
	uint32_t millionths;
} percents[] = {
	{"0", 0, 0},
	{"0%", 0, 0},
	{"0.0", 0, 0},
	{"1%", 0, 10000},
	{"0.5%", 0, 5000},
	{"0.0001%", 0, 1},
	{"0.00014%", 0, 1},
	{"0.00016%", 0, 2},
	{"33.3333%", 0, 333333},
	{"100%", 0, 1000000},
	{"0.00001%", -ERANGE, UNTOUCHED},
	{"1", -EINVAL, UNTOUCHED},
	{"101%", -EINVAL, UNTOUCHED},
	{"100.0001%", -EINVAL, UNTOUCHED},
	{"-1%", -EINVAL, UNTOUCHED},
	{"+1%", -EINVAL, UNTOUCHED},
	{" 1%", -EINVAL, UNTOUCHED},
	{"1 %", -EINVAL, UNTOUCHED},
	{"1%%", -EINVAL, UNTOUCHED},
	{"1.2.3%", -EINVAL, UNTOUCHED},
	{"1e1%", -EINVAL, UNTOUCHED},
	{"0x1%", -EINVAL, UNTOUCHED},
	{"nan%", -EINVAL, UNTOUCHED},
	{"inf%", -EINVAL, UNTOUCHED},
	{"%", -EINVAL, UNTOUCHED},
	{"", -EINVAL, UNTOUCHED},
};

static const struct {
	const char *text;
	int ret;
	uint64_t bytes_per_s;
} rates[] = {
	{"0", 0, 0},
	{"0mbit", 0, 0},
	{"8kbit", 0, 1000},
	{"8000bit", 0, 1000},
	{"10mbit", 0, 1250000},
	{"1.5mbit", 0, 187500},
	{"1gbit", 0, 125000000},
	{"34gbit", 0, 4250000000},
	{"34.4gbit", -EINVAL, UNTOUCHED},
	{"7999bit", -EINVAL, UNTOUCHED},
	{"10", -EINVAL, UNTOUCHED},
	{"10Mbit", -EINVAL, UNTOUCHED},
	{"10mbits", -EINVAL, UNTOUCHED},
	{"10 mbit", -EINVAL, UNTOUCHED},
	{"-10mbit", -EINVAL, UNTOUCHED},
	{"mbit", -EINVAL, UNTOUCHED},
	{"nanmbit", -EINVAL, UNTOUCHED},
	{"99999999999999999999999999gbit", -EINVAL, UNTOUCHED},
	{"", -EINVAL, UNTOUCHED},
};

static void test_percents(void **state)
{
	for (size_t i = 0; i < sizeof(percents) / sizeof(*percents); i++) {
		uint32_t millionths = UNTOUCHED;
		int ret = impair_parse_percent(percents[i].text, &millionths);

		if (ret != percents[i].ret || millionths != percents[i].millionths)
			fail_msg("'%s': %d and %u, should be %d and %u", percents[i].text, ret,
				 millionths, percents[i].ret, percents[i].millionths);
	}
}

static void test_rates(void **state)
{
	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		uint64_t bytes_per_s = UNTOUCHED;
		int ret = impair_parse_rate(rates[i].text, &bytes_per_s);

		if (ret != rates[i].ret || bytes_per_s != rates[i].bytes_per_s)
			fail_msg("'%s': %d and %" PRIu64 ", should be %d and %" PRIu64,
				 rates[i].text, ret, bytes_per_s, rates[i].ret,
				 rates[i].bytes_per_s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_percents),
		cmocka_unit_test(test_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
