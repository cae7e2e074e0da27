// SPDX-License-Identifier: MIT
/*
 * test_egress_socket.c - which socket each output gets, in what order, and what moves it
 *
 * Links: daemon/control/division.c core/rules/division.c daemon/control/kernel_fit.c
 * Links: daemon/control/standin.c
 * Links: daemon/control/resolve.c daemon/control/rule_change.c
 * Links: daemon/control/reconcile.c daemon/control/iface.c daemon/control/assign.c
 * Links: daemon/control/wiring.c core/rules/wiring.c daemon/control/loop.c
 * Links: core/rules/wiring.c
 * Links: daemon/control/reconcile.c daemon/control/iface.c daemon/control/assign.c
 * Links: daemon/control/wiring.c core/rules/wiring.c daemon/control/loop.c
 * Links: daemon/control/filter.c
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
 * Links: daemon/control/output.c daemon/control/closed_port.c daemon/control/reach.c
 * Links: daemon/control/reach_keep.c
 * Links: daemon/control/reach_netlink.c
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
#include <arpa/inet.h>

#include "daemon/control/output.h"
#include "daemon/control/reconcile.h"
#include "daemon/control/snapshot.h"
#include "daemon/control/state.h"
#include "tests/unit/control/control_fixture.h"

/* Rule @n of one output: group 239.1.0.@n to @to, port 6000 + @n, from @source_port. */
static void add_from(struct fixture *b, unsigned n, const char *to, uint16_t source_port)
{
	struct rule_output o = {.port = (uint16_t)(6000 + n), .source_port = source_port};
	struct rule r = {.n_outputs = 1, .outputs = &o, .priority = RULE_PRIORITY_NORMAL};
	struct complaint cpl = {0};
	char group[32];

	snprintf(group, sizeof(group), "239.1.0.%u", n);
	strcpy(r.input.interface, "in0");
	strcpy(o.interface, "out0");
	assert_int_equal(addr_parse(group, &r.input.group), 0);
	assert_int_equal(addr_parse(to, &o.group), 0);
	r.input.port = 5000;
	if (ruleset_add(b->c->rules, &r, false, NULL, &cpl) != RULESET_ADDED)
		fail_msg("%s: %s", cpl.field, cpl.reason);
	b->c->rec.publish = true;
}

static void add_to(struct fixture *b, unsigned n, const char *to)
{
	add_from(b, n, to, 0);
}

static void remove_first(struct fixture *b)
{
	ruleset_remove(b->c->rules, ruleset_at(b->c->rules, 0)->rule.id);
	b->c->rec.publish = true;
}

static void add_address(struct fixture *b, uint32_t ifindex, const char *text)
{
	struct control_netif *n = &b->c->netif;

	n->addrs = realloc(n->addrs, (n->n_addrs + 1) * sizeof(*n->addrs));
	n->addrs[n->n_addrs] = (struct netif_addr){.ifindex = ifindex};
	assert_int_equal(addr_parse(text, &n->addrs[n->n_addrs++].addr), 0);
}

static void links(struct fixture *b, unsigned budget)
{
	set_link(b, 2, "in0", true);
	set_link(b, 3, "out0", true);
	b->c->workers = 1;
	b->c->egress_sockets.budget = budget;
}

/* The kinds of all outputs in the snapshot, a letter each; no id is two outputs' own. */
static const char *kinds(struct fixture *b)
{
	static char text[128];
	const struct snapshot_view v = view_of(b);
	bool own[MCR_MAX_EGRESS_SOCKETS + 1] = {0};

	for (uint32_t i = 0; i < v.n_outputs; i++) {
		const struct snapshot_output *o = &v.outputs[i];

		text[i] = "iho"[o->egress_socket_kind];
		text[i + 1] = 0;
		if (o->egress_socket_kind == EGRESS_SOCKET_OWN) {
			assert_false(own[o->egress_socket]);
			own[o->egress_socket] = true;
		}
	}
	return text;
}

static void test_life(void **state)
{
	struct fixture *b = *state;

	links(b, 100);
	add_to(b, 1, "239.9.0.1");
	assert_string_equal(run(b), "open-in open-out open-egress_socket publish filter join");
	assert_string_equal(kinds(b), "o");
	assert_string_equal(run(b), "");
	add_to(b, 2, "10.0.0.1");
	assert_string_equal(run(b), "open-egress_socket publish filter join");
	assert_string_equal(kinds(b), "oo");
	remove_first(b);
	assert_string_equal(run(b), "publish filter leave close-egress_socket");
	assert_string_equal(run(b), "");
	remove_first(b);
	assert_string_equal(run(b), "publish filter leave close-egress_socket close-in close-out");
	assert_int_equal(b->c->egress_sockets.sockets, 0);
}

