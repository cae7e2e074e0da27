// SPDX-License-Identifier: MIT
/*
 * test_json_text.c - JSON text: what is accepted, and where and why the rest is refused
 *
 * Links: core/text/json_text.c core/text/json_scan.c core/base/complaint.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/complaint.h"
#include "core/text/json_text.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *name;
	enum json_dialect dialect;
	const char *text;
	const char *printed; /* by cJSON, without spaces */
} good[] = {
	{"object", JSON_STRICT, " {\"a\" : 1 , \"b\":[ ] }\r\n", "{\"a\":1,\"b\":[]}"},
	{"number alone", JSON_STRICT, "-12", "-12"},
	{"fraction and exponent", JSON_STRICT, "[0.5,1e2,2E+1,-0]", "[0.5,100,20,-0]"},
	{"literals", JSON_STRICT, "[true,false,null]", "[true,false,null]"},
	{"escapes", JSON_STRICT, "\"\\u0041\\\"\\\\\\/\\n\"", "\"A\\\"\\\\/\\n\""},
	{"surrogate pair", JSON_STRICT, "\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
	{"UTF-8 of each length", JSON_STRICT, "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
	 "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
	{"line comment", JSON_RELAXED, "[1, // one, two ]\n 2]", "[1,2]"},
	{"line comment at the end", JSON_RELAXED, "[1] // no newline", "[1]"},
	{"comment before", JSON_RELAXED, "/* a * b **/ [1]", "[1]"},
	{"comment everywhere", JSON_RELAXED, "{/**/\"a\"/**/:/**/1/**/,/**/}/**/", "{\"a\":1}"},
	{"trailing comma, array", JSON_RELAXED, "[1,2,]", "[1,2]"},
	{"trailing comma, object", JSON_RELAXED, "{\"a\":[1,],\n}", "{\"a\":[1]}"},
	{"comma, comment, end", JSON_RELAXED, "[1, /* last */ ]", "[1]"},
	{"comment marks in a string", JSON_RELAXED, "[\"a // b /* c */,]\"]",
	 "[\"a // b /* c */,]\"]"},
	{"same name in different objects", JSON_STRICT, "[{\"a\":1},{\"a\":{\"a\":2}}]",
	 "[{\"a\":1},{\"a\":{\"a\":2}}]"},
	{"names differ in case", JSON_STRICT, "{\"a\":1,\"A\":2}", "{\"a\":1,\"A\":2}"},
};

static void test_good(void **state)
{
	for (size_t i = 0; i < N(good); i++) {
		struct complaint c = {0};
		cJSON *json = NULL;
		char *printed;

		print_message("%s\n", good[i].name);
		assert_int_equal(json_text_parse(good[i].text, strlen(good[i].text),
						 good[i].dialect, &json, &c),
				 0);
		assert_string_equal(c.reason, "");
		printed = cJSON_PrintUnformatted(json);
		assert_string_equal(printed, good[i].printed);
		cJSON_free(printed);
		cJSON_Delete(json);
	}
}

static const struct {
	const char *name;
	enum json_dialect dialect;
	const char *text;
	size_t len; /* 0: strlen() */
	unsigned line, column;
	const char *field;
	const char *reason; /* a part of it */
} bad[] = {
	{"empty", JSON_STRICT, "", 0, 1, 1, "", "ends where a value is expected"},
	{"only space", JSON_RELAXED, " \n ", 0, 2, 2, "", "ends where a value is expected"},
	{"only a comment", JSON_RELAXED, "// x", 0, 1, 5, "", "ends where a value is expected"},
	{"word", JSON_STRICT, "nothing", 0, 1, 1, "", "a value is expected"},
	{"word cut", JSON_STRICT, "tru", 0, 1, 1, "", "a value is expected"},
	{"word too long", JSON_STRICT, "truey", 0, 1, 5, "", "after the end"},
	{"two values", JSON_STRICT, "1 2", 0, 1, 3, "", "after the end"},
	{"object not closed", JSON_STRICT, "{\n \"a\": 1", 0, 1, 1, "", "object is not closed"},
	{"array not closed", JSON_STRICT, "[1,\n", 0, 1, 1, "", "array is not closed"},
	{"inner not closed", JSON_STRICT, "{\"a\":\n  [1, 2\n}", 0, 3, 1, "", "',' or ']'"},
	{"wrong bracket", JSON_STRICT, "[1}", 0, 1, 3, "", "',' or ']'"},
	{"missing comma", JSON_STRICT, "{\"a\": 1\n\"b\": 2}", 0, 2, 1, "", "',' or '}'"},
	{"missing colon", JSON_STRICT, "{\"a\" 1}", 0, 1, 6, "", "':' is expected"},
	{"missing value", JSON_STRICT, "{\"a\":}", 0, 1, 6, "", "a value is expected"},
	{"missing element", JSON_RELAXED, "[1,,2]", 0, 1, 4, "", "a value is expected"},
	{"only a comma", JSON_RELAXED, "[,]", 0, 1, 2, "", "a value is expected"},
	{"bare name", JSON_RELAXED, "{a: 1}", 0, 1, 2, "", "field name in double quotes"},
	{"number as name", JSON_STRICT, "{1: 1}", 0, 1, 2, "", "field name in double quotes"},
	{"single quotes", JSON_STRICT, "['a']", 0, 1, 2, "", "a value is expected"},
	{"trailing comma, strict", JSON_STRICT, "[1,\n2,\n]", 0, 2, 2, "", "',' before"},
	{"line comment, strict", JSON_STRICT, "[1] // x", 0, 1, 5, "", "unexpected '/'"},
	{"comment, strict", JSON_STRICT, "[/**/]", 0, 1, 2, "", "unexpected '/'"},
	{"lone slash", JSON_RELAXED, "[1 / 2]", 0, 1, 4, "", "unexpected '/'"},
	{"slash at the end", JSON_RELAXED, "[1] /", 0, 1, 5, "", "unexpected '/'"},
	{"comment not closed", JSON_RELAXED, "[1,\n /* x\n\n", 0, 2, 2, "",
	 "comment is not closed"},
	{"comment /*/", JSON_RELAXED, "/*/ 1", 0, 1, 1, "", "comment is not closed"},
	{"string not closed", JSON_STRICT, "[\"abc", 0, 1, 2, "", "string is not closed"},
	{"string over a line", JSON_STRICT, "[\"abc\n\"]", 0, 1, 6, "", "control character"},
	{"string ends in backslash", JSON_STRICT, "\"abc\\", 0, 1, 5, "", "ends inside a string"},
	{"unknown escape", JSON_STRICT, "\"\\x41\"", 0, 1, 2, "", "unknown escape"},
	{"short \\u", JSON_STRICT, "\"\\u12\"", 0, 1, 2, "", "four hexadecimal digits"},
	{"\\u cut", JSON_STRICT, "\"\\u1", 0, 1, 2, "", "four hexadecimal digits"},
	{"\\u not hex", JSON_STRICT, "\"\\u12g4\"", 0, 1, 2, "", "four hexadecimal digits"},
	{"\\u0000", JSON_STRICT, "\"a\\u0000b\"", 0, 1, 3, "", "NUL"},
	{"high surrogate alone", JSON_STRICT, "\"\\ud83d\"", 0, 1, 2, "", "surrogate"},
	{"high surrogate, letter", JSON_STRICT, "\"\\ud83d\\u0041\"", 0, 1, 2, "", "surrogate"},
	{"low surrogate first", JSON_STRICT, "\"\\ude00\\ud83d\"", 0, 1, 2, "", "surrogate"},
	{"leading zero", JSON_STRICT, "[01]", 0, 1, 2, "", "must not start with 0"},
	{"minus alone", JSON_STRICT, "[-]", 0, 1, 2, "", "not a number"},
	{"plus", JSON_STRICT, "[+1]", 0, 1, 2, "", "a value is expected"},
	{"point at the end", JSON_STRICT, "[1.]", 0, 1, 2, "", "not a number"},
	{"point first", JSON_STRICT, "[.5]", 0, 1, 2, "", "a value is expected"},
	{"empty exponent", JSON_STRICT, "[1e+]", 0, 1, 2, "", "not a number"},
	{"hexadecimal", JSON_STRICT, "[0x10]", 0, 1, 3, "", "',' or ']'"},
	{"NaN", JSON_STRICT, "[NaN]", 0, 1, 2, "", "a value is expected"},
	{"64 digits", JSON_STRICT,
	 "1234567890123456789012345678901234567890123456789012345678901234", 0, 1, 1, "",
	 "too long"},
	{"NUL byte", JSON_STRICT, "[1,\0 2]", 7, 1, 4, "", "NUL byte"},
	{"NUL byte at the end", JSON_STRICT, "[1]\0", 4, 1, 4, "", "NUL byte"},
	{"byte order mark", JSON_RELAXED, "\xef\xbb\xbf{}", 0, 1, 1, "", "byte order mark"},
	{"Latin-1", JSON_STRICT, "\"caf\xe9\"", 0, 1, 5, "", "UTF-8"},
	{"Latin-1 in a comment", JSON_RELAXED, "1 // caf\xe9\n", 0, 1, 9, "", "UTF-8"},
	{"overlong, 2 bytes", JSON_STRICT, "\"\xc0\xaf\"", 0, 1, 2, "", "UTF-8"},
	{"overlong, 3 bytes", JSON_STRICT, "\"\xe0\x80\xaf\"", 0, 1, 2, "", "UTF-8"},
	{"overlong, 4 bytes", JSON_STRICT, "\"\xf0\x80\x80\xaf\"", 0, 1, 2, "", "UTF-8"},
	{"encoded surrogate", JSON_STRICT, "\"\xed\xa0\x80\"", 0, 1, 2, "", "UTF-8"},
	{"beyond Unicode", JSON_STRICT, "\"\xf4\x90\x80\x80\"", 0, 1, 2, "", "UTF-8"},
	{"sequence cut", JSON_STRICT, "\"\xe2\x82\"", 0, 1, 2, "", "UTF-8"},
	{"sequence cut by the end", JSON_STRICT, "\"\xe2\x82", 0, 1, 2, "", "UTF-8"},
	{"duplicate", JSON_STRICT, "{\"a\": 1,\n  \"a\": 2}", 0, 2, 3, "a", "twice"},
	{"duplicate, escaped", JSON_STRICT, "{\"\\u0061\":1,\"a\":2}", 0, 1, 13, "a", "twice"},
	{"duplicate, deep", JSON_RELAXED,
	 "{\"r\": [1, {\"x\": 0,\n /* */ \"p\": {\"q\": 1, \"q\": 1}}]}", 0, 2, 22, "r[1].p.q",
	 "twice"},
};

static void test_bad(void **state)
{
	for (size_t i = 0; i < N(bad); i++) {
		size_t len = bad[i].len ? bad[i].len : strlen(bad[i].text);
		struct complaint c = {0};
		cJSON *json = NULL;
		char *exact = malloc(len + !len); /* so that a read beyond the end shows */

		print_message("%s\n", bad[i].name);
		assert_non_null(exact);
		memcpy(exact, bad[i].text, len);
		assert_int_equal(json_text_parse(exact, len, bad[i].dialect, &json, &c), -EINVAL);
		assert_null(json);
		assert_non_null(strstr(c.reason, bad[i].reason));
		assert_string_equal(c.field, bad[i].field);
		assert_int_equal(c.line, bad[i].line);
		assert_int_equal(c.column, bad[i].column);
		assert_int_equal(json_text_parse(exact, len, bad[i].dialect, &json, NULL), -EINVAL);
		free(exact);
	}
}

static void nested(char *text, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++) {
		text[i] = '[';
		text[2 * depth - 1 - i] = ']';
	}
}

static void test_depth(void **state)
{
	char text[2 * (JSON_MAX_DEPTH + 1)];
	struct complaint c = {0};
	cJSON *json = NULL;

	nested(text, JSON_MAX_DEPTH);
	assert_int_equal(json_text_parse(text, 2 * JSON_MAX_DEPTH, JSON_STRICT, &json, &c), 0);
	cJSON_Delete(json);
	nested(text, JSON_MAX_DEPTH + 1);
	assert_int_equal(json_text_parse(text, sizeof(text), JSON_STRICT, &json, &c), -EINVAL);
	assert_non_null(strstr(c.reason, "deeper than 64"));
	assert_int_equal(c.column, JSON_MAX_DEPTH + 1);
}

static const char document[] = "{ // configuration\n"
			       "  \"workers\": 2,\n"
			       "  \"gro\": {\"eth0.100\": true, \"eth0\": false},\n"
			       "  \"rules\": [\n"
			       "    {\"name\": \"a\"},\n"
			       "    {\"name\": \"b\", \"outputs\": [ 1, /* , */ {\"port\": 7 }]},\n"
			       "  ],\n"
			       "}\n";

static const struct {
	const char *name;
	const char *path;
	bool found;
	unsigned line, column;
	const char *value;
} places[] = {
	{"number", "workers", true, 2, 3, "2"},
	{"the name with a dot", "gro.eth0.100", true, 3, 11, "true"},
	{"the name without", "gro.eth0", true, 3, 29, "false"},
	{"element", "rules[0]", true, 5, 5, "{\"name\": \"a\"}"},
	{"member of an element", "rules[1].name", true, 6, 6, "\"b\""},
	{"after a comment", "rules[1].outputs[1].port", true, 6, 44, "7"},
	{"missing member", "rules[0].input.port", false, 5, 5, "{\"name\": \"a\"}"},
	{"missing element", "rules[1].outputs[2]", false, 6, 19, "[ 1, /* , */ {\"port\": 7 }]"},
	{"missing at the top", "pinning", false, 1, 1, NULL},
	{"member of a number", "workers.x", false, 2, 3, "2"},
	{"element of an object", "gro[0]", false, 3, 3, NULL},
	{"prefix of a name", "work", false, 1, 1, NULL},
	{"no index", "rules[x]", false, 4, 3, NULL},
	{"the whole", "", true, 1, 1, NULL},
};

static void test_find(void **state)
{
	for (size_t i = 0; i < N(places); i++) {
		struct complaint c = {0};
		struct json_place place;

		print_message("%s\n", places[i].name);
		assert_int_equal(json_text_find(document, strlen(document), places[i].path, &place),
				 places[i].found);
		complain(&c, places[i].path, "reason");
		json_text_locate(document, strlen(document), &c);
		assert_int_equal(c.line, places[i].line);
		assert_int_equal(c.column, places[i].column);
		if (!places[i].value)
			continue;
		assert_int_equal(place.end - place.value, strlen(places[i].value));
		assert_memory_equal(document + place.value, places[i].value,
				    place.end - place.value);
	}
}

static void test_words(void **state)
{
	char buf[JSON_WORD_MAX], name[100];
	struct complaint c = {0};

	assert_string_equal(json_word("a\nb\x7f\xc3\xa9", buf), "a?b???");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	json_word(name, buf);
	assert_int_equal(strlen(buf), JSON_WORD_MAX - 1);
	assert_string_equal(buf + JSON_WORD_MAX - 5, "x...");

	complain(&c, "[1].port", "reason");
	json_prefix_field(&c, "outputs");
	assert_string_equal(c.field, "outputs[1].port");
	json_prefix_field(&c, "rules[3]");
	assert_string_equal(c.field, "rules[3].outputs[1].port");
	json_prefix_field(&c, name);
	json_prefix_field(&c, name);
	assert_int_equal(strlen(c.field), COMPLAINT_FIELD_MAX - 1);
	assert_string_equal(c.field + COMPLAINT_FIELD_MAX - 4, "...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),  cmocka_unit_test(test_bad),
		cmocka_unit_test(test_depth), cmocka_unit_test(test_find),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
