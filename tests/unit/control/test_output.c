// SPDX-License-Identifier: MIT
/*
 * test_output.c - states of outputs and rules, their reasons, and what is published
 *
 * Links: daemon/control/division.c core/rules/division.c daemon/control/kernel_fit.c
 * Links: daemon/control/loop.c
 * Links: daemon/control/wiring.c
 * Links: core/rules/wiring.c
 * Links: daemon/control/standin.c
 * Links: daemon/control/resolve.c daemon/control/rule_change.c
 * Links: daemon/control/reconcile.c daemon/control/iface.c daemon/control/assign.c
 * Links: daemon/control/output.c daemon/control/closed_port.c
 * Links: daemon/control/filter.c
 * Links: daemon/control/reach.c daemon/control/reach_netlink.c
 * Links: daemon/control/reach_keep.c
 * Links: daemon/control/join.c daemon/control/membership.c daemon/control/publish.c
 * Links: daemon/control/snapshot.c
 * Links: daemon/control/stats.c daemon/control/supervisor_channel.c daemon/control/netif.c
 * Links: daemon/control/netif_parse.c daemon/control/load.c
 * Links: core/rules/ruleset.c core/rules/ruleset_index.c core/rules/ruleset_ifaces.c
 * Links: core/rules/ruleset_cycle.c
 * Links: core/rules/ruleset_restore.c core/rules/slot_pool.c core/rules/rule.c core/base/addr.c
 * Links: core/base/complaint.c
 * Links: core/rules/snapshot.c core/rules/snapshot_parse.c core/rules/steer.c core/base/ipc.c
 * Links: core/base/statpage.c
 * Links: core/base/counters.c core/text/config.c core/text/config_write.c core/text/rule_json.c
 * Links: core/text/json_field.c core/text/json_text.c core/text/json_scan.c
 * Links: daemon/control/egress_socket.c
 * Links: core/base/clock.c
 * Links: daemon/common/memfd.c
 * Links: core/base/decimal.c
 * Links: daemon/control/kernel_counters.c daemon/control/kernel_path.c
 * Links: daemon/control/kernel_output.c
 * Links: core/rules/kernel_path.c daemon/control/kernel_map.c
 * Links: daemon/control/kernel_watch.c
 * Links: daemon/control/kernel_check.c daemon/control/kernel_entry.c daemon/control/kernel_rest.c
 * Links: daemon/control/kernel_chain.c
 * Links: daemon/priv/bpf_map.c
 */
#include "daemon/control/assign.h"
#include "daemon/control/output.h"
#include "daemon/control/reach.h"
#include "daemon/control/state.h"
#include "tests/unit/control/control_fixture.h"

#define HOST    0x0a5a0102u /* 10.90.1.2 */
#define GATEWAY 0x0a5a01feu
#define NOW     (100 * NS_PER_S)

static struct rule_output output_to(const char *group, const char *source)
{
	struct rule_output o = {.interface = "out0", .port = 6000};

	assert_int_equal(addr_parse(group, &o.group), 0);
	if (source)
		assert_int_equal(addr_parse(source, &o.source), 0);
	return o;
}

/* Links in0 and out0 with 10.90.1.1/24, and one rule with these outputs. */
static const struct rule *rule_to(struct fixture *b, struct rule_output *outputs, unsigned n)
{
	struct rule r = {.n_outputs = n, .outputs = outputs, .priority = RULE_PRIORITY_NORMAL};
	struct complaint cpl = {0};

	set_link(b, 2, "in0", true);
	set_link(b, 3, "out0", true);
	set_addr(b, 2, "10.10.1.1");
	set_addr(b, 3, "10.90.1.1");
	strcpy(r.input.interface, "in0");
	assert_int_equal(addr_parse("239.1.1.1", &r.input.group), 0);
	r.input.port = 5000;
	if (ruleset_add(b->c->rules, &r, false, NULL, &cpl) != RULESET_ADDED)
		fail_msg("%s: %s", cpl.field, cpl.reason);
	b->c->rec.publish = true;
	return &ruleset_at(b->c->rules, 0)->rule;
}

static struct reach_dest *dest_to(struct fixture *b, uint32_t host)
{
	const struct reach_key key = {3, htonl(host), 0};

	return (struct reach_dest *)reach_find(&b->c->reach, &key);
}

static void expect(struct fixture *b, const struct rule *r, enum rule_state state,
		   enum output_hold hold, const char *reason)
{
	char text[REASON_MAX];
	const enum rule_state is = control_rule_state(b->c, r, text);

	if (is != state || strcmp(text, reason) != 0)
		fail_msg("%s, \"%s\"", rule_state_name(is), text);
	assert_int_equal(view_of(b).outputs[0].hold, hold);
	assert_int_equal(view_of(b).rules[0].state, state);
}

