// SPDX-License-Identifier: MIT
/*
 * test_topology.c - topologies: which are read, and which are refused, with line and field
 *
 * Links: harness/topology/topology.c harness/topology/find.c harness/base/jsonread.c
 * Links: harness/base/jsonpath.c harness/base/decimal.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/jsonread.h"
#include "harness/topology/find.h"
#include "harness/topology/topology.h"

#define AB     "{\"nodes\": {\"a\": {}, \"b\": {}}, "
#define LINK   "\"links\": [{\"ends\": [{\"at\": \"a:e\"}, {\"at\": \"b:e\"}]}]"
#define ENDS   AB "\"links\": [\n{\"ends\": [\n{\"at\": \"a:e\"},\n{\"at\": \"b:e\""
#define ENDS_2 "}]}]}"

static struct topology *topo;

static const struct {
	const char *name;
	const char *text;
	unsigned line;
	const char *field;
} malformed[] = {
	{"nothing", "", 1, ""},
	{"cut off", "{\n\"nodes\":\n", 3, ""},
	{"text behind", AB LINK "}\n\nx", 3, ""},
	{"not an object", "[]", 1, ""},
	{"no nodes", "{}", 1, ""},
	{"empty nodes", "{\n\"nodes\": {}}", 2, "nodes"},
	{"nodes are a list", "{\"nodes\": [\"a\"]}", 1, "nodes"},
	{"node is no object", "{\"nodes\": {\n\"a\": 1}}", 2, "nodes.a"},
	{"node twice", "{\"nodes\": {\n\"a\": {},\n\"a\": {}}}", 2, "nodes.a"},
	{"node name", "{\"nodes\": {\n\"a b\": {}}}", 2, "nodes.a b"},
	{"unknown field of node", "{\"nodes\": {\"a\": {\n\"x\": 1}}}", 2, "nodes.a.x"},
	{"rp_filter", "{\"nodes\": {\"a\": {\n\"rp_filter\": 3}}}", 2, "nodes.a.rp_filter"},
	{"rp_filter broken", "{\"nodes\": {\"a\": {\"rp_filter\": 0.5}}}", 1, "nodes.a.rp_filter"},
	{"forwarding", "{\"nodes\": {\"a\": {\"forwarding\": 1}}}", 1, "nodes.a.forwarding"},
	{"setting outside net", "{\"nodes\": {\"a\": {\"sysctls\": {\n\"kernel.x\": \"1\"}}}}", 2,
	 "nodes.a.sysctls.kernel.x"},
	{"setting with a path", "{\"nodes\": {\"a\": {\"sysctls\": {\"net.../x\": \"1\"}}}}", 1,
	 "nodes.a.sysctls.net.../x"},
	{"setting is a number", "{\"nodes\": {\"a\": {\"sysctls\": {\"net.x\": 1}}}}", 1,
	 "nodes.a.sysctls.net.x"},
	{"unknown field", AB "\n\"lnks\": []}", 2, "lnks"},
	{"given twice", AB "\n\"links\": [], \"links\": []}", 2, "links"},
	{"links are an object", AB "\n\"links\": {}}", 2, "links"},
	{"link without ends", AB "\"links\": [\n{}]}", 2, "links[0]"},
	{"three ends", AB "\"links\": [{\"ends\": [{}, {}, {}]}]}", 1, "links[0]"},
	{"second link", AB "\"links\": [{\"ends\": [{\"at\": \"a:e\"}, {\"at\": \"b:e\"}]},\n1]}",
	 2, "links[1]"},
	{"end without at", AB "\"links\": [{\"ends\": [\n{}, {}]}]}", 2, "links[0].ends[0]"},
	{"at without colon", AB "\"links\": [{\"ends\": [{\n\"at\": \"a\"}, {}]}]}", 2,
	 "links[0].ends[0].at"},
	{"no such node", AB "\"links\": [{\"ends\": [{\"at\": \"c:e\"}, {}]}]}", 1,
	 "links[0].ends[0].at"},
	{"interface name too long",
	 AB "\"links\": [{\"ends\": [{\"at\": \"a:0123456789abcdef\"}, {}]}]}", 1,
	 "links[0].ends[0].at"},
	{"interface name empty", AB "\"links\": [{\"ends\": [{\"at\": \"a:\"}, {}]}]}", 1,
	 "links[0].ends[0].at"},
	{"interface name that the kernel takes for a pattern",
	 AB "\"links\": [{\"ends\": [{\"at\": \"a:eth%d\"}, {}]}]}", 1, "links[0].ends[0].at"},
	{"interface name with a tag", AB "\"links\": [{\"ends\": [{\"at\": \"a:<b>\"}, {}]}]}", 1,
	 "links[0].ends[0].at"},
	{"description of two lines", "{\"description\":\n\"a\\nb\", \"nodes\": {\"a\": {}}}", 1,
	 "description"},
	{"field of two lines", "{\n\"a\\nb\": 1}", 2, "a\nb"},
	{"loopback", AB "\"links\": [{\"ends\": [{\"at\": \"a:lo\"}, {}]}]}", 1,
	 "links[0].ends[0].at"},
	{"link to itself", AB "\"links\": [{\"ends\": [{\"at\": \"a:e\"},\n{\"at\": \"a:e\"}]}]}",
	 2, "links[0].ends[1]"},
	{"interface twice",
	 AB "\"links\": [{\"ends\": [{\"at\": \"a:e\"}, {\"at\": \"b:e\"}]},\n"
	    "{\"ends\": [{\"at\": \"a:x\"},\n{\"at\": \"b:e\"}]}]}",
	 3, "links[1].ends[1].at"},
	{"MTU too small", ENDS ",\n\"mtu\": 67" ENDS_2, 5, "links[0].ends[1].mtu"},
	{"MTU of the link", AB "\"links\": [{\"mtu\": 65536}]}", 1, "links[0].mtu"},
	{"MAC of a group", ENDS ",\n\"mac\": \"01:00:5e:00:00:01\"" ENDS_2, 5,
	 "links[0].ends[1].mac"},
	{"MAC too long", ENDS ",\n\"mac\": \"02:00:00:00:00:01:02\"" ENDS_2, 5,
	 "links[0].ends[1].mac"},
	{"GRO is a text", ENDS ",\n\"gro\": \"on\"" ENDS_2, 5, "links[0].ends[1].gro"},
	{"addresses are a text", ENDS ",\n\"addresses\": \"10.0.0.1/24\"" ENDS_2, 5,
	 "links[0].ends[1].addresses"},
	{"no prefix", ENDS ",\n\"addresses\": [\"10.0.0.1\"]" ENDS_2, 5,
	 "links[0].ends[1].addresses[0]"},
	{"prefix too long", ENDS ",\"addresses\": [\"10.0.0.1/24\",\n\"10.0.0.1/33\"]" ENDS_2, 5,
	 "links[0].ends[1].addresses[1]"},
	{"prefix is no number", ENDS ",\"addresses\": [\"10.0.0.1/+2\"]" ENDS_2, 4,
	 "links[0].ends[1].addresses[0]"},
	{"the address of the other end",
	 AB "\"links\": [{\"ends\": [{\"at\": \"a:e\", \"addresses\": [\"10.0.0.1/24\",\n"
	    "\"10.0.0.9/24\"]}, {\"at\": \"b:e\",\n\"addresses\": [\"10.0.0.9/8\"]}]}]}",
	 2, "links[0].ends[1]"},
	{"route to nowhere", "{\"nodes\": {\"a\": {\"routes\": [\n{\"to\": \"10.0.0.0/8\"}]}}}", 2,
	 "nodes.a.routes[0]"},
	{"route by a missing interface",
	 "{\"nodes\": {\"a\": {\"routes\": [\n{\"to\": \"10.0.0.0/8\", \"interface\": \"e\"}]}}}",
	 2, "nodes.a.routes[0]"},
	{"route with mixed families",
	 "{\"nodes\": {\"a\": {\"routes\": [\n{\"to\": \"10.0.0.0/8\", \"via\": \"fd00::1\"}]}}}",
	 2, "nodes.a.routes[0]"},
	{"bridge of foreign ports",
	 AB LINK ",\n\"bridges\": [{\"at\": \"a:br\", \"ports\": [\"e\",\n\"x\"]}]}", 3,
	 "bridges[0].ports[1]"},
	{"bridge without ports", AB LINK ",\n\"bridges\": [{\"at\": \"a:br\"}]}", 2, "bridges[0]"},
	{"name", AB "\n\"name\": \"a/b\"}", 2, "name"},
	{"a string with a brace before it", AB "\"description\": \"}]{\\\"\",\n\"x\": 1}", 2, "x"},
};

static void test_malformed(void **state)
{
	static struct json_error error;

	for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++) {
		int ret = topology_parse(topo, malformed[i].text, "file", &error);

		if (ret != -EINVAL)
			fail_msg("%s: returns %d", malformed[i].name, ret);
		if (error.line != malformed[i].line || strcmp(error.field, malformed[i].field))
			fail_msg("%s: line %u, field '%s' (%s)", malformed[i].name, error.line,
				 error.field, error.text);
		if (strncmp(error.text, "file:", 5) || strchr(error.text, '\n'))
			fail_msg("%s: message '%s'", malformed[i].name, error.text);
	}
}

static const char complete[] =
	"{ \"name\": \"full\", \"description\": \"all there is\",\n"
	"\"nodes\": { \"a\": {\"rp_filter\": 2, \"forwarding\": true, \"ipv6\": true,\n"
	"  \"routes\": [{\"to\": \"0.0.0.0/0\", \"via\": \"10.0.0.2\", \"interface\": \"eth0\"},\n"
	"  {\"to\": \"239.0.0.0/8\", \"interface\": \"br0\"}],\n"
	"  \"sysctls\": {\"net.ipv4.igmp_max_memberships\": \"50\"}}, \"b\": {} },\n"
	"\"links\": [ { \"mtu\": 9000, \"ends\": [\n"
	"  {\"at\": \"a:eth0\", \"addresses\": [\"10.0.0.1/24\", \"fd00::1/64\"], \"gro\": true,\n"
	"   \"mac\": \"02:00:00:00:00:0a\"},\n"
	"  {\"at\": \"b:eth0\", \"mtu\": 1400, \"uso\": true} ] },\n"
	"  { \"ends\": [ {\"at\": \"a:eth1\"}, {\"at\": \"b:eth1\"} ] } ],\n"
	"\"bridges\": [ {\"at\": \"a:br0\", \"snooping\": true, \"ports\": [\"eth1\"]} ] }\n";

static void test_complete(void **state)
{
	static struct json_error error;
	const struct topo_node *a = &topo->nodes[0];
	const struct topo_interface *end = &topo->links[0].ends[0];

	if (topology_parse(topo, complete, "file", &error))
		fail_msg("%s", error.text);
	assert_string_equal(topo->name, "full");
	assert_string_equal(topo->description, "all there is");
	assert_int_equal(topo->n_nodes, 2);
	assert_int_equal(topo->n_links, 2);
	assert_int_equal(topo->n_bridges, 1);
	assert_int_equal(a->rp_filter, 2);
	assert_true(a->forwarding && a->ipv6);
	assert_int_equal(a->n_routes, 2);
	assert_true(a->routes[0].has_via && !a->routes[1].has_via);
	assert_int_equal(a->routes[1].to.prefix_bits, 8);
	assert_string_equal(a->routes[1].interface, "br0");
	assert_string_equal(a->sysctls[0].path, "net/ipv4/igmp_max_memberships");
	assert_string_equal(a->sysctls[0].value, "50");
	assert_int_equal(end->mtu_bytes, 9000);
	assert_int_equal(end[1].mtu_bytes, 1400);
	assert_true(end->gro && !end->uso && !end[1].gro && end[1].uso);
	assert_true(end->has_mac && end->mac[5] == 0x0a);
	assert_int_equal(end->n_addresses, 2);
	assert_int_equal(end->addresses[1].family, AF_INET6);
	assert_int_equal(end->addresses[1].prefix_bits, 64);
	assert_true(topo->bridges[0].snooping);
	assert_string_equal(topo->bridges[0].ports[0], "eth1");
	assert_int_equal(topo->links[1].ends[0].mtu_bytes, 1500);
}

static void test_defaults(void **state)
{
	static struct json_error error;

	assert_int_equal(topology_parse(topo, AB LINK "}", "file", &error), 0);
	assert_int_equal(topo->nodes[0].rp_filter, 1);
	assert_false(topo->nodes[0].forwarding || topo->nodes[0].ipv6);
	assert_false(topo->links[0].ends[0].gro || topo->links[0].ends[0].uso);
	assert_int_equal(topology_node(topo, "b"), 1);
	assert_int_equal(topology_node(topo, "c"), -ENOENT);
	assert_ptr_equal(topology_interface(topo, 1, "e"), &topo->links[0].ends[1]);
	assert_null(topology_interface(topo, 1, "f"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_defaults),
	};
	int ret;

	topo = malloc(sizeof(*topo));
	if (!topo)
		return 1;
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	free(topo);
	return ret;
}
