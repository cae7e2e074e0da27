// SPDX-License-Identifier: MIT
/*
 * test_rule.c - which rules are refused, with what words, and what identifies one
 *
 * Links: core/rules/rule.c core/base/addr.c core/base/complaint.c
 */
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
#include "core/base/hash.h"
#include "core/rules/rule.h"

static struct addr ip(const char *text)
{
	struct addr a = {0};

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

/* A rule with two outputs that rule_check() accepts; what follows breaks one thing. */
static void good_rule(struct rule *r, struct rule_output outputs[static 2])
{
	memset(r, 0, sizeof(*r));
	memset(outputs, 0, 2 * sizeof(outputs[0]));
	snprintf(r->name, sizeof(r->name), "camera 1");
	snprintf(r->input.interface, MCR_IFNAME_MAX, "eth0");
	r->input.group = ip("239.1.1.1");
	r->input.port = 5000;
	r->priority = RULE_PRIORITY_NORMAL;
	r->n_outputs = 2;
	r->outputs = outputs;
	for (int i = 0; i < 2; i++) {
		snprintf(outputs[i].interface, MCR_IFNAME_MAX, "eth%d", i + 1);
		outputs[i].group = ip("239.2.2.2");
		outputs[i].port = 6000;
	}
}

#define BREAK(name) static void name(struct rule *r)
BREAK(nothing)
{
}
BREAK(source_specific)
{
	r->input.source = ip("10.1.1.1");
}
BREAK(unicast_input)
{
	r->input.group = ip("10.1.1.1");
}
BREAK(unicast_output)
{
	r->outputs[0].group = ip("10.1.1.1");
}
BREAK(loopback_output)
{
	r->outputs[0].group = ip("127.0.0.1");
}
BREAK(loopback_source)
{
	r->outputs[1].source = ip("127.1.2.3");
}
BREAK(loopback_input)
{
	r->input.group = ip("127.0.0.1");
}
BREAK(loopback_on_lo)
{
	memcpy(r->input.interface, "lo", 3);
	r->input.group = ip("127.0.0.1");
	memcpy(r->outputs[0].interface, "lo", 3);
	r->outputs[0].group = ip("127.0.0.2");
	r->outputs[0].source = ip("127.0.0.1");
}
BREAK(link_local_group)
{
	r->input.group = ip("224.0.0.251");
	r->outputs[0].group = ip("224.0.0.251");
}
BREAK(highest_values)
{
	r->outputs[0].ttl = 255;
	r->outputs[0].dscp = 63;
	r->outputs[0].port = 65535;
	r->outputs[0].source = ip("10.1.1.1");
}
BREAK(own_group_elsewhere)
{
	r->outputs[0].group = r->input.group;
	r->outputs[0].port = r->input.port;
}
BREAK(longest_interface)
{
	memcpy(r->input.interface, "fifteen-chars-x", 16);
}
BREAK(no_interface)
{
	r->input.interface[0] = '\0';
}
BREAK(unterminated_interface)
{
	memset(r->input.interface, 'x', MCR_IFNAME_MAX);
}
BREAK(slash)
{
	memcpy(r->outputs[1].interface, "a/b", 4);
}
BREAK(space)
{
	memcpy(r->outputs[1].interface, "a b", 4);
}
BREAK(tab)
{
	memcpy(r->outputs[1].interface, "a\tb", 4);
}
BREAK(colon)
{
	memcpy(r->outputs[1].interface, "a:b", 4);
}
BREAK(dots)
{
	memcpy(r->outputs[1].interface, "..", 3);
}
BREAK(no_group)
{
	r->input.group = (struct addr){0};
}
BREAK(zero_group)
{
	r->input.group = ip("0.0.0.0");
}
BREAK(broadcast_output)
{
	r->outputs[0].group = ip("255.255.255.255");
}
BREAK(ipv6_group)
{
	r->input.group = (struct addr){.family = ADDR_IPV6, .bytes = {0xff, 0x3e}};
}
BREAK(input_port)
{
	r->input.port = 0;
}
BREAK(output_port)
{
	r->outputs[1].port = 0;
}
BREAK(multicast_source)
{
	r->input.source = ip("239.9.9.9");
}
BREAK(source_of_unicast)
{
	r->input.group = ip("10.1.1.1");
	r->input.source = ip("10.2.2.2");
}
BREAK(output_source)
{
	r->outputs[0].source = ip("224.1.1.1");
}
BREAK(dscp)
{
	r->outputs[1].dscp = 64;
}
BREAK(no_outputs)
{
	r->n_outputs = 0;
}
BREAK(too_many_outputs)
{
	r->n_outputs = MCR_MAX_RULE_OUTPUTS + 1;
}
BREAK(twins)
{
	r->outputs[1] = r->outputs[0];
	r->outputs[1].ttl = 9;
}
BREAK(own_input)
{
	memcpy(r->outputs[1].interface, "eth0", 5);
	r->outputs[1].group = r->input.group;
	r->outputs[1].port = r->input.port;
}
BREAK(own_input_any_source)
{
	own_input(r);
	r->input.source = ip("10.1.1.1");
}
BREAK(priority)
{
	r->priority = RULE_PRIORITIES;
}
BREAK(id_space)
{
	memcpy(r->id, "a b", 4);
}
BREAK(id_quote)
{
	memcpy(r->id, "a\"b", 4);
}
BREAK(id_unterminated)
{
	memset(r->id, 'x', MCR_ID_MAX);
}
BREAK(name_unterminated)
{
	memset(r->name, 'x', MCR_NAME_MAX);
}
BREAK(name_control)
{
	memcpy(r->name, "a\nb", 4);
}
BREAK(name_latin)
{
	memcpy(r->name, "caf\xe9", 5);
}

static const struct {
	const char *name;
	void (*change)(struct rule *r);
	int ret;
	const char *field;
	const char *words; /* part of the reason */
} checks[] = {
	{"good", nothing, 0},
	{"source-specific", source_specific, 0},
	{"unicast input", unicast_input, 0},
	{"unicast output", unicast_output, 0},
	{"link-local group", link_local_group, 0},
	{"highest values", highest_values, 0},
	{"same group, other interface", own_group_elsewhere, 0},
	{"interface of 15", longest_interface, 0},
	{"no interface", no_interface, -EINVAL, "input.interface", "needed"},
	{"interface of 16", unterminated_interface, -EINVAL, "input.interface", "15"},
	{"slash", slash, -EINVAL, "outputs[1].interface", "interface name"},
	{"space", space, -EINVAL, "outputs[1].interface", "interface name"},
	{"tab", tab, -EINVAL, "outputs[1].interface", "interface name"},
	{"colon", colon, -EINVAL, "outputs[1].interface", "interface name"},
	{"dots", dots, -EINVAL, "outputs[1].interface", "interface name"},
	{"no group", no_group, -EINVAL, "input.group", "needed"},
	{"zero group", zero_group, -EINVAL, "input.group", "0.0.0.0"},
	{"loopback output", loopback_output, -EINVAL, "outputs[0].group", "127.0.0.1"},
	{"loopback source", loopback_source, -EINVAL, "outputs[1].source_ip", "127.1.2.3"},
	{"loopback input", loopback_input, -EINVAL, "input.group", "127.0.0.1"},
	{"loopback on lo", loopback_on_lo, 0},
	{"broadcast", broadcast_output, -EINVAL, "outputs[0].group", "broadcast"},
	{"IPv6 group", ipv6_group, -EINVAL, "input.group", "ff3e::"},
	{"input port 0", input_port, -EINVAL, "input.port", "65535"},
	{"output port 0", output_port, -EINVAL, "outputs[1].port", "65535"},
	{"multicast source", multicast_source, -EINVAL, "input.source", "239.9.9.9"},
	{"unicast with source", source_of_unicast, -EINVAL, "input.source", "multicast"},
	{"output source", output_source, -EINVAL, "outputs[0].source_ip", "224.1.1.1"},
	{"dscp", dscp, -EINVAL, "outputs[1].dscp", "64"},
	{"no outputs", no_outputs, -EINVAL, "outputs", "1 to 256"},
	{"too many outputs", too_many_outputs, -EINVAL, "outputs", "257"},
	{"same output twice", twins, -EINVAL, "outputs[1]", "outputs[0]"},
	{"own input", own_input, -ELOOP, "outputs[1]", "eth0 239.1.1.1:5000"},
	{"own input, (S,G)", own_input_any_source, -ELOOP, "outputs[1]", "own input"},
	{"priority", priority, -EINVAL, "priority", "normal"},
	{"id with space", id_space, -EINVAL, "id", "spaces"},
	{"id with quote", id_quote, -EINVAL, "id", "quotes"},
	{"id too long", id_unterminated, -EINVAL, "id", "63"},
	{"name too long", name_unterminated, -EINVAL, "name", "63"},
	{"name with newline", name_control, -EINVAL, "name", "printable"},
	{"name not ASCII", name_latin, -EINVAL, "name", "printable"},
};

static void check(void **state)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		struct complaint c = {0};
		struct rule_output outputs[2];
		struct rule r;
		int ret;