static void test_no_budget(void **state)
{
	struct fixture *b = *state;

	links(b, 0);
	add_to(b, 1, "239.9.0.1");
	assert_string_equal(run(b), "open-in open-out publish filter join");
	assert_string_equal(kinds(b), "i");
}

/* Own sockets for three quarters, then by host, then that of the interface. */
static void test_sharing(void **state)
{
	struct fixture *b = *state;
	static const char *const to[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4",
					 "10.0.0.4", "10.0.0.5", "10.0.0.4"};

	links(b, 4);
	for (unsigned i = 0; i < 7; i++)
		add_to(b, i + 1, to[i]);
	run(b);
	assert_string_equal(kinds(b), "ooohhih");
	assert_string_equal(run(b), "");
	/* One goes: the next that shares gets its own, the rest stay as they are. */
	remove_first(b);
	run(b);
	assert_string_equal(kinds(b), "ooohih");
	assert_string_equal(run(b), "");
	for (unsigned i = 0; i < 3; i++)
		remove_first(b);
	run(b);
	assert_string_equal(kinds(b), "ooo"); /* and none is left shared */
	assert_string_equal(run(b), "");
	assert_int_equal(b->c->egress_sockets.sockets, 3);
}

/* A refusal is said, costs nothing else, and is not repeated for each output at once. */
static void test_refused(void **state)
{
	struct fixture *b = *state;

	links(b, 100);
	b->refuse = IPC_OPEN_EGRESS_SOCKET;
	b->with = EMFILE;
	add_to(b, 1, "239.9.0.1");
	assert_string_equal(run(b), "open-in open-out open-egress_socket publish filter join");
	assert_true(b->c->rec.failed);
	b->refuse = 0;
	assert_string_equal(run(b), "");
	assert_int_equal(control_reconcile(b->c, b->c->egress_sockets.retry_ns), 0);
	assert_string_equal(serve(b), "open-egress_socket");
	assert_string_equal(run(b), "");
}

static enum output_state state_of_first(struct fixture *b, char *reason)
{
	return control_output_status(b->c, &ruleset_at(b->c->rules, 0)->rule.outputs[0], reason)
		.state;
}

/* A port of another program: its outputs say so, others are served, and it is tried again. */
static void test_port_in_use(void **state)
{
	struct fixture *b = *state;
	char reason[REASON_MAX];

	links(b, 100);
	b->refuse = IPC_OPEN_EGRESS_SOCKET;
	b->with = EADDRINUSE;
	add_from(b, 1, "239.9.0.1", 7000);
	assert_string_equal(run(b), "open-in open-out open-egress_socket publish filter join");
	assert_int_equal(state_of_first(b, reason), OUTPUT_FAILED);
	assert_string_equal(reason, "source_port 7000 is in use by another socket of this host");
	assert_true(b->c->dirty);
	assert_string_equal(run(b), "publish"); /* it is held */
	assert_int_equal(view_of(b).outputs[0].hold, OUTPUT_HOLD_NO_SOURCE);
	b->refuse = 0;
	add_to(b, 2, "239.9.0.2");
	assert_string_equal(run(b), "open-egress_socket publish filter join");
	assert_int_equal(control_reconcile(b->c, monotonic_ns() + 2 * NS_PER_S), 0);
	assert_string_equal(serve(b), "open-egress_socket");
	assert_int_equal(state_of_first(b, reason), OUTPUT_ACTIVE);
	assert_string_equal(run(b), "publish");
	assert_int_equal(view_of(b).outputs[0].hold, OUTPUT_HOLD_NONE);
	assert_int_equal(b->c->egress_sockets.n_port_errors, 0);
}

/* A socket for a host has one port; without any socket an output cannot have its port. */
static void test_ports_are_shared_by_host(void **state)
{
	struct fixture *b = *state;
	char reason[REASON_MAX];

	links(b, 4);
	for (unsigned i = 1; i <= 3; i++)
		add_to(b, i, "10.0.0.1");
	add_from(b, 4, "10.0.0.4", 7000);
	add_from(b, 5, "10.0.0.4", 7000);
	add_from(b, 6, "10.0.0.4", 7001);
	run(b);
	assert_string_equal(kinds(b), "ooohhi");
	run(b);
	control_output_status(b->c, &ruleset_at(b->c->rules, 5)->rule.outputs[0], reason);
	assert_string_equal(reason, "source_port 7001 cannot be used: Too many open files");
	assert_string_equal(run(b), "");
	for (unsigned i = 0; i < 3; i++)
		remove_first(b);
	run(b);
	assert_string_equal(kinds(b), "ooo");
	run(b);
	assert_int_equal(b->c->egress_sockets.n_port_errors, 0);
	assert_string_equal(run(b), "");
}

