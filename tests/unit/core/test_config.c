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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/complaint.h"
#include "core/text/config.h"
#include "core/text/config_write.h"
#include "core/text/rule_json.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static const char full[] =
	"{ // everything\n"
	"  \"workers\": 2, \"per_packet\": true, \"busy_poll_us\": 250,\n"
	"  \"steering\": {\"eth0\": \"rule\", \"eth1.5\": \"cpu\"},\n"
	"  \"gro\": {\"eth0\": true, \"eth2\": false},\n"
	"  \"defrag\": {\"eth0\": true, \"eth2\": false},\n"
	"  \"pinning\": {\"eth0\": [0, 1], \"eth3\": []},\n"
	"  \"rules\": [\n"
	"    {\"name\": \"camera-1\",\n"
	"     \"input\": {\"interface\": \"eth0\", \"group\": \"239.1.1.1\", \"port\": 5000,\n"
	"               \"source\": \"10.10.1.100\"},\n"
	"     \"outputs\": [{\"interface\": \"eth1\", \"group\": \"239.2.2.2\", \"port\": 6000,\n"
	"       \"ttl\": 8, \"source_ip\": \"10.90.1.1\", \"dscp\": 34,\n"
	"       \"source_port\": 7000},\n"
	"       {\"interface\": \"eth2\", \"group\": \"192.0.2.7\", \"port\": 65535}],\n"
	"     \"rate_limit\": {\"pps\": 1000, \"bps\": 4503599627370495}, \"priority\": \"low\",\n"
	"     \"path\": \"user\", \"consume\": true},\n"
	"    {\"id\": \"mine\",\n"
	"     \"input\": {\"interface\": \"eth0\", \"group\": \"239.1.1.2\", \"port\": 1},\n"
	"     \"outputs\": [{\"interface\": \"eth1\", \"group\": \"239.2.2.3\", \"port\": 1,"
	"                  \"ttl\": \"decrement\"}]},\n"
	"  ],\n"
	"}\n";

static void check_full(const struct config *c)
{
	const struct rule *r = &c->rules[0];
	const struct config_iface *i;
	char text[ADDR_TEXT_MAX];

	assert_int_equal(c->workers, 2);
	assert_true(c->per_packet);
	assert_int_equal(c->busy_poll_us, 250);
	assert_int_equal(c->n_ifaces, 4);
	i = config_find_iface(c, "eth0");
	assert_non_null(i);
	assert_int_equal(i->steering, STEER_RULE);
	assert_int_equal(i->gro, GRO_ON);
	assert_true(i->defrag);
	assert_false(config_find_iface(c, "eth2")->defrag);
	assert_int_equal(i->n_cpus, 2);
	assert_int_equal(i->cpus[1], 1);
	i = config_find_iface(c, "eth1.5");
	assert_non_null(i);
	assert_int_equal(i->steering, STEER_CPU);
	assert_int_equal(i->gro, GRO_LEAVE);
	assert_int_equal(config_find_iface(c, "eth2")->gro, GRO_OFF);
	assert_int_equal(config_find_iface(c, "eth3")->n_cpus, 0);
	assert_null(config_find_iface(c, "eth9"));

	assert_int_equal(c->n_rules, 2);
	assert_string_equal(r->name, "camera-1");
	assert_int_equal(strlen(r->id), 16);
	assert_string_equal(r->input.interface, "eth0");
	assert_string_equal(addr_format(&r->input.group, text), "239.1.1.1");
	assert_int_equal(r->input.port, 5000);
	assert_string_equal(addr_format(&r->input.source, text), "10.10.1.100");
	assert_int_equal(r->n_outputs, 2);
	assert_string_equal(r->outputs[0].interface, "eth1");
	assert_string_equal(addr_format(&r->outputs[0].group, text), "239.2.2.2");
	assert_int_equal(r->outputs[0].port, 6000);
	assert_int_equal(r->outputs[0].ttl, 8);
	assert_int_equal(r->outputs[0].dscp, 34);
	assert_int_equal(r->outputs[0].source_port, 7000);
	assert_int_equal(r->outputs[1].source_port, 0);
	assert_string_equal(addr_format(&r->outputs[0].source, text), "10.90.1.1");
	assert_int_equal(r->outputs[1].ttl, 0);
	assert_false(r->outputs[1].ttl_decrement);
	assert_true(c->rules[1].outputs[0].ttl_decrement);
	assert_int_equal(c->rules[1].outputs[0].ttl, 0);
	assert_int_equal(r->outputs[1].port, 65535);
	assert_false(addr_is_set(&r->outputs[1].source));
	assert_int_equal(r->limit_pps, 1000);
	assert_true(r->limit_bps == 4503599627370495);
	assert_int_equal(r->priority, RULE_PRIORITY_LOW);
	assert_int_equal(r->path, RULE_PATH_USER);
	assert_true(r->consume);
	assert_false(c->rules[1].consume);
	assert_string_equal(c->rules[1].id, "mine");
	assert_string_equal(c->rules[1].name, "");
	assert_false(addr_is_set(&c->rules[1].input.source));
	assert_int_equal(c->rules[1].priority, RULE_PRIORITY_NORMAL);
	assert_int_equal(c->rules[1].path, RULE_PATH_UNSET);
}

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

#define IN                   "\"input\":{\"interface\":\"eth0\",\"group\":\"239.1.1.1\",\"port\":5000}"
#define OUT                  "{\"interface\":\"eth1\",\"group\":\"239.2.2.2\",\"port\":6000}"
#define RULE(input, outputs) "{\"rules\":[\n{" input ",\n\"outputs\":[\n" outputs "]}]}"
#define RULE2(rule)          "{\"rules\":[\n{" IN ",\"outputs\":[" OUT "]},\n" rule "]}"

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
		cmocka_unit_test(test_full),      cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_empty),     cmocka_unit_test(test_bad),
		cmocka_unit_test(test_size),      cmocka_unit_test(test_values),
		cmocka_unit_test(test_parts),     cmocka_unit_test(test_limits),
		cmocka_unit_test(test_rule_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
