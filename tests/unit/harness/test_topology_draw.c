// SPDX-License-Identifier: MIT
/*
 * test_topology_draw.c - drawings of topologies: exact in ASCII; complete and escaped in SVG
 *
 * Links: harness/topology/topology.c harness/topology/find.c harness/topology/draw.c
 * Links: harness/topology/svg.c
 * Links: harness/base/jsonread.c harness/base/jsonpath.c harness/base/decimal.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/jsonread.h"
#include "harness/topology/draw.h"
#include "harness/topology/svg.h"
#include "harness/topology/topology.h"

static struct topology *topo;

static const struct {
	const char *name;
	const char *text;
	const char *drawing;
} cases[] = {
	{"one node", "{\"name\": \"alone\", \"nodes\": {\"a\": {}}}",
	 "alone\n  [a] without links\n"},
	{"a pair",
	 "{\"name\": \"pair\", \"description\": \"two\", \"nodes\": {\"a\": {}, \"b\": {}},"
	 "\"links\": [{\"ends\": [{\"at\": \"a:e\"}, {\"at\": \"b:eth0\"}]}]}",
	 "pair: two\n"
	 "  [a] e ------- [b] eth0\n"},
	{"columns, addresses and settings of links",
	 "{\"name\": \"x\", \"nodes\": {\"a\": {}, \"relay\": {}, \"c\": {}}, \"links\": ["
	 "{\"mtu\": 9000, \"ends\": [{\"at\": \"a:e\", \"addresses\": [\"10.0.0.1/8\", "
	 "\"fd00::1/64\"]},"
	 " {\"at\": \"relay:e0\", \"gro\": true, \"addresses\": [\"10.0.0.2/8\"]}]},"
	 "{\"wire\": true, \"ends\": [{\"at\": \"relay:e1\", \"uso\": true}, {\"at\": \"c:e\", "
	 "\"mtu\": 1400}]},"
	 "{\"kind\": \"tun\", \"ends\": [{\"at\": \"a:t\"}, {\"at\": \"c:t\"}]}]}",
	 "x\n"
	 "  [a] e 10.0.0.1/8 fd00::1/64 ------- [relay] e0 10.0.0.2/8  mtu 9000  gro right\n"
	 "  [relay] e1                  ------- [c] e                  mtu 1500 | 1400  uso left  "
	 "wire\n"
	 "  [a] t                       ------- [c] t                  tun\n"},
	{"bridges, settings of nodes, routes",
	 "{\"name\": \"x\", \"nodes\": {\"a\": {\"rp_filter\": 0, \"forwarding\": true, "
	 "\"routes\": ["
	 "{\"to\": \"10.0.0.0/8\", \"via\": \"10.1.0.1\"}, {\"to\": \"239.0.0.0/8\", "
	 "\"interface\": \"e\"}]},"
	 "\"b\": {}}, \"links\": [{\"ends\": [{\"at\": \"a:e\"}, {\"at\": \"b:e\"}]}],"
	 "\"bridges\": [{\"at\": \"b:br0\", \"ports\": [\"e\"], \"addresses\": "
	 "[\"10.2.0.1/16\"]}]}",
	 "x\n"
	 "  [a] e ------- [b] e\n"
	 "  [b] br0 10.2.0.1/16 bridges e\n"
	 "  [a] rp_filter 0\n"
	 "  [a] forwarding\n"
	 "  [a] route 10.0.0.0/8 via 10.1.0.1\n"
	 "  [a] route 239.0.0.0/8 on e\n"},
};

static void parse(const char *text)
{
	static struct json_error error;

	if (topology_parse(topo, text, "case", &error))
		fail_msg("%s", error.text);
}

/* Return: the output of a function; the caller's to free. */
static char *printed(void (*draw)(const struct topology *))
{
	FILE *real = stdout;
	char *text = NULL;
	size_t size = 0;

	stdout = open_memstream(&text, &size);
	assert_non_null(stdout);
	draw(topo);
	fclose(stdout);
	stdout = real;
	return text;
}

static void test_ascii(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *text;

		parse(cases[i].text);
		text = printed(topology_draw);
		if (strcmp(text, cases[i].drawing))
			fail_msg("%s: is\n%sshould be\n%s", cases[i].name, text, cases[i].drawing);
		free(text);
	}
}

/* More addresses than there is room for in a line: it is cut, and nothing is overrun. */
static void test_long_label(void **state)
{
	char json[1024];
	char *text;

	snprintf(json, sizeof(json),
		 "{\"nodes\": {\"a\": {}, \"b\": {}}, \"links\": [{\"ends\": [{\"at\": "
		 "\"a:e\", \"addresses\": [%s%s%s%s%s%s%s%s]}, {\"at\": \"b:e\"}]}]}",
		 "\"fd00:1111:2222:3333:4444:5555:6666:7771/64\",",
		 "\"fd00:1111:2222:3333:4444:5555:6666:7772/64\",",
		 "\"fd00:1111:2222:3333:4444:5555:6666:7773/64\",",
		 "\"fd00:1111:2222:3333:4444:5555:6666:7774/64\",",
		 "\"fd00:1111:2222:3333:4444:5555:6666:7775/64\",",
		 "\"fd00:1111:2222:3333:4444:5555:6666:7776/64\",",
		 "\"fd00:1111:2222:3333:4444:5555:6666:7777/64\",",
		 "\"fd00:1111:2222:3333:4444:5555:6666:7778/64\"");
	parse(json);
	text = printed(topology_draw);
	assert_non_null(strstr(text, "7771/64"));
	assert_null(strstr(text, "7778/64"));
	assert_non_null(strstr(text, " ------- [b] e\n"));
	free(text);
}

static unsigned count(const char *text, const char *part)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, part)); p++)
		n++;
	return n;
}

static void test_svg(void **state)
{
	char *text;

	parse("{\"name\": \"x\", \"description\": \"a<b & c\", \"nodes\": {\"a\": {}, \"b\": {}, "
	      "\"c\": {}}, \"links\": [{\"ends\": [{\"at\": \"a:e\", \"addresses\": "
	      "[\"10.0.0.1/8\"]}, "
	      "{\"at\": \"b:e\"}]}, {\"kind\": \"tun\", \"mtu\": 1400, \"ends\": [{\"at\": "
	      "\"b:t\"}, "
	      "{\"at\": \"a:t\"}]}], \"bridges\": [{\"at\": \"b:br0\", \"ports\": [\"e\"]}]}");
	text = printed(topology_draw_svg);
	assert_int_equal(count(text, "<rect "), 3);
	assert_int_equal(count(text, "<path "), 2);
	assert_int_equal(count(text, "class=\"node\">"), 3);
	assert_int_equal(count(text, "class=\"node\">b br0</text>"), 1);
	assert_int_equal(count(text, ">e 10.0.0.1/8</text>"), 1);
	assert_int_equal(count(text, ">tun mtu 1400 </text>"), 1);
	assert_int_equal(count(text, ">x: a&lt;b &amp; c</text>"), 1);
	assert_int_equal(count(text, "<text "), count(text, "</text>"));
	assert_string_equal(text + strlen(text) - 7, "</svg>\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ascii),
		cmocka_unit_test(test_long_label),
		cmocka_unit_test(test_svg),
	};
	int ret;

	topo = malloc(sizeof(*topo));
	ret = topo ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
	free(topo);
	return ret;
}