		good_rule(&r, outputs);
		checks[i].change(&r);
		ret = rule_check(&r, &c);
		if (ret != checks[i].ret || rule_check(&r, NULL) != ret)
			fail_msg("%s: %d (%s)", checks[i].name, ret, c.reason);
		if (ret == 0 && (c.field[0] != '\0' || c.reason[0] != '\0'))
			fail_msg("%s: complains: %s", checks[i].name, c.reason);
		if (ret < 0 &&
		    (strcmp(c.field, checks[i].field) != 0 || !strstr(c.reason, checks[i].words)))
			fail_msg("%s: %s: %s", checks[i].name, c.field, c.reason);
	}
}

static void first_complaint_wins(void **state)
{
	struct complaint c = {0};

	complain(&c, "a", "first %d", 1);
	complain(&c, "b", "second");
	complain(NULL, "c", "nobody listens");
	assert_string_equal(c.field, "a");
	assert_string_equal(c.reason, "first 1");
}

static void made_id(void **state)
{
	struct rule_output outputs[2];
	struct rule r, other;

	good_rule(&r, outputs);
	rule_make_id(&r);
	/* Ids are written into configurations: this value must never change. */
	assert_string_equal(r.id, "bdb3b084aa44e0be");

	for (int field = 0; field < 6; field++) {
		good_rule(&other, outputs);
		/* Bytes behind the terminator, outputs and name play no part. */
		other.input.interface[10] = 'x';
		other.outputs[0].port++;
		other.name[0] = 'C';
		switch (field) {
		case 0:
			break;
		case 1:
			other.input.interface[3] = '1';
			break;
		case 2:
			other.input.group = ip("239.1.1.2");
			break;
		case 3:
			other.input.port++;
			break;
		case 4:
			other.input.source = ip("10.1.1.1");
			break;
		case 5:
			other.input.group = (struct addr){0};
			other.input.source = ip("239.1.1.1");
			break;
		}
		rule_make_id(&other);
		if ((strcmp(other.id, r.id) == 0) != (field == 0))
			fail_msg("field %d: %s and %s", field, r.id, other.id);
	}
}

