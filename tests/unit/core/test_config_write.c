// SPDX-License-Identifier: MIT
/*
 * test_config_write.c - a configuration as text, in parts, and up to every limit
 *
 * Links: core/rules/wiring.c
 * Links: core/text/config.c core/text/config_write.c core/base/complaint.c core/rules/rule.c
 * Links: core/base/addr.c
 * Links: core/text/rule_json.c core/text/json_field.c core/text/json_text.c
 * Links: core/text/json_scan.c
 * Links: core/rules/ruleset.c core/rules/ruleset_cycle.c core/rules/ruleset_ifaces.c
 * Links: core/rules/ruleset_index.c core/rules/slot_pool.c
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/complaint.h"
#include "core/text/config.h"
#include "core/text/config_write.h"
#include "core/text/rule_json.h"
#include "tests/unit/core/config_fixture.h"

static void test_round_trip(void **state)
{
	struct config first, second;
	char *text, *again;

	assert_int_equal(config_parse(full, strlen(full), &first, NULL), 0);
	text = config_format(&first);
	assert_non_null(text);
	assert_int_equal(config_parse(text, strlen(text), &second, NULL), 0);
	check_full(&second);
	again = config_format(&second);
	assert_string_equal(text, again);
	/* A made id is not written, a given one is. */
	assert_null(strstr(text, first.rules[0].id));
	assert_non_null(strstr(text, "\"mine\""));
	assert_string_equal(first.rules[0].id, second.rules[0].id);
	free(text);
	free(again);
	config_fini(&first);
	config_fini(&second);
}

/* Fills @text with an object of @n members of "gro", or a rule of @n outputs. */
static char *many(size_t n, bool outputs)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	fputs(outputs ? "{\"rules\":[{" IN ",\"outputs\":[" : "{\"gro\":{", f);
	for (size_t i = 0; i < n; i++)
		fprintf(f,
			outputs ? "%s{\"interface\":\"e\",\"group\":\"239.2.2.2\",\"port\":%zu}"
				: "%s\"e%zu\":true",
			i ? "," : "", i + 1);
	fputs(outputs ? "]}]}" : "}}", f);
	fclose(f);
	return text;
}

static void test_limits(void **state)
{
	static const struct {
		size_t n;
		bool outputs;
		int ret;
		const char *field, *reason;
	} cases[] = {
		{MCR_MAX_IFACES, false, 0, "", ""},
		{MCR_MAX_IFACES + 1, false, -EINVAL, "gro.e129", "more than 128"},
		{MCR_MAX_RULE_OUTPUTS, true, 0, "", ""},
		{MCR_MAX_RULE_OUTPUTS + 1, true, -EINVAL, "rules[0].outputs", "not 257"},
	};

	for (size_t i = 0; i < N(cases); i++) {
		char *text = many(cases[i].n, cases[i].outputs);
		struct complaint c = {0};
		struct config config;

		assert_int_equal(config_parse(text, strlen(text), &config, &c), cases[i].ret);
		assert_string_equal(c.field, cases[i].field);
		assert_non_null(strstr(c.reason, cases[i].reason));
		config_fini(&config);
		free(text);
	}
}

static void test_rule_json(void **state)
{
	static const char text[] =
		"{\"id\":\"x\",\"name\":\"n\",\"input\":{\"interface\":\"eth0\",\"group\":"
		"\"239.1.1.1\",\"port\":5000},\"outputs\":[{\"interface\":\"eth1\",\"group\":"
		"\"239.2.2.2\",\"port\":6000,\"ttl\":3,\"source_port\":7}],\"rate_limit\":{\"pps\":"
		"7},\"priority\":"
		"\"high\",\"path\":\"kernel\",\"consume\":true}";
	cJSON *json = cJSON_Parse(text), *back;
	struct rule r;
	char *printed;

	assert_int_equal(rule_from_json(json, "", &r, NULL), 0);
	back = rule_to_json(&r);
	printed = cJSON_PrintUnformatted(back);
	assert_string_equal(printed, text);
	cJSON_free(printed);
	cJSON_Delete(back);
	cJSON_Delete(json);
	rule_fini(&r);
}

/* Parts of any length are the text. */
static void test_parts(void **state)
{
	static const size_t bytes[] = {1, 100, 400, 100000};
	char *text = many(7, false), *whole, joined[4096];
	struct complaint c = {0};
	struct config config;
	struct rule rules[5];

	assert_int_equal(config_parse(text, strlen(text), &config, &c), 0);
	free(text);
	for (unsigned n = 0; n <= N(rules); n++) {
		for (unsigned i = 0; i < n; i++) {
			static struct rule_output out = {.interface = "eth1", .port = 6000};

			rules[i] = (struct rule){.outputs = &out, .n_outputs = 1};
			addr_parse("239.2.2.2", &out.group);
			addr_parse("239.1.1.1", &rules[i].input.group);
			strcpy(rules[i].input.interface, "eth0");
			rules[i].input.port = (uint16_t)(5000 + i);
			snprintf(rules[i].id, sizeof(rules[i].id), "rule-%u", i);
		}
		config.rules = n ? rules : NULL;
		config.n_rules = n;
		whole = config_format(&config);
		for (size_t k = 0; k < N(bytes); k++) {
			size_t next = 0, parts = 0;

			joined[0] = '\0';
			while (next <= n) {
				char *part = config_format_part(&config, next, bytes[k], &next);

				assert_non_null(part);
				strcat(joined, part);
				free(part);
				parts++;
			}
			assert_string_equal(joined, whole);
			assert_int_equal(parts, bytes[k] == 1        ? (n ? n : 1)
						: bytes[k] == 100000 ? 1
								     : parts);
		}
		free(whole);
	}
	config.rules = NULL;
	config.n_rules = 0;
	config_fini(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_rule_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