/* While its interface is down nothing is opened, and what is open stays. */
static void test_link_down(void **state)
{
	struct fixture *b = *state;

	links(b, 100);
	set_link(b, 3, "out0", false);
	add_to(b, 1, "239.9.0.1");
	assert_string_equal(run(b), "open-in open-out publish filter join");
	set_link(b, 3, "out0", true);
	assert_string_equal(run(b), "open-egress_socket publish");
	set_link(b, 3, "out0", false);
	assert_string_equal(run(b), "publish");
	assert_string_equal(kinds(b), "o");
	delete_link(b, 3);
	assert_string_equal(run(b), "publish close-egress_socket close-out");
}

/* The supervisor says from which address it is connected; another socket when that goes. */
static void test_addresses(void **state)
{
	struct fixture *b = *state;
	struct control_netif *n = &b->c->netif;

	links(b, 100);
	add_address(b, 3, "10.0.0.7");
	b->value = htonl(0x0a000007);
	add_to(b, 1, "239.9.0.1");
	run(b);
	add_address(b, 3, "10.0.0.8");
	add_address(b, 2, "10.0.1.8");
	assert_string_equal(run(b), "");
	n->addrs[0] = n->addrs[--n->n_addrs]; /* 10.0.0.7 is gone */
	b->value = 0;                         /* and the next one has none */
	assert_string_equal(run(b), "open-egress_socket");
	assert_string_equal(run(b), "");
	add_address(b, 3, "10.0.0.9");
	b->value = htonl(0x0a000009);
	assert_string_equal(run(b), "open-egress_socket");
	assert_string_equal(run(b), "");
}

/* A new control takes the same ids again, own and shared, and asks for each once. */
static void test_restored(void **state)
{
	struct fixture *b = *state;
	struct control_egress_sockets before;

	links(b, 4);
	for (unsigned i = 1; i <= 6; i++)
		add_to(b, i, i < 5 ? "10.0.0.1" : "10.0.0.2");
	run(b);
	assert_string_equal(kinds(b), "ooohii");
	before = b->c->egress_sockets;
	memset(&b->c->egress_sockets, 0, sizeof(b->c->egress_sockets));
	control_reconcile_fini(&b->c->rec);
	memset(&b->c->rec, 0, sizeof(b->c->rec));
	ruleset_free(b->c->rules);
	b->c->rules = ruleset_new();
	assert_int_equal(control_restore(b->c, b->snapshot, b->changes, 5), 0);
	b->c->egress_sockets.budget = 4;
	assert_non_null(strstr(
		run(b),
		"open-egress_socket open-egress_socket open-egress_socket open-egress_socket"));
	assert_memory_equal(b->c->egress_sockets.of, before.of, sizeof(before.of));
	for (unsigned i = 0; i < MCR_MAX_EGRESS_SOCKETS; i++)
		assert_memory_equal(&b->c->egress_sockets.at[i].is, &before.at[i].is,
				    sizeof(before.at[i].is));
	assert_string_equal(run(b), "");
}

/* Many outputs come and go; the count of sockets and the ids stay right. */
static void test_many(void **state)
{
	struct fixture *b = *state;

	links(b, 40);
	for (unsigned round = 0; round < 30; round++) {
		unsigned open = 0;

		for (unsigned i = 0; i < 20; i++) {
			char to[32];

			snprintf(to, sizeof(to), "10.0.%u.%u", i % 7, round % 3 + 1);
			add_to(b, round % 2 * 100 + i + 1, to);
		}
		run(b);
		for (unsigned i = 0; i < MCR_MAX_EGRESS_SOCKETS; i++)
			open += b->c->egress_sockets.at[i].open;
		assert_int_equal(b->c->egress_sockets.sockets, open);
		assert_in_range(open, 20, 40);
		assert_int_equal(strspn(kinds(b), "oh"), strlen(kinds(b)));
		for (unsigned i = 0; round && i < 20; i++)
			remove_first(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_budget, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sharing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_port_in_use, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ports_are_shared_by_host, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link_down, setup, teardown),
		cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restored, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
