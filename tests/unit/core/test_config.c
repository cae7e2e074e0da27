// SPDX-License-Identifier: MIT
/*
 * test_config.c - configurations: read, written, and refused with line, column and field
 *
 * Links: core/rules/wiring.c
 * Links: core/text/config.c core/text/config_write.c core/base/complaint.c core/rules/rule.c
 * Links: core/base/addr.c
 * Links: core/text/rule_json.c core/text/json_field.c core/text/json_text.c
 * Links: core/text/json_scan.c
 * Links: core/rules/ruleset.c core/rules/ruleset_cycle.c core/rules/ruleset_ifaces.c
 * Links: core/rules/ruleset_index.c core/rules/slot_pool.c
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
#include "core/text/config.h"
#include "core/text/config_write.h"
#include "core/text/rule_json.h"
#include "tests/unit/core/config_fixture.h"

static void test_full(void **state)
{
	struct complaint c = {0};
	struct config config;

	assert_int_equal(config_parse(full, strlen(full), &config, &c), 0);
	assert_string_equal(c.reason, "");
	check_full(&config);
	config_fini(&config);
	assert_int_equal(config.n_rules, 0);
	config_fini(&config);
}

static void test_empty(void **state)
{
	static const char *const texts[] = {"{}", "{\"rules\": []}", "// nothing\n{}\n"};

	for (size_t i = 0; i < N(texts); i++) {
		struct config config;
		char *text;

		assert_int_equal(config_parse(texts[i], strlen(texts[i]), &config, NULL), 0);
		assert_int_equal(config.workers, 0);
		assert_int_equal(config.n_rules, 0);
		text = config_format(&config);
		config_fini(&config);
		assert_int_equal(config_parse(text, strlen(text), &config, NULL), 0);
		config_fini(&config);
		free(text);
	}
}

static const struct {
	const char *name;
	const char *text;
	unsigned line, column;
	const char *field;
	const char *reason; /* a part of it */
} bad[] = {
	{"syntax", "{\n\"workers\" 2}", 2, 11, "", "':' is expected"},
	{"array", "[]", 1, 1, "", "must be an object, not an array"},
	{"number", "5", 1, 1, "", "must be an object, not a number"},
	{"unknown field", "{\n \"worker\": 2}", 2, 2, "worker", "unknown field; known: workers"},
	{"strange field", "{\"a\\nb\\u00e9\":1}", 1, 1, "a?b??", "unknown field"},
	{"duplicate", "{\"workers\":1,\n\"workers\":1}", 2, 1, "workers", "twice"},
	{"workers 0", "{\"workers\": 0}", 1, 2, "workers", "from 1 to 64, not 0"},
	{"workers 65", "{\"workers\": 65}", 1, 2, "workers", "from 1 to 64, not 65"},
	{"workers text", "{\"workers\": \"2\"}", 1, 2, "workers", "not a string"},
	{"workers half", "{\"workers\": 1.5}", 1, 2, "workers", "not 1.5"},
	{"workers huge", "{\"workers\": 1e999}", 1, 2, "workers", "from 1 to 64"},
	{"workers negative", "{\"workers\": -1}", 1, 2, "workers", "not -1"},
	{"workers null", "{\"workers\": null}", 1, 2, "workers", "not null"},
	{"per_packet 1", "{\"per_packet\": 1}", 1, 2, "per_packet", "must be true or false"},
	{"busy_poll_us negative", "{\"busy_poll_us\": -1}", 1, 2, "busy_poll_us", "not -1"},
	{"busy_poll_us beyond a second", "{\"busy_poll_us\": 1000001}", 1, 2, "busy_poll_us",
	 "from 0 to 1000000"},
	{"steering list", "{\"steering\": []}", 1, 2, "steering", "must be an object"},
	{"steering value", "{\"steering\":\n{\"eth0\": \"hash\"}}", 2, 2, "steering.eth0",
	 "must be \"rule\" or \"cpu\", not \"hash\""},
	{"steering type", "{\"steering\":{\"eth0\": true}}", 1, 14, "steering.eth0", "a string"},
	{"interface name long", "{\"gro\":{\"sixteenletters16\": true}}", 1, 9,
	 "gro.sixteenletters16", "interface name"},
	{"interface name empty", "{\"gro\":{\"\": true}}", 1, 2, "gro", "interface name"},
	{"interface name slash", "{\"gro\":{\"a/b\": true}}", 1, 9, "gro.a/b", "interface name"},
	{"interface name dots", "{\"pinning\":{\"..\": []}}", 1, 13, "pinning...",
	 "interface name"},
	{"defrag number", "{\"defrag\":{\"eth0\": 1}}", 1, 12, "defrag.eth0",
	 "must be true or false"},
	{"gro text", "{\"gro\":{\"eth0\": \"on\"}}", 1, 9, "gro.eth0", "must be true or false"},
	{"pinning number", "{\"pinning\":{\"eth0\": 1}}", 1, 13, "pinning.eth0", "an array"},
	{"pinning text", "{\"pinning\":{\"eth0\": [\"1\"]}}", 1, 13, "pinning.eth0", "CPU numbers"},
	{"pinning half", "{\"pinning\":{\"eth0\": [0.5]}}", 1, 13, "pinning.eth0", "CPU numbers"},
	{"pinning negative", "{\"pinning\":{\"eth0\": [-1]}}", 1, 13, "pinning.eth0",
	 "CPU numbers"},
	{"pinning beyond", "{\"pinning\":{\"eth0\": [1024]}}", 1, 13, "pinning.eth0", "to 1023"},
	{"pinning twice", "{\"pinning\":{\"eth0\": [3, 3]}}", 1, 13, "pinning.eth0", "CPU 3 twice"},
	{"rules object", "{\"rules\": {}}", 1, 2, "rules", "must be an array, not an object"},
	{"rule number", "{\"rules\": [\n 1]}", 2, 2, "rules[0]", "must be an object"},
	{"rule empty", "{\"rules\": [\n {}]}", 2, 2, "rules[0].input", "is missing"},
	{"rule unknown", "{\"rules\": [{\"inputs\": 1}]}", 1, 13, "rules[0].inputs",
	 "unknown field"},
	{"no outputs", "{\"rules\":[{" IN "}]}", 1, 11, "rules[0].outputs", "is missing"},
	{"empty outputs", RULE(IN, ""), 3, 1, "rules[0].outputs", "1 to 256 outputs, not 0"},
	{"input list", RULE("\"input\":[]", OUT), 2, 2, "rules[0].input", "must be an object"},
	{"no interface", RULE("\"input\":{\"group\":\"239.1.1.1\",\"port\":1}", OUT), 2, 2,
	 "rules[0].input.interface", "is missing"},
	{"interface long",
	 RULE("\"input\":{\"interface\":\"sixteenletters16\",\"group\":\"239.1.1.1\",\"port\":1}",
	      OUT),
	 2, 11, "rules[0].input.interface", "16 bytes long, the longest is 15"},
	{"interface empty",
	 RULE("\"input\":{\"interface\":\"\",\"group\":\"239.1.1.1\",\"port\":1}", OUT), 2, 11,
	 "rules[0].input.interface", "interface name is needed"},
	{"group text",
	 RULE("\"input\":{\"interface\":\"e\",\"group\":\"239.1.1\",\"port\":1}", OUT), 2, 27,
	 "rules[0].input.group", "\"239.1.1\" is not an IPv4 address"},
	{"group IPv6",
	 RULE("\"input\":{\"interface\":\"e\",\"group\":\"ff05::1\",\"port\":1}", OUT), 2, 27,
	 "rules[0].input.group", "IPv6"},
	{"group number", RULE("\"input\":{\"interface\":\"e\",\"group\":239,\"port\":1}", OUT), 2,
	 27, "rules[0].input.group", "must be a string, not a number"},
	{"group of none",
	 RULE("\"input\":{\"interface\":\"e\",\"group\":\"0.0.0.0\",\"port\":1}", OUT), 2, 27,
	 "rules[0].input.group", "neither"},
	{"port missing", RULE("\"input\":{\"interface\":\"e\",\"group\":\"239.1.1.1\"}", OUT), 2, 2,
	 "rules[0].input.port", "is missing"},
	{"port text",
	 RULE("\"input\":{\"interface\":\"e\",\"group\":\"239.1.1.1\",\"port\":\"5000\"}", OUT), 2,
	 47, "rules[0].input.port", "not a string"},
	{"port 0", RULE("\"input\":{\"interface\":\"e\",\"group\":\"239.1.1.1\",\"port\":0}", OUT),
	 2, 47, "rules[0].input.port", "from 1 to 65535, not 0"},
	{"port 65536",
	 RULE("\"input\":{\"interface\":\"e\",\"group\":\"239.1.1.1\",\"port\":65536}", OUT), 2, 47,
	 "rules[0].input.port", "not 65536"},
	{"source is a group",
	 RULE("\"input\":{\"interface\":\"e\",\"group\":\"239.1.1.1\",\"port\":1,\"source\":\"239."
	      "1.1.2\"}",
	      OUT),
	 2, 56, "rules[0].input.source", "not an IPv4 host address"},
	{"source of a unicast input",
	 RULE("\"input\":{\"interface\":\"e\",\"group\":\"192.0.2.1\",\"port\":1,\"source\":\"192."
	      "0.2.2\"}",
	      OUT),
	 2, 56, "rules[0].input.source", "only for a multicast group"},
	{"input ttl",
	 RULE("\"input\":{\"interface\":\"e\",\"group\":\"239.1.1.1\",\"port\":1,\"ttl\":1}", OUT),
	 2, 56, "rules[0].input.ttl", "unknown field"},
	{"output text", RULE(IN, OUT ",\n\"eth1\""), 5, 1, "rules[0].outputs[1]", "an object"},
	{"output without port", RULE(IN, "{\"interface\":\"e\",\"group\":\"239.1.1.1\"}"), 4, 1,
	 "rules[0].outputs[0].port", "is missing"},
	{"ttl 0", RULE(IN, "{\"interface\":\"e\",\"group\":\"239.1.1.1\",\"port\":1,\"ttl\":0}"), 4,
	 47, "rules[0].outputs[0].ttl", "from 1 to 255, not 0"},
	{"ttl word",
	 RULE(IN, "{\"interface\":\"e\",\"group\":\"239.1.1.1\",\"port\":1,\"ttl\":\"less\"}"), 4,
	 47, "rules[0].outputs[0].ttl", "or \"decrement\", not \"less\""},
	{"ttl 256",
	 RULE(IN, "{\"interface\":\"e\",\"group\":\"239.1.1.1\",\"port\":1,\"ttl\":256}"), 4, 47,
	 "rules[0].outputs[0].ttl", "not 256"},
	{"dscp 64",
	 RULE(IN, "{\"interface\":\"e\",\"group\":\"239.1.1.1\",\"port\":1,\"dscp\":64}"), 4, 47,
	 "rules[0].outputs[0].dscp", "from 0 to 63, not 64"},
	{"source_ip is a group",
	 RULE(IN, "{\"interface\":\"e\",\"group\":\"239.1.1.1\",\"port\":1,\"source_ip\":\"224.0.0."
		  "1\"}"),
	 4, 47, "rules[0].outputs[0].source_ip", "not an IPv4 host address"},
	{"output named source",
	 RULE(IN,
	      "{\"interface\":\"e\",\"group\":\"239.1.1.1\",\"port\":1,\"source\":\"10.0.0.1\"}"),
	 4, 47, "rules[0].outputs[0].source", "unknown field; known: interface, group"},
	{"output twice", RULE(IN, OUT ",\n" OUT), 5, 1, "rules[0].outputs[1]", "twice"},
	{"own input",
	 RULE(IN, OUT ",\n{\"interface\":\"eth0\",\"group\":\"239.1.1.1\",\"port\":5000}"), 5, 1,
	 "rules[0].outputs[1]", "circle"},
	{"id long",
	 "{\"rules\":[{\"id\":\"0123456789012345678901234567890123456789012345678901234567890123\"}"
	 "]}",
	 1, 12, "rules[0].id", "64 bytes long, the longest is 63"},
	{"id with a space", RULE("\"id\":\"a b\"," IN, OUT), 2, 2, "rules[0].id", "spaces"},
	{"name number", "{\"rules\":[{\"name\":7}]}", 1, 12, "rules[0].name", "must be a string"},
	{"name not ASCII", RULE("\"name\":\"caf\xc3\xa9\"," IN, OUT), 2, 2, "rules[0].name",
	 "ASCII"},
	{"rate_limit number", RULE("\"rate_limit\":5," IN, OUT), 2, 2, "rules[0].rate_limit",
	 "must be an object"},
	{"rate_limit unknown", RULE("\"rate_limit\":{\"kbps\":1}," IN, OUT), 2, 16,
	 "rules[0].rate_limit.kbps", "unknown field; known: pps, bps"},
	{"pps negative", RULE("\"rate_limit\":{\"pps\":-1}," IN, OUT), 2, 16,
	 "rules[0].rate_limit.pps", "not -1"},
	{"bps not exact", RULE("\"rate_limit\":{\"bps\":4503599627370496}," IN, OUT), 2, 16,
	 "rules[0].rate_limit.bps", "to 4503599627370495"},
	{"priority", RULE("\"priority\":\"urgent\"," IN, OUT), 2, 2, "rules[0].priority",
	 "\"high\", \"normal\" or \"low\", not \"urgent\""},
	{"path", RULE("\"path\":\"both\"," IN, OUT), 2, 2, "rules[0].path",
	 "\"user\", not \"both\""},
	{"path number", RULE("\"path\":1," IN, OUT), 2, 2, "rules[0].path", "a string"},
	{"consume", RULE("\"consume\":1," IN, OUT), 2, 2, "rules[0].consume", "true or false"},
	{"source port 0",
	 RULE(IN, "{\"interface\":\"e\",\"group\":\"239.1.1.1\",\"port\":1,\"source_port\":0}"), 4,
	 47, "rules[0].outputs[0].source_port", "from 1 to 65535"},
	{"source port 65536",
	 RULE(IN, "{\"interface\":\"e\",\"group\":\"239.1.1.1\",\"port\":1,\"source_port\":65536}"),
	 4, 47, "rules[0].outputs[0].source_port", "from 1 to 65535"},
	{"priority number", RULE("\"priority\":1," IN, OUT), 2, 2, "rules[0].priority", "a string"},
	{"rule twice", RULE2("{" IN ",\"outputs\":[" OUT "]}"), 3, 1, "rules[1]", "twice"},
	{"input twice",
	 RULE2("{" IN ",\"outputs\":[{\"interface\":\"e\",\"group\":\"239.3.3.3\",\"port\":1}]}"),
	 3, 2, "rules[1].input", "is taken by rule"},
	{"id twice",
	 "{\"rules\":[{\"id\":\"x\"," IN ",\"outputs\":[" OUT "]},\n{\"id\":\"x\",\"input\":"
	 "{\"interface\":\"eth5\",\"group\":\"239.9.9.9\",\"port\":1},\"outputs\":[" OUT "]}]}",
	 2, 2, "rules[1].id", "taken"},
	{"name twice",
	 "{\"rules\":[{\"name\":\"x\"," IN ",\"outputs\":[" OUT "]},\n{\"name\":\"x\",\"input\":"
	 "{\"interface\":\"eth5\",\"group\":\"239.9.9.9\",\"port\":1},\"outputs\":[" OUT "]}]}",
	 2, 2, "rules[1].name", "taken"},
	{"circle of two",
	 "{\"rules\":[{\"input\":{\"interface\":\"lo\",\"group\":\"239.1.1.1\",\"port\":5000},"
	 "\"outputs\":[\n{\"interface\":\"lo\",\"group\":\"239.2.2.2\",\"port\":6000}]},\n"
	 "{\"input\":{\"interface\":\"lo\",\"group\":\"239.2.2.2\",\"port\":6000},"
	 "\"outputs\":[\n{\"interface\":\"lo\",\"group\":\"239.1.1.1\",\"port\":5000}]}]}",
	 4, 1, "rules[1].outputs[0]", "circle"},
};

