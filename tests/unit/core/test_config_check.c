// SPDX-License-Identifier: MIT
/*
 * test_config_check.c - all errors of a configuration, each once and at its place
 *
 * Links: core/text/config_check.c core/text/config.c core/text/rule_json.c core/text/json_field.c
 * Links: core/text/json_text.c core/text/json_scan.c core/base/complaint.c core/base/addr.c
 * Links: core/rules/ruleset.c core/rules/ruleset_index.c core/rules/ruleset_ifaces.c
 * Links: core/rules/ruleset_cycle.c core/rules/wiring.c core/rules/slot_pool.c core/rules/rule.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/complaint.h"
#include "core/text/config.h"
#include "core/text/config_check.h"

#define IN   "\"input\":{\"interface\":\"eth0\",\"group\":\"239.1.1.1\",\"port\":5000}"
#define IN2  "\"input\":{\"interface\":\"eth0\",\"group\":\"239.1.1.2\",\"port\":5000}"
#define TO   "{\"interface\":\"eth1\",\"group\":\"239.2.2.2\",\"port\":6000}"
#define OUT  "\"outputs\":[" TO "]"
#define RULE "{" IN "," OUT "}"

static char told[2048];

/* "LINE FIELD;" of each. */
static void tell(void *ctx, const struct complaint *c)
{
	const size_t used = strlen(told);

	assert_true(c->reason[0]);
	snprintf(told + used, sizeof(told) - used, "%u %s;", c->line, c->field);
}

static const struct {
	const char *what, *text, *told;
} cases[] = {
	{"none", "{\"rules\":[" RULE "]}", ""},
	{"syntax has no next one", "{\"workers\":0,\n\"rules\":[}", "2 ;"},
	{"no object", "5", "1 ;"},
	{"settings", "{\"workers\":0,\n\"colour\":1,\n\"gro\":{\"eth0\":1,\n\"a.b\":2}}",
	 "2 colour;1 workers;3 gro.eth0;4 gro.a.b;"},
	{"rules is no list", "{\"rules\":5,\n\"workers\":0}", "2 workers;1 rules;"},
	{"several members of a rule",
	 "{\"rules\":[{\"x\":1,\n\"priority\":\"top\",\n\"enabled\":1,\n" IN "," OUT "}]}",
	 "1 rules[0].x;3 rules[0].enabled;2 rules[0].priority;"},
	{"several members of an output",
	 "{\"rules\":[{" IN ",\"outputs\":[{\"interface\":\"\",\n\"group\":\"x\",\n\"port\":0,\n"
	 "\"ttl\":0}]}]}",
	 "2 rules[0].outputs[0].group;3 rules[0].outputs[0].port;4 rules[0].outputs[0].ttl;"
	 "1 rules[0].outputs[0].interface;"},
	{"what is missing", "{\"rules\":[{},\n{" OUT ",\"input\":{}}]}",
	 "1 rules[0].input;1 rules[0].outputs;2 rules[1].input.interface;2 rules[1].input.group;"
	 "2 rules[1].input.port;"},
	{"elements of another kind", "{\"rules\":[5,\n{" IN ",\"outputs\":[" TO ",\n7]}]}",
	 "1 rules[0];3 rules[1].outputs[1];"},
	{"an output twice", "{\"rules\":[{" IN ",\"outputs\":[" TO ",\n" TO ",\n" TO "]}]}",
	 "2 rules[0].outputs[1];3 rules[0].outputs[2];"},
	{"a rule twice", "{\"rules\":[" RULE ",\n" RULE ",\n" RULE "]}", "2 rules[1];3 rules[2];"},
	{"names and ids that are taken",
	 "{\"rules\":[{\"name\":\"a\",\"id\":\"i\"," IN "," OUT
	 "},\n{\"name\":\"a\",\n\"id\":\"i\"," IN2 "," OUT "}]}",
	 "3 rules[1].id;2 rules[1].name;"},
	{"a circle",
	 "{\"rules\":[{\"input\":{\"interface\":\"lo\",\"group\":\"239.1.1.1\",\"port\":1},"
	 "\"outputs\":["
	 "{\"interface\":\"lo\",\"group\":\"239.1.1.2\",\"port\":1}]},\n{\"input\":{\"interface\":"
	 "\"lo\","
	 "\"group\":\"239.1.1.2\",\"port\":1},\"outputs\":[{\"interface\":\"lo\",\"group\":\"239.1."
	 "1.1\","
	 "\"port\":1}]},\n5]}",
	 "3 rules[2];2 rules[1].outputs[0];"},
};

static void every_error(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config config;
		unsigned n, want = 0;

		told[0] = '\0';
		n = config_check(cases[i].text, strlen(cases[i].text), tell, NULL, &config);
		for (const char *at = cases[i].told; *at; at++)
			want += *at == ';';
		if (strcmp(told, cases[i].told) != 0 || n != want)
			fail_msg("%s: %u: %s", cases[i].what, n, told);
		if (!n)
			assert_int_equal(config.n_rules, 1);
		config_fini(&config);
	}
}

static void ends_somewhere(void **state)
{
	char text[2048] = "{\"rules\":[";
	struct config config;

	for (unsigned i = 0; i < 2 * CONFIG_ERRORS_MAX; i++)
		strcat(text, i ? ",5" : "5");
	strcat(text, "]}");
	told[0] = '\0';
	assert_int_equal(config_check(text, strlen(text), tell, NULL, &config), CONFIG_ERRORS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error),
		cmocka_unit_test(ends_somewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