/* Published once for each change, and never without one. */
static void test_neighbour_goes_and_returns(void **state)
{
	struct fixture *b = *state;
	struct rule_output o = output_to("10.90.1.2", NULL);
	const struct rule *r = rule_to(b, &o, 1);
	struct reach_dest *d;

	assert_string_equal(run(b), "open-in open-out publish filter join");
	expect(b, r, RULE_ACTIVE, OUTPUT_HOLD_NONE, "");
	d = dest_to(b, HOST);
	d->matched = true;
	reach_dest_set(&b->c->reach, d, WAY_HOP, 3, htonl(HOST), NOW);
	assert_string_equal(run(b), "");
	reach_hop_set(&b->c->reach, d->hop, HOP_ASKED, NOW);
	assert_string_equal(run(b), "publish");
	expect(b, r, RULE_UNREACHABLE, OUTPUT_HOLD_UNREACHABLE,
	       "10.90.1.2 has not answered on out0 yet");
	reach_hop_set(&b->c->reach, d->hop, HOP_FAILED, NOW);
	assert_string_equal(run(b), "");
	assert_int_equal(warned_of(b, r).n, 1);
	assert_string_equal(warned_of(b, r).text, "10.90.1.2 does not answer on out0");
	reach_hop_set(&b->c->reach, d->hop, HOP_VALID, NOW);
	assert_string_equal(run(b), "publish");
	expect(b, r, RULE_ACTIVE, OUTPUT_HOLD_NONE, "");
	assert_int_equal(warned_of(b, r).n, 0);

	/* Gone and back between two runs. */
	reach_hop_set(&b->c->reach, d->hop, HOP_ASKED, NOW);
	reach_hop_set(&b->c->reach, d->hop, HOP_VALID, NOW);
	assert_string_equal(run(b), "");

	/* Where one may not ask, no answer means nothing. */
	reach_hop_set(&b->c->reach, d->hop, HOP_FAILED, NOW);
	reach_set_unprobeable(&b->c->reach, 3, htonl(HOST), true, NOW);
	assert_string_equal(run(b), "");
	reach_set_unprobeable(&b->c->reach, 3, htonl(HOST), false, NOW);
	assert_string_equal(run(b), "publish");

	ruleset_remove(b->c->rules, r->id);
	b->c->rec.publish = true;
	run(b);
	assert_int_equal(b->c->reach.n_dests + b->c->reach.n_hops, 0);
}

static const struct {
	const char *name;
	enum reach_way way;
	bool matched;
	uint32_t hop;
	enum reach_state hop_state;
	enum rule_state state;
	enum output_hold hold;
	const char *reason, *warning;
} ways[] = {
	{"none", WAY_NONE, false, 0, 0, RULE_UNREACHABLE, OUTPUT_HOLD_UNREACHABLE,
	 "no route to 10.90.1.2 through out0", "no route to 10.90.1.2 through out0"},
	{"broadcast", WAY_BROADCAST, true, 0, 0, RULE_FAILED, OUTPUT_HOLD_REFUSED,
	 "10.90.1.2 is a broadcast address of out0", "10.90.1.2 is a broadcast address of out0"},
	{"own", WAY_LOCAL, true, 0, 0, RULE_ACTIVE, OUTPUT_HOLD_NONE, "", ""},
	{"direct", WAY_DIRECT, true, 0, 0, RULE_ACTIVE, OUTPUT_HOLD_NONE, "", ""},
	{"gateway", WAY_HOP, true, GATEWAY, HOP_FAILED, RULE_UNREACHABLE, OUTPUT_HOLD_UNREACHABLE,
	 "gateway 10.90.1.254 does not answer on out0",
	 "gateway 10.90.1.254 does not answer on out0"},
	{"no route, dead", WAY_HOP, false, HOST, HOP_FAILED, RULE_UNREACHABLE,
	 OUTPUT_HOLD_UNREACHABLE, "no route, and 10.90.1.2 does not answer on out0",
	 "no route, and 10.90.1.2 does not answer on out0"},
	{"no route, alive", WAY_HOP, false, HOST, HOP_VALID, RULE_ACTIVE, OUTPUT_HOLD_NONE, "",
	 "no route to 10.90.1.2 through out0: it is taken to be on that link"},
};

static void test_ways(void **state)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct rule_output o = output_to("10.90.1.2", NULL);
		struct reach_dest *d;
		const struct rule *r;
		struct fixture *b;

		print_message("  %s\n", ways[i].name);
		teardown(state);
		setup(state);
		b = *state;
		r = rule_to(b, &o, 1);
		run(b);
		d = dest_to(b, HOST);
		d->matched = ways[i].matched;
		reach_dest_set(&b->c->reach, d, ways[i].way, 3, htonl(ways[i].hop), NOW);
		if (d->hop)
			reach_hop_set(&b->c->reach, d->hop, ways[i].hop_state, NOW);
		b->c->rec.publish = true;
		run(b);
		expect(b, r, ways[i].state, ways[i].hold, ways[i].reason);
		assert_string_equal(warned_of(b, r).text, ways[i].warning);
	}
}

