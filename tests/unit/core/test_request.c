// SPDX-License-Identifier: MIT
/*
 * test_request.c - JSON-RPC lines: what is accepted, what is refused and how, what is answered
 *
 * Links: core/rules/wiring.c
 * Links: core/text/request.c core/text/response.c core/text/config.c core/base/complaint.c
 * Links: core/rules/rule.c core/base/addr.c
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/complaint.h"
#include "core/text/request.h"
#include "core/text/response.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

#define CALL(method, params) \
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":" params "}"
#define INPUT "\"input\":{\"interface\":\"eth0\",\"group\":\"239.1.1.1\",\"port\":5000}"
#define OUTPUTS \
	"\"outputs\":[{\"interface\":\"eth1\",\"group\":\"239.2.2.2\",\"port\":6000,\"ttl\":8}]"

static void parse(const char *line, struct request *r)
{
	struct complaint c = {0};
	int ret = request_parse(line, strlen(line), r, &c);

	if (ret)
		fail_msg("%s: %s: %s", line, c.field, c.reason);
}

static void test_plain_methods(void **state)
{
	static const struct {
		const char *name;
		enum method method;
		bool read_only;
	} cases[] = {
		{"GetVersion", METHOD_GET_VERSION, true},   {"Ping", METHOD_PING, true},
		{"ListRules", METHOD_LIST_RULES, true},     {"GetStats", METHOD_GET_STATS, true},
		{"ListWorkers", METHOD_LIST_WORKERS, true}, {"SyncRules", METHOD_SYNC_RULES, false},
		{"GetConfig", METHOD_GET_CONFIG, true},     {"Upgrade", METHOD_UPGRADE, false},
	};

	for (size_t i = 0; i < N(cases); i++) {
		char line[128];
		struct request r;

		snprintf(line, sizeof(line), "{\"jsonrpc\":\"2.0\",\"id\":%zu,\"method\":\"%s\"}",
			 i, cases[i].name);
		parse(line, &r);
		assert_int_equal(r.method, cases[i].method);
		assert_int_equal(r.id->valueint, (int)i);
		assert_string_equal(method_name(r.method), cases[i].name);
		assert_int_equal(method_read_only(r.method), cases[i].read_only);
		request_fini(&r);
		snprintf(line, sizeof(line),
			 "{\"jsonrpc\":\"2.0\",\"params\":{},\"method\":\"%s\"}", cases[i].name);
		parse(line, &r);
		assert_null(r.id);
		request_fini(&r);
	}
}

static void test_read_only(void **state)
{
	assert_true(method_read_only(METHOD_VERSION_CHECK));
	assert_true(method_read_only(METHOD_CHECK_CONFIG));
	assert_false(method_read_only(METHOD_ADD_RULE));
	assert_false(method_read_only(METHOD_REMOVE_RULE));
	assert_false(method_read_only(METHOD_REMOVE_RULE_BY_NAME));
	assert_false(method_read_only(METHOD_LOAD_CONFIG));
	assert_false(method_read_only(METHODS));
}

static void test_params(void **state)
{
	struct request r;

	parse(CALL("VersionCheck", "{\"version\":\"1\"}"), &r);
	assert_int_equal(r.method, METHOD_VERSION_CHECK);
	assert_string_equal(r.version_check.version, "1");
	request_fini(&r);

	parse(CALL("RemoveRule", "{\"rule_id\":\"abc\"}"), &r);
	assert_int_equal(r.method, METHOD_REMOVE_RULE);
	assert_string_equal(r.remove_rule.rule_id, "abc");
	request_fini(&r);

	parse(CALL("RemoveRuleByName", "{\"name\":\"camera 1\"}"), &r);
	assert_int_equal(r.method, METHOD_REMOVE_RULE_BY_NAME);
	assert_string_equal(r.remove_rule_by_name.name, "camera 1");
	request_fini(&r);

	parse(CALL("SetOutput", "{\"rule\":\"abc\",\"output\":{\"interface\":\"eth1\","
				"\"group\":\"239.2.2.2\",\"port\":6000,\"ttl\":9}}"),
	      &r);
	assert_int_equal(r.method, METHOD_SET_OUTPUT);
	assert_string_equal(r.change.rule, "abc");
	assert_int_equal(r.change.output.ttl, 9);
	assert_false(method_read_only(r.method));
	request_fini(&r);

	parse(CALL("RenameRule", "{\"rule\":\"abc\",\"name\":\"\"}"), &r);
	assert_int_equal(r.method, METHOD_RENAME_RULE);
	assert_string_equal(r.change.name, "");
	request_fini(&r);

	parse(CALL("DisableRule", "{\"rule\":\"abc\"}"), &r);
	assert_int_equal(r.method, METHOD_DISABLE_RULE);
	request_fini(&r);

	parse(CALL("AddRule", "{" INPUT "," OUTPUTS ",\"replace\":true,\"name\":\"n\"}"), &r);
	assert_int_equal(r.method, METHOD_ADD_RULE);
	assert_true(r.add_rule.replace);
	assert_string_equal(r.add_rule.rule.id, "");
	assert_string_equal(r.add_rule.rule.name, "n");
	assert_int_equal(r.add_rule.rule.input.port, 5000);
	assert_int_equal(r.add_rule.rule.n_outputs, 1);
	assert_int_equal(r.add_rule.rule.outputs[0].ttl, 8);
	request_fini(&r);

	parse(CALL("AddRule", "{" INPUT "," OUTPUTS "}"), &r);
	assert_false(r.add_rule.replace);
	request_fini(&r);

	parse(CALL("LoadConfig", "{\"text\":\"// c\\n{\\\"workers\\\":3,}\",\"replace\":true}"),
	      &r);
	assert_int_equal(r.method, METHOD_LOAD_CONFIG);
	assert_int_equal(r.config.config.workers, 3);
	assert_true(r.config.replace);
	request_fini(&r);

	parse(CALL("CheckConfig", "{\"text\":\"{\\\"rules\\\":[{" /* one rule, escaped */
				  "\\\"input\\\":{\\\"interface\\\":\\\"e\\\",\\\"group\\\":"
				  "\\\"239.1.1.1\\\",\\\"port\\\":1},\\\"outputs\\\":[{"
				  "\\\"interface\\\":\\\"f\\\",\\\"group\\\":\\\"239.1.1.2\\\","
				  "\\\"port\\\":1}]}]}\"}"),
	      &r);
	assert_int_equal(r.method, METHOD_CHECK_CONFIG);
	assert_int_equal(r.config.config.n_rules, 1);
	assert_false(r.config.replace);
	request_fini(&r);
}