static void test_bad(void **state)
{
	for (size_t i = 0; i < N(bad); i++) {
		struct complaint c = {0};
		struct config config;

		print_message("%s\n", bad[i].name);
		assert_int_equal(config_parse(bad[i].text, strlen(bad[i].text), &config, &c),
				 -EINVAL);
		assert_string_equal(c.field, bad[i].field);
		if (!strstr(c.reason, bad[i].reason))
			fail_msg("\"%s\" is not in \"%s\"", bad[i].reason, c.reason);
		assert_int_equal(c.line, bad[i].line);
		assert_int_equal(c.column, bad[i].column);
		assert_null(config.rules);
		assert_null(config.ifaces);
		assert_int_equal(config_parse(bad[i].text, strlen(bad[i].text), &config, NULL),
				 -EINVAL);
	}
}

static void test_size(void **state)
{
	char *text = malloc(CONFIG_TEXT_MAX + 1);
	struct complaint c = {0};
	struct config config;

	assert_non_null(text);
	memset(text, ' ', CONFIG_TEXT_MAX + 1);
	memcpy(text, "{}", 2);
	assert_int_equal(config_parse(text, CONFIG_TEXT_MAX, &config, &c), 0);
	config_fini(&config);
	assert_int_equal(config_parse(text, CONFIG_TEXT_MAX + 1, &config, &c), -E2BIG);
	assert_non_null(strstr(c.reason, "33554433 bytes"));
	free(text);
}

/* As many values as a hostile text of that length may hold are refused before they take memory. */
static void test_values(void **state)
{
	const size_t len = 4u << 20;
	char *text = malloc(len);
	struct complaint c = {0};
	struct config config;

	assert_non_null(text);
	for (size_t i = 0; i < len; i += 2)
		memcpy(text + i, "0,", 2);
	memcpy(text, "{\"rules\":[", 10);
	memcpy(text + len - 4, "0]}", 3);
	text[len - 1] = '\n';
	assert_int_equal(config_parse(text, len, &config, &c), -EINVAL);
	assert_non_null(strstr(c.reason, "more values"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),   cmocka_unit_test(test_empty),
		cmocka_unit_test(test_bad),    cmocka_unit_test(test_size),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
