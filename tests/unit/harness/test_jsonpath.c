// SPDX-License-Identifier: MIT
/*
 * test_jsonpath.c - the place of a value in a JSON text, and its notation
 *
 * Links: harness/base/jsonpath.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/jsonpath.h"

#define KEY(name)             \
	{                     \
		.key = (name) \
	}
#define AT(number)                \
	{                         \
		.index = (number) \
	}

/* The value, or key, that is looked for is what stands behind the '@'; the text is without it. */
static const struct {
	const char *name;
	const char *marked;
	const char *printed;
	unsigned line;
	struct jsonpath path;
} cases[] = {
	{"the root", " @{}", "", 1, {.depth = 0}},
	{"a key", "{\"a\": 1,\n @\"b\": 2}", "b", 2, {{KEY("b")}, 1}},
	{"of two that begin alike", "{\"ab\": 1, @\"a\": 2}", "a", 1, {{KEY("a")}, 1}},
	{"of two that begin alike, the longer",
	 "{\"a\": 1, @\"ab\": 2}",
	 "ab",
	 1,
	 {{KEY("ab")}, 1}},
	{"an item", "[10,\n20,\n@30]", "[2]", 3, {{AT(2)}, 1}},
	{"deep inside",
	 "{\"x\": [], \"l\": [{\"e\": 0}, {\"e\": [7, @8]}]}",
	 "l[1].e[1]",
	 1,
	 {{KEY("l"), AT(1), KEY("e"), AT(1)}, 4}},
	{"behind brackets in a string",
	 "{\"a\": \"]}\\\"[{\", @\"b\": 1}",
	 "b",
	 1,
	 {{KEY("b")}, 1}},
	{"behind a string that ends in a backslash", "[\"a\\\\\", @1]", "[1]", 1, {{AT(1)}, 1}},
	{"behind nested values",
	 "[[1, [2, {\"a\": [3]}]], {\"b\": {}}, @4]",
	 "[2]",
	 1,
	 {{AT(2)}, 1}},
	{"a key with a space", "{@\"a b\" : 1}", "a b", 1, {{KEY("a b")}, 1}},
	{"a key written with escapes",
	 "{\"x\": 1, @\"\\u0061\\n\": 2}",
	 "a\n",
	 1,
	 {{KEY("a\n")}, 1}},
	{"no such key: the object",
	 "{\"a\": 1,\n@\"b\": {\"c\": 2}}",
	 "b.d",
	 2,
	 {{KEY("b"), KEY("d")}, 2}},
	{"no such item: the array", "{\"a\": 0, @\"b\": [1]}", "b[3]", 1, {{KEY("b"), AT(3)}, 2}},
	{"an item of an object", "[@{\"a\": 1}]", "[0][0]", 1, {{AT(0), AT(0)}, 2}},
	{"a key of a number", "[@1]", "[0].a", 1, {{AT(0), KEY("a")}, 2}},
};

static void test_table(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t expected = strcspn(cases[i].marked, "@");
		char text[128];
		char printed[64];
		size_t offset;

		snprintf(text, sizeof(text), "%.*s%s", (int)expected, cases[i].marked,
			 cases[i].marked + expected + 1);
		offset = jsonpath_offset(text, &cases[i].path);
		jsonpath_print(&cases[i].path, printed, sizeof(printed));
		if (offset != expected || strcmp(printed, cases[i].printed) ||
		    jsonpath_line(text, offset) != cases[i].line)
			fail_msg("%s: %s at %zu, line %u; should be %s at %zu, line %u",
				 cases[i].name, printed, offset, jsonpath_line(text, offset),
				 cases[i].printed, expected, cases[i].line);
	}
}

static void test_cut(void **state)
{
	const struct jsonpath path = {{KEY("abcdef"), AT(7), KEY("gh")}, 3};
	static const char whole[] = "abcdef[7].gh";

	for (size_t size = 1; size <= sizeof(whole); size++) {
		char printed[sizeof(whole) + 1];

		memset(printed, '#', sizeof(printed));
		jsonpath_print(&path, printed, size);
		assert_int_equal(strlen(printed), size - 1);
		assert_memory_equal(printed, whole, size - 1);
		assert_int_equal(printed[size], '#');
	}
}

static void test_lines(void **state)
{
	assert_int_equal(jsonpath_line("", 0), 1);
	assert_int_equal(jsonpath_line("a\nb\n", 1), 1);
	assert_int_equal(jsonpath_line("a\nb\n", 2), 2);
	assert_int_equal(jsonpath_line("a\nb\n", 100), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
