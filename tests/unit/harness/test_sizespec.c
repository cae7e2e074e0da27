// SPDX-License-Identifier: MIT
/*
 * test_sizespec.c - payload sizes as given on a command line
 *
 * Links: harness/traffic/sizespec.c harness/base/decimal.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "harness/traffic/sizespec.h"

static const struct {
	const char *text;
	int ret;
	uint32_t first[6]; /* the sizes it gives, in turn */
} cases[] = {
	{"1400", 0, {1400, 1400, 1400, 1400, 1400, 1400}},
	{"0", 0, {0, 0, 0, 0, 0, 0}},
	{"100,200,1400", 0, {100, 200, 1400, 100, 200, 1400}},
	{"64-66", 0, {64, 65, 66, 64, 65, 66}},
	{"9,1-3,7", 0, {9, 1, 2, 3, 7, 9}},
	{"5-5", 0, {5, 5, 5, 5, 5, 5}},
	{"65507", 0, {65507, 65507, 65507, 65507, 65507, 65507}},
	{"0,0", 0, {0, 0, 0, 0, 0, 0}},
	{"imix", 0, {36, 548, 36, 36, 548, 36}},
	{"7,imix", 0, {7, 36, 548, 36, 36, 548}},
	{"imix,imix,imix,imix,imix", 0, {36, 548, 36, 36, 548, 36}},
	{"imix,imix,imix,imix,imix,imix", -ERANGE, {0}},
	{"imi", -EINVAL, {0}},
	{"imix2", -EINVAL, {0}},
	{"IMIX", -EINVAL, {0}},
	{"", -EINVAL, {0}},
	{",", -EINVAL, {0}},
	{"1,", -EINVAL, {0}},
	{",1", -EINVAL, {0}},
	{"1-", -EINVAL, {0}},
	{"-1", -EINVAL, {0}},
	{"1-2-3", -EINVAL, {0}},
	{"1 2", -EINVAL, {0}},
	{" 1", -EINVAL, {0}},
	{"1x", -EINVAL, {0}},
	{"+1", -EINVAL, {0}},
	{"0x10", -EINVAL, {0}},
	{"65508", -ERANGE, {0}},
	{"9-8", -ERANGE, {0}},
	{"99999999999999999999999", -ERANGE, {0}},
};

static void test_table(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sizespec spec;
		int ret = sizespec_parse(&spec, cases[i].text);

		if (ret != cases[i].ret)
			fail_msg("'%s': returns %d, not %d", cases[i].text, ret, cases[i].ret);
		for (uint64_t n = 0; n < 6 && !ret; n++)
			if (sizespec_at(&spec, n) != cases[i].first[n])
				fail_msg("'%s': size %u is %u", cases[i].text, (unsigned)n,
					 sizespec_at(&spec, n));
	}
}

static void test_extremes(void **state)
{
	struct sizespec spec;

	assert_int_equal(sizespec_parse(&spec, "70,20-30,65"), 0);
	assert_int_equal(spec.min_bytes, 20);
	assert_int_equal(spec.max_bytes, 70);
	assert_int_equal(spec.period, 13);
}

static void test_imix_is_seven_four_one(void **state)
{
	struct sizespec spec;
	unsigned small = 0, medium = 0, large = 0;

	assert_int_equal(sizespec_parse(&spec, "imix"), 0);
	for (uint64_t n = 0; n < 1200; n++) {
		uint32_t packet_bytes = sizespec_at(&spec, n) + 28;

		small += packet_bytes == 64;
		medium += packet_bytes == 576;
		large += packet_bytes == 1500;
	}
	assert_int_equal(small, 700);
	assert_int_equal(medium, 400);
	assert_int_equal(large, 100);
}

static void test_too_many_items(void **state)
{
	char text[2 * SIZESPEC_MAX_ITEMS + 3] = "1";
	struct sizespec spec;

	for (unsigned i = 1; i < SIZESPEC_MAX_ITEMS; i++)
		sprintf(text + 2 * i - 1, ",1");
	assert_int_equal(sizespec_parse(&spec, text), 0);
	sprintf(text + 2 * SIZESPEC_MAX_ITEMS - 1, ",1");
	assert_int_equal(sizespec_parse(&spec, text), -ERANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_imix_is_seven_four_one),
		cmocka_unit_test(test_too_many_items),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