#define ENVELOPE(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"Ping\"}"
#define ID_128                                                             \
	"0123456789012345678901234567890123456789012345678901234567890123" \
	"0123456789012345678901234567890123456789012345678901234567890123"

static const struct {
	const char *name;
	const char *line;
	int code;
	const char *id; /* printed; NULL for none */
	const char *field;
	const char *reason; /* a part of it */
	unsigned line_number, column;
} bad[] = {
	{"empty line", "", RPC_PARSE_ERROR, NULL, "", "a value is expected", 1, 1},
	{"not JSON", "hello", RPC_PARSE_ERROR, NULL, "", "a value is expected", 1, 1},
	{"half a line", "{\"jsonrpc\":\"2.0\",\"id\":1,", RPC_PARSE_ERROR, NULL, "", "not closed",
	 1, 1},
	{"comment", "{} // x", RPC_PARSE_ERROR, NULL, "", "unexpected '/'", 1, 4},
	{"trailing comma", "{\"id\":1,}", RPC_PARSE_ERROR, NULL, "", "','", 1, 8},
	{"duplicate", "{\"id\":1,\"id\":2}", RPC_PARSE_ERROR, NULL, "id", "twice", 1, 9},
	{"duplicate in params", CALL("RemoveRule", "{\"rule_id\":\"a\",\"rule_id\":\"b\"}"),
	 RPC_PARSE_ERROR, NULL, "params.rule_id", "twice", 1, 71},
	{"limit 0", CALL("ListRules", "{\"limit\":0}"), RPC_INVALID_PARAMS, "1", "params.limit",
	 "from 1 to 16384", 0, 0},
	{"limit beyond the rules", CALL("GetStats", "{\"limit\":16385}"), RPC_INVALID_PARAMS, "1",
	 "params.limit", "from 1 to 16384", 0, 0},
	{"cursor of no answer", CALL("GetConfig", "{\"cursor\":\"+1.2\"}"), RPC_INVALID_PARAMS, "1",
	 "params.cursor", "is not the", 0, 0},
	{"cursor of revision 0", CALL("ListRules", "{\"cursor\":\"0.2\"}"), RPC_INVALID_PARAMS, "1",
	 "params.cursor", "is not the", 0, 0},
	{"upload without offset", CALL("UploadConfig", "{\"text\":\"\"}"), RPC_INVALID_PARAMS, "1",
	 "params.offset", "is missing", 0, 0},
	{"upload too far", CALL("UploadConfig", "{\"text\":\"\",\"offset\":33554433}"),
	 RPC_INVALID_PARAMS, "1", "params.offset", "to 33554432", 0, 0},
	{"uploaded and text", CALL("LoadConfig", "{\"text\":\"{}\",\"uploaded\":true}"),
	 RPC_INVALID_PARAMS, "1", "params.text", "absent", 0, 0},
	{"batch", "[" ENVELOPE("1") "]", RPC_INVALID_REQUEST, NULL, "", "batches", 0, 0},
	{"number", "1", RPC_INVALID_REQUEST, NULL, "", "must be an object, not a number", 0, 0},
	{"empty object", "{}", RPC_INVALID_REQUEST, NULL, "jsonrpc", "missing", 0, 0},
	{"no jsonrpc", "{\"id\":7,\"method\":\"Ping\"}", RPC_INVALID_REQUEST, "7", "jsonrpc",
	 "missing", 0, 0},
	{"jsonrpc 1.0", "{\"jsonrpc\":\"1.0\",\"id\":7,\"method\":\"Ping\"}", RPC_INVALID_REQUEST,
	 "7", "jsonrpc", "must be \"2.0\", not \"1.0\"", 0, 0},
	{"jsonrpc number", "{\"jsonrpc\":2.0,\"id\":7,\"method\":\"Ping\"}", RPC_INVALID_REQUEST,
	 "7", "jsonrpc", "must be a string", 0, 0},
	{"no method", "{\"jsonrpc\":\"2.0\",\"id\":\"x\"}", RPC_INVALID_REQUEST, "\"x\"", "method",
	 "missing", 0, 0},
	{"method number", "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":1}", RPC_INVALID_REQUEST,
	 "\"x\"", "method", "must be a string", 0, 0},
	{"unknown member", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"Ping\",\"args\":{}}",
	 RPC_INVALID_REQUEST, "1", "args", "unknown field; known: jsonrpc, id, method, params", 0,
	 0},
	{"id object", ENVELOPE("{}"), RPC_INVALID_REQUEST, NULL, "id", "an integer or null", 0, 0},
	{"id true", ENVELOPE("true"), RPC_INVALID_REQUEST, NULL, "id", "an integer or null", 0, 0},
	{"id fraction", ENVELOPE("1.5"), RPC_INVALID_REQUEST, NULL, "id", "an integer", 0, 0},
	{"id huge", ENVELOPE("1e300"), RPC_INVALID_REQUEST, NULL, "id", "an integer", 0, 0},
	{"id long", ENVELOPE("\"" ID_128 "\""), RPC_INVALID_REQUEST, NULL, "id", "128 bytes", 0, 0},
	{"unknown method", CALL("Pong", "{}"), RPC_METHOD_NOT_FOUND, "1", "method",
	 "\"Pong\" is unknown", 0, 0},
	{"method in another case", CALL("ping", "{}"), RPC_METHOD_NOT_FOUND, "1", "method",
	 "unknown", 0, 0},
	{"params list", CALL("Ping", "[]"), RPC_INVALID_PARAMS, "1", "params",
	 "must be an object, not an array", 0, 0},
	{"params null", CALL("Ping", "null"), RPC_INVALID_PARAMS, "1", "params", "not null", 0, 0},
	{"params of Ping", CALL("Ping", "{\"x\":1}"), RPC_INVALID_PARAMS, "1", "params.x",
	 "unknown field; known: none", 0, 0},
	{"VersionCheck without", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"VersionCheck\"}",
	 RPC_INVALID_PARAMS, "1", "params.version", "missing", 0, 0},
	{"VersionCheck number", CALL("VersionCheck", "{\"version\":1}"), RPC_INVALID_PARAMS, "1",
	 "params.version", "must be a string", 0, 0},
	{"VersionCheck long",
	 CALL("VersionCheck", "{\"version\":\"01234567890123456789012345678901\"}"),
	 RPC_INVALID_PARAMS, "1", "params.version", "32 bytes long, the longest is 31", 0, 0},
	{"VersionCheck empty", CALL("VersionCheck", "{\"version\":\"\"}"), RPC_INVALID_PARAMS, "1",
	 "params.version", "empty", 0, 0},
	{"RemoveRule empty", CALL("RemoveRule", "{\"rule_id\":\"\"}"), RPC_INVALID_PARAMS, "1",
	 "params.rule_id", "empty", 0, 0},
	{"RemoveRule with a name", CALL("RemoveRule", "{\"name\":\"x\"}"), RPC_INVALID_PARAMS, "1",
	 "params.name", "unknown field; known: rule_id", 0, 0},
	{"RemoveRuleByName number", CALL("RemoveRuleByName", "{\"name\":5}"), RPC_INVALID_PARAMS,
	 "1", "params.name", "must be a string", 0, 0},
	{"AddRule empty", CALL("AddRule", "{}"), RPC_INVALID_PARAMS, "1", "params.input", "missing",
	 0, 0},
	{"AddRule replace", CALL("AddRule", "{" INPUT "," OUTPUTS ",\"replace\":1}"),
	 RPC_INVALID_PARAMS, "1", "params.replace", "true or false", 0, 0},
	{"AddRule port",
	 CALL("AddRule", "{\"input\":{\"interface\":\"e\",\"group\":\"239.1.1.1\","
			 "\"port\":0},\"outputs\":[]}"),
	 RPC_INVALID_PARAMS, "1", "params.input.port", "from 1 to 65535, not 0", 0, 0},
	{"AddRule output",
	 CALL("AddRule",
	      "{" INPUT ",\"outputs\":[{\"interface\":\"e\",\"group\":\"x\",\"port\":1}]}"),
	 RPC_INVALID_PARAMS, "1", "params.outputs[0].group", "not an IPv4 address", 0, 0},
	{"AddRule unknown", CALL("AddRule", "{" INPUT "," OUTPUTS ",\"ttl\":1}"),
	 RPC_INVALID_PARAMS, "1", "params.ttl", "unknown field", 0, 0},
	{"AddRule own input",
	 CALL("AddRule", "{" INPUT ",\"outputs\":[{\"interface\":\"eth0\","
			 "\"group\":\"239.1.1.1\",\"port\":5000}]}"),
	 RPC_CONFLICT, "1", "params.outputs[0]", "circle", 0, 0},
	{"CheckConfig without text", CALL("CheckConfig", "{}"), RPC_INVALID_PARAMS, "1",
	 "params.text", "missing", 0, 0},
	{"CheckConfig replace", CALL("CheckConfig", "{\"text\":\"{}\",\"replace\":true}"),
	 RPC_INVALID_PARAMS, "1", "params.replace", "unknown field", 0, 0},
	{"CheckConfig object", CALL("CheckConfig", "{\"text\":{}}"), RPC_INVALID_PARAMS, "1",
	 "params.text", "must be a string", 0, 0},
	{"CheckConfig syntax", CALL("CheckConfig", "{\"text\":\"{\\n  x}\"}"), RPC_INVALID_PARAMS,
	 "1", "", "field name in double quotes", 2, 3},
	{"LoadConfig value", CALL("LoadConfig", "{\"text\":\"{\\n  \\\"workers\\\":99}\"}"),
	 RPC_INVALID_PARAMS, "1", "workers", "from 1 to 64, not 99", 2, 3},
	{"LoadConfig rule", CALL("LoadConfig", "{\"text\":\"{\\\"rules\\\":[\\n1]}\"}"),
	 RPC_INVALID_PARAMS, "1", "rules[0]", "must be an object", 2, 1},
};