static void copies_are_deep(void **state)
{
	struct rule_output outputs[2];
	struct rule r, copy;

	good_rule(&r, outputs);
	assert_int_equal(rule_copy(&copy, &r), 0);
	assert_ptr_not_equal(copy.outputs, r.outputs);
	assert_true(rule_same_action(&copy, &r));
	assert_true(rule_same_input(&copy.input, &r.input));
	copy.outputs[1].port++;
	assert_int_equal(r.outputs[1].port, 6000);
	rule_fini(&copy);
	assert_null(copy.outputs);
	rule_fini(&copy);
}

static void same_action(void **state)
{
	for (int field = 0; field < 12; field++) {
		struct rule_output a_out[2], b_out[2];
		struct rule a, b;

		good_rule(&a, a_out);
		good_rule(&b, b_out);
		switch (field) {
		case 0:
			break;
		case 1:
			b.limit_pps = 1;
			break;
		case 2:
			b.limit_bps = 1;
			break;
		case 3:
			b.priority = RULE_PRIORITY_LOW;
			break;
		case 4:
			b.n_outputs = 1;
			break;
		case 9:
			b.path = RULE_PATH_KERNEL;
			break;
		case 10:
			b.consume = true;
			break;
		case 11:
			b.outputs[1].source_port = 7000;
			break;
		case 5:
			b.outputs[1].ttl = 1;
			break;
		case 6:
			b.outputs[1].dscp = 1;
			break;
		case 7:
			b.outputs[1].source = ip("10.1.1.1");
			break;
		case 8:
			b.outputs[0] = a.outputs[1];
			b.outputs[1] = a.outputs[0];
			break;
		}
		if (rule_same_action(&a, &b) != (field == 0))
			fail_msg("field %d", field);
	}
}