/* Some work: the rule is degraded, and the reason is that of the first that does not. */
static void test_degraded(void **state)
{
	struct fixture *b = *state;
	struct rule_output o[] = {output_to("10.90.1.2", NULL), output_to("239.2.2.2", NULL),
				  output_to("10.90.1.3", NULL)};
	const struct rule *r = rule_to(b, o, 3);

	run(b);
	reach_dest_set(&b->c->reach, dest_to(b, HOST), WAY_NONE, 0, 0, NOW);
	assert_string_equal(run(b), "publish");
	expect(b, r, RULE_DEGRADED, OUTPUT_HOLD_UNREACHABLE,
	       "1 of 3 outputs: no route to 10.90.1.2 through out0");
	reach_dest_set(&b->c->reach, dest_to(b, HOST + 1), WAY_NONE, 0, 0, NOW);
	assert_string_equal(run(b), "publish");
	expect(b, r, RULE_DEGRADED, OUTPUT_HOLD_UNREACHABLE,
	       "2 of 3 outputs: no route to 10.90.1.2 through out0");
	assert_int_equal(view_of(b).outputs[1].hold, OUTPUT_HOLD_NONE);
	set_link(b, 3, "out0", false);
	assert_string_equal(run(b), "publish");
	assert_int_equal(control_rule_state(b->c, r, NULL), RULE_PAUSED);
}

static void test_no_source(void **state)
{
	struct fixture *b = *state;
	struct rule_output o = output_to("239.2.2.2", "10.99.9.9");
	const struct rule *r = rule_to(b, &o, 1);

	run(b);
	expect(b, r, RULE_UNRESOLVED, OUTPUT_HOLD_NO_SOURCE,
	       "source_ip 10.99.9.9 is not an address of this host");
	assert_int_equal(warned_of(b, r).n, 1);
	set_addr(b, 2, "10.99.9.9");
	assert_string_equal(run(b), "publish");
	expect(b, r, RULE_ACTIVE, OUTPUT_HOLD_NONE, "");
	assert_string_equal(warned_of(b, r).text,
			    "source_ip 10.99.9.9 is not an address of out0 but of another "
			    "interface: receivers may discard what has it");
	set_addr(b, 3, "10.99.9.9");
	assert_string_equal(run(b), "");
	assert_int_equal(warned_of(b, r).n, 0);
}

static void test_interface_without_address(void **state)
{
	struct fixture *b = *state;
	struct rule_output o = output_to("239.2.2.2", NULL);
	const struct rule *r = rule_to(b, &o, 1);
	struct reach_dest *d;

	b->c->netif.n_addrs = 0;
	run(b);
	d = dest_to(b, 0xef020202);
	reach_dest_set(&b->c->reach, d, WAY_DIRECT, 0, 0, NOW);
	assert_string_equal(run(b), "publish");
	expect(b, r, RULE_UNRESOLVED, OUTPUT_HOLD_NO_SOURCE,
	       "out0 has no IPv4 address to send from");
	d->kernel_source_be = htonl(0x0a0a0101);
	assert_string_equal(run(b), "publish");
	expect(b, r, RULE_ACTIVE, OUTPUT_HOLD_NONE, "");
	assert_string_equal(warned_of(b, r).text,
			    "out0 has no IPv4 address: what leaves there has 10.10.1.1 of another "
			    "interface, and receivers may discard it");
	set_addr(b, 3, "10.90.1.1");
	assert_string_equal(run(b), "");
	assert_int_equal(warned_of(b, r).n, 0);
	assert_int_equal(b->c->reach.n_dests, 0); /* nothing needs to be known any more */
}

static void test_broadcast_is_refused(void **state)
{
	static const struct {
		const char *group;
		uint8_t prefix_bits;
		int ret;
	} rows[] = {
		{"10.90.1.255", 24, -EINVAL}, {"10.90.1.254", 24, 0},
		{"10.90.1.3", 30, -EINVAL},   {"10.90.1.3", 24, 0},
		{"10.90.1.0", 31, 0},         {"10.90.1.1", 32, 0},
		{"10.90.1.7", 24, -EINVAL},   {"10.255.255.255", 8, -EINVAL},
		{"239.1.1.255", 24, 0},       {"127.255.255.255", 0, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture *b = *state;
		struct rule_output o = output_to(rows[i].group, NULL);
		struct rule r = {.n_outputs = 1, .outputs = &o};
		struct complaint cpl = {0};

		print_message("  %s/%u\n", rows[i].group, rows[i].prefix_bits);
		b->c->netif.n_addrs = 0;
		set_link(b, 2, "in0", true);
		set_link(b, 3, "out0", true);
		set_addr(b, 3, "10.90.1.1");
		b->c->netif.addrs[0].prefix_bits = rows[i].prefix_bits;
		/* The one that somebody gave it. */
		assert_int_equal(addr_parse("10.90.1.7", &b->c->netif.addrs[0].broadcast), 0);
		assert_int_equal(control_check_outputs(b->c, &r, &cpl), rows[i].ret);
		assert_int_equal(strstr(cpl.reason, "broadcast") != NULL, rows[i].ret < 0);
		strcpy(o.interface, "in0"); /* a broadcast address of another interface is none */
		assert_int_equal(control_check_outputs(b->c, &r, &cpl), 0);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_neighbour_goes_and_returns),
		T(test_ways),
		T(test_degraded),
		T(test_no_source),
		T(test_interface_without_address),
		T(test_broadcast_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