static void check_id(const struct request *r, const char *want)
{
	char *printed = r->id ? cJSON_PrintUnformatted(r->id) : NULL;

	if (!want)
		assert_null(printed);
	else
		assert_string_equal(printed, want);
	cJSON_free(printed);
}

static void test_bad(void **state)
{
	for (size_t i = 0; i < N(bad); i++) {
		struct complaint c = {0};
		struct request r;

		print_message("%s\n", bad[i].name);
		assert_int_equal(request_parse(bad[i].line, strlen(bad[i].line), &r, &c),
				 bad[i].code);
		check_id(&r, bad[i].id);
		assert_string_equal(c.field, bad[i].field);
		if (!strstr(c.reason, bad[i].reason))
			fail_msg("\"%s\" is not in \"%s\"", bad[i].reason, c.reason);
		assert_int_equal(c.line, bad[i].line_number);
		assert_int_equal(c.column, bad[i].column);
		request_fini(&r);
		assert_int_equal(request_parse(bad[i].line, strlen(bad[i].line), &r, NULL),
				 bad[i].code);
		request_fini(&r);
	}
}

static void test_ids(void **state)
{
	static const char *const ids[] = {"0",   "-5", "\"a b\\n\"", "null", "4503599627370495",
					  "\"\""};

	for (size_t i = 0; i < N(ids); i++) {
		char line[128], *answer;
		struct request r;

		snprintf(line, sizeof(line), "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"Ping\"}",
			 ids[i]);
		parse(line, &r);
		check_id(&r, ids[i]);
		answer = response_result(r.id, cJSON_CreateTrue());
		snprintf(line, sizeof(line), "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":true}\n",
			 ids[i]);
		assert_string_equal(answer, line);
		free(answer);
		request_fini(&r);
	}
}