static void ttl_defaults(void **state)
{
	struct rule_output o = {.group = ip("239.1.1.1")};

	assert_int_equal(rule_output_ttl(&o), 1);
	o.group = ip("10.1.1.1");
	assert_int_equal(rule_output_ttl(&o), 64);
	o.ttl = 8;
	assert_int_equal(rule_output_ttl(&o), 8);
}

static void names(void **state)
{
	assert_string_equal(rule_state_name(RULE_UNRESOLVED), "unresolved");
	for (int p = 0; p < RULE_PRIORITIES; p++)
		assert_int_equal(rule_priority_parse(rule_priority_name((enum rule_priority)p)), p);
	for (int p = RULE_PATH_AUTO; p < RULE_PATHS; p++)
		assert_int_equal(rule_path_parse(rule_path_name((enum rule_path)p)), p);
	assert_int_equal(rule_path_parse("both"), -EINVAL);
	assert_int_equal(rule_path_parse(""), -EINVAL); /* unset is no word */
	assert_int_equal(rule_priority_parse("urgent"), -EINVAL);
	assert_int_equal(rule_priority_parse(""), -EINVAL);
}

/* Every single-bit change must change about half of the 64 bits of the hash. */
static void hash_avalanche(void **state)
{
	unsigned char data[21];
	unsigned flipped = 0;
	uint64_t h;

	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 7);
	h = hash_final(hash_bytes(HASH_SEED, data, sizeof(data)));
	for (unsigned bit = 0; bit < 8 * sizeof(data); bit++) {
		unsigned n;

		data[bit / 8] ^= (unsigned char)(1u << bit % 8);
		n = (unsigned)__builtin_popcountll(
			h ^ hash_final(hash_bytes(HASH_SEED, data, sizeof(data))));
		data[bit / 8] ^= (unsigned char)(1u << bit % 8);
		assert_in_range(n, 10, 54);
		flipped += n;
	}
	assert_in_range(flipped / (8 * sizeof(data)), 30, 34);
}

static void hash_boundaries(void **state)
{
	uint64_t ab_c = hash_bytes(hash_bytes(HASH_SEED, "ab", 2), "c", 1);
	uint64_t a_bc = hash_bytes(hash_bytes(HASH_SEED, "a", 1), "bc", 2);

	assert_true(ab_c != a_bc);
	assert_true(hash_bytes(HASH_SEED, "a", 1) != hash_bytes(HASH_SEED, "a\0", 2));
	assert_true(hash_bytes(HASH_SEED, "", 0) != HASH_SEED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check),           cmocka_unit_test(first_complaint_wins),
		cmocka_unit_test(made_id),         cmocka_unit_test(copies_are_deep),
		cmocka_unit_test(same_action),     cmocka_unit_test(ttl_defaults),
		cmocka_unit_test(names),           cmocka_unit_test(hash_avalanche),
		cmocka_unit_test(hash_boundaries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