/* The page that is asked for, as words: paged, revision, first, limit. */
static void test_pages(void **state)
{
	static const struct {
		const char *params;
		struct request_page page;
	} cases[] = {
		{"{}", {false, 0, 0, MCR_MAX_RULES}},
		{"{\"limit\":1}", {true, 0, 0, 1}},
		{"{\"limit\":16384}", {true, 0, 0, 16384}},
		{"{\"cursor\":\"7.5\"}", {true, 7, 5, MCR_MAX_RULES}},
		{"{\"cursor\":\"18446744073709551615.4294967295\",\"limit\":2}",
		 {true, UINT64_MAX, UINT32_MAX, 2}},
	};
	static const char *const methods[] = {"ListRules", "GetStats", "GetConfig"};
	char line[256], cursor[REQUEST_CURSOR_MAX];
	struct request r;

	for (size_t i = 0; i < N(cases); i++) {
		for (size_t m = 0; m < N(methods); m++) {
			snprintf(line, sizeof(line),
				 "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}",
				 methods[m], cases[i].params);
			parse(line, &r);
			assert_int_equal(r.page.paged, cases[i].page.paged);
			assert_int_equal(r.page.revision, cases[i].page.revision);
			assert_int_equal(r.page.first, cases[i].page.first);
			assert_int_equal(r.page.limit, cases[i].page.limit);
			request_fini(&r);
		}
	}
	assert_string_equal(request_cursor(UINT64_MAX, UINT32_MAX, cursor),
			    "18446744073709551615.4294967295");
}

static void test_upload(void **state)
{
	struct request r;

	parse(CALL("UploadConfig", "{\"text\":\"{}\",\"offset\":33554432}"), &r);
	assert_string_equal(r.upload.text, "{}");
	assert_int_equal(r.upload.offset, 33554432);
	assert_false(method_read_only(r.method));
	request_fini(&r);
	parse(CALL("LoadConfig", "{\"uploaded\":true,\"replace\":true}"), &r);
	assert_true(r.config.uploaded && r.config.replace);
	assert_int_equal(r.config.config.n_rules, 0);
	request_fini(&r);
}

static void test_longest_line(void **state)
{
	char *line = malloc(REQUEST_LINE_MAX + 1);
	const char *ping = ENVELOPE("1");
	struct complaint c = {0};
	struct request r;

	assert_non_null(line);
	memset(line, ' ', REQUEST_LINE_MAX + 1);
	memcpy(line, ping, strlen(ping));
	assert_int_equal(request_parse(line, REQUEST_LINE_MAX, &r, &c), 0);
	request_fini(&r);
	assert_int_equal(request_parse(line, REQUEST_LINE_MAX + 1, &r, &c), RPC_LIMIT);
	assert_non_null(strstr(c.reason, "longer than 1048576 bytes"));
	assert_null(r.id);
	request_fini(&r);
	free(line);
}

static void test_error_lines(void **state)
{
	static const struct {
		const char *name;
		struct complaint c;
		const char *line;
	} cases[] = {
		{"field and reason",
		 {.field = "params.input.port", .reason = "is missing"},
		 "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32602,\"message\":"
		 "\"params.input.port: is missing\",\"data\":{\"field\":\"params.input.port\","
		 "\"reason\":\"is missing\"}}}\n"},
		{"no field",
		 {.reason = "say \"please\"\n"},
		 "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32602,\"message\":"
		 "\"say \\\"please\\\"\\n\",\"data\":{\"field\":\"\",\"reason\":"
		 "\"say \\\"please\\\"\\n\"}}}\n"},
		{"line and column",
		 {.field = "f", .reason = "r", .line = 3, .column = 14},
		 "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32602,\"message\":\"f: r\","
		 "\"data\":{\"field\":\"f\",\"reason\":\"r\",\"line\":3,\"column\":14}}}\n"},
		{"cut UTF-8",
		 {.field = "\xc3\xa9\xe2\x82", .reason = "\xff"},
		 "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32602,\"message\":"
		 "\"\xc3\xa9??: ?\",\"data\":{\"field\":\"\xc3\xa9??\",\"reason\":\"?\"}}}\n"},
	};

	for (size_t i = 0; i < N(cases); i++) {
		char *line = response_error(NULL, RPC_INVALID_PARAMS, &cases[i].c);

		print_message("%s\n", cases[i].name);
		assert_string_equal(line, cases[i].line);
		free(line);
	}
}

static void test_no_result(void **state)
{
	assert_null(response_result(NULL, NULL)); /* the result could not be built */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_methods), cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_params),        cmocka_unit_test(test_bad),
		cmocka_unit_test(test_ids),           cmocka_unit_test(test_longest_line),
		cmocka_unit_test(test_pages),         cmocka_unit_test(test_upload),
		cmocka_unit_test(test_error_lines),   cmocka_unit_test(test_no_result),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
