// SPDX-License-Identifier: MIT
/*
 * test_reconcile.c - what is asked of the supervisor, in which order, and how often
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
#include "core/rules/steer.h"
#include "daemon/control/assign.h"
#include "daemon/control/iface.h"
#include "daemon/control/reconcile.h"
#include "daemon/control/state.h"
#include "daemon/control/supervisor_channel.h"
#include "tests/unit/control/control_fixture.h"

static void test_life_of_a_rule(void **state)
{
	struct fixture *b = *state;

	add_one_rule(b);
	assert_string_equal(run(b), "open-in open-out publish filter join");
	assert_int_equal(b->c->pub.generation, 1);
	assert_string_equal(run(b), ""); /* idempotent */
	assert_int_equal(b->c->pub.generation, 1);

	/* The same group on another port: no second join. */
	add_rule(b, "in0", "239.1.1.1", 5001, "out0");
	assert_string_equal(run(b), "publish filter");
	ruleset_remove(b->c->rules, ruleset_at(b->c->rules, 1)->rule.id);
	b->c->rec.publish = true;
	assert_string_equal(run(b), "publish filter");
	ruleset_remove(b->c->rules, ruleset_at(b->c->rules, 0)->rule.id);
	b->c->rec.publish = true;
	assert_string_equal(run(b), "publish filter leave close-in close-out");
	assert_string_equal(run(b), "");
}

static void test_unicast_input(void **state)
{
	struct fixture *b = *state;

	set_link(b, 2, "in0", true);
	add_rule(b, "in0", "10.1.0.1", 5000, "in0");
	assert_string_equal(run(b), "open-in open-out publish filter bind");
	ruleset_remove(b->c->rules, ruleset_at(b->c->rules, 0)->rule.id);
	b->c->rec.publish = true;
	assert_string_equal(run(b), "publish filter unbind close-in close-out");
}

static void test_missing_interface_comes_and_goes(void **state)
{
	struct fixture *b = *state;
	const struct rule *r;

	set_link(b, 3, "out0", true);
	add_rule(b, "in0", "239.1.1.1", 5000, "out0");
	r = &ruleset_at(b->c->rules, 0)->rule;
	assert_string_equal(run(b), "open-out publish");
	assert_int_equal(control_rule_state(b->c, r, NULL), RULE_UNRESOLVED);
	assert_int_equal(view_of(b).rules[0].in_iface, MCR_NO_SLOT);
	assert_int_equal(view_of(b).rules[0].worker_mask, 0xf);

	set_link(b, 2, "in0", true);
	assert_string_equal(run(b), "open-in publish filter join");
	assert_int_equal(control_rule_state(b->c, r, NULL), RULE_ACTIVE);
	set_link(b, 2, "in0", false);
	assert_string_equal(run(b), "publish");
	assert_int_equal(control_rule_state(b->c, r, NULL), RULE_PAUSED);
	set_link(b, 2, "in0", true);
	assert_string_equal(run(b), "publish");

	delete_link(b, 2);
	assert_string_equal(run(b), "publish leave close-in");
	assert_int_equal(control_rule_state(b->c, r, NULL), RULE_UNRESOLVED);
}

/* Deleted and created again between two runs: the new one is there before the old one goes. */
static void test_recreated_interface(void **state)
{
	struct fixture *b = *state;
	uint32_t slot;

	add_one_rule(b);
	run(b);
	slot = control_iface_slot(b->c, "in0");
	delete_link(b, 2);
	set_link(b, 7, "in0", true);
	assert_string_equal(run(b), "open-in publish filter join leave close-in");
	assert_int_not_equal(control_iface_slot(b->c, "in0"), slot);
	assert_string_equal(run(b), "");
}

/* Receive buffers are chosen by the MTU: for larger frames the input is changed. */
static void test_mtu(void **state)
{
	struct fixture *b = *state;

	set_link(b, 2, "in0", true);
	add_rule(b, "in0", "239.1.1.1", 5000, "in0");
	run(b);
	b->c->netif.links[0].mtu = 9000;
	assert_string_equal(run(b), "publish open-in");
	assert_int_equal(b->input.mtu, 9000);
	b->c->netif.links[0].mtu = 1400;
	assert_string_equal(run(b), "publish");
	assert_int_equal(view_of(b).ifaces[0].mtu, 1400);
}

static void test_slot_follows_ifindex(void **state)
{
	struct fixture *b = *state;
	uint32_t slot;

	add_one_rule(b);
	add_rule(b, "in1", "239.1.1.2", 5000, "out0");
	run(b);
	slot = control_iface_slot(b->c, "in0");
	set_link(b, 2, "in1", true); /* renamed: now the other rule's interface */
	assert_string_equal(run(b), "publish filter join leave");
	assert_int_equal(control_iface_slot(b->c, "in1"), slot);
	assert_int_equal(control_iface_slot(b->c, "in0"), MCR_NO_SLOT);
}

static const struct {
	const char *name;
	enum ipc_request refuse;
	int with;
	const char *first, *again, *warning;
} refusals[] = {
	{"input", IPC_OPEN_INPUT, EPERM, "open-in open-out publish filter join", "open-in filter",
	 "input interface in0 cannot be opened: Operation not permitted"},
	{"output", IPC_OPEN_OUTPUT, ENODEV, "open-in open-out publish filter join", "open-out",
	 "output interface out0 cannot be opened: No such device"},
	{"filter", IPC_SET_FILTER, EINVAL, "open-in open-out publish filter join", "filter",
	 "the filter of in0 cannot be set: Invalid argument"},
	{"join", IPC_JOIN, ENOBUFS, "open-in open-out publish filter join", "join",
	 "cannot join 239.1.1.1 on in0: No buffer space available"},
};

static void test_refusal_is_retried(void **state)
{
	struct fixture *b = *state;

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct rule *r;
		struct warned w;

		teardown(state);
		setup(state);
		b = *state;
		add_one_rule(b);
		r = &ruleset_at(b->c->rules, 0)->rule;
		b->refuse = refusals[i].refuse;
		b->with = refusals[i].with;
		if (strcmp(run(b), refusals[i].first) != 0)
			fail_msg("%s: first", refusals[i].name);
		assert_true(b->c->rec.failed);
		w = warned_of(b, r);
		if (w.n != 1 || strcmp(w.text, refusals[i].warning) != 0)
			fail_msg("%s: %u warnings, \"%s\"", refusals[i].name, w.n, w.text);
		assert_int_equal(control_rule_state(b->c, r, w.text), RULE_FAILED);
		assert_string_equal(w.text, refusals[i].warning);
		b->refuse = 0;
		if (strcmp(run(b), refusals[i].again) != 0)
			fail_msg("%s: again", refusals[i].name);
		assert_int_equal(warned_of(b, r).n, 0);
		assert_int_equal(control_rule_state(b->c, r, NULL), RULE_ACTIVE);
		assert_string_equal(run(b), "");
		assert_false(b->c->rec.failed);
	}
}

/* A fixture with two links and a rule between them, in place of the last one. */
static struct fixture *set_up_anew(void **state)
{
	struct fixture *b;

	teardown(state);
	setup(state);
	b = *state;
	add_one_rule(b);
	return b;
}

/* However often something is asked for again: that it is refused is said once. */
static void test_refusal_is_said_once(void **state)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct fixture *b = set_up_anew(state);

		b->refuse = refusals[i].refuse;
		b->with = refusals[i].with;
		warnings = 0;
		for (unsigned again = 0; again < 3; again++) {
			run(b);
			if (warnings != 1)
				fail_msg("%s: %u lines after %u tries", refusals[i].name, warnings,
					 again + 1);
		}
	}
}

/* A restarted control that asks for the sockets of its predecessor opens no new ones. */
static void test_what_is_open_already(void **state)
{
	static const enum ipc_request types[] = {IPC_OPEN_INPUT, IPC_OPEN_OUTPUT};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct fixture *b = set_up_anew(state);

		b->refuse = types[i];
		b->with = EEXIST;
		warnings = 0;
		assert_string_equal(run(b), "open-in open-out publish filter join");
		assert_false(b->c->rec.failed);
		assert_int_equal(warnings, 0);
		assert_string_equal(run(b), "");
	}
}

static void test_settings(void **state)
{
	struct fixture *b = *state;
	const struct rule *r;
	uint64_t one;

	set_link(b, 2, "in0", true);
	add_rule(b, "in0", "239.1.1.1", 5000, "in0");
	r = &ruleset_at(b->c->rules, 0)->rule;
	run(b);
	assert_int_equal(b->input.steering, STEER_RULE);
	assert_int_equal(b->input.worker_mask, 0xf);
	one = control_rule_workers(b->c, r);
	assert_int_equal(__builtin_popcountll(one), 1);
	assert_int_equal(1u << steer_worker(0xef010101, 5000, 4), one);

	use_settings(b, "{\"steering\":{\"in0\":\"cpu\"},\"pinning\":{\"in0\":[1,3]},"
			"\"gro\":{\"in0\":true}}");
	assert_string_equal(run(b), "publish open-in");
	assert_int_equal(b->input.steering, STEER_CPU);
	assert_int_equal(b->input.worker_mask, 0xa);
	assert_int_equal(b->input.gro, GRO_ON);
	/* The worker of before keeps the rule for a while. */
	assert_int_equal(control_rule_workers(b->c, r), 0xa | one);
	assert_int_equal(view_of(b).rules[0].worker_mask, 0xa | one);
	assert_string_equal(run(b), "");
	assert_false(control_handover_due(b->c, 999 + HANDOVER_NS));
	assert_true(control_handover_due(b->c, 1000 + HANDOVER_NS));
	assert_string_equal(run_at(b, 1000 + HANDOVER_NS), "publish");
	assert_int_equal(control_rule_workers(b->c, r), 0xa);
	assert_int_equal(view_of(b).rules[0].worker_mask, 0xa);
	assert_false(control_handover_due(b->c, UINT64_MAX));

	use_settings(b, "{\"pinning\":{\"in0\":[1,3]}}");
	assert_string_equal(run(b), "publish open-in");
	assert_string_equal(run_at(b, 1000 + HANDOVER_NS), "publish");
	one = control_rule_workers(b->c, r);
	assert_int_equal(__builtin_popcountll(one), 1);
	assert_int_equal(one & ~0xaull, 0);
}

/* A worker that cannot run: the next one that runs gets its rules, and keeps them for a while. */
static void test_stand_in(void **state)
{
	struct fixture *b = *state;
	struct control_worker *w;
	const struct rule *r;
	unsigned owner;

	set_link(b, 2, "in0", true);
	add_rule(b, "in0", "239.1.1.1", 5000, "in0");
	r = &ruleset_at(b->c->rules, 0)->rule;
	run(b);
	owner = (unsigned)__builtin_ctzll(control_rule_workers(b->c, r));
	w = &b->c->worker[owner];

	/* Away for a moment is not out. */
	w->running = false;
	assert_string_equal(run(b), "");
	w->out = true;
	b->c->worker[(owner + 1) % 4].running = false;
	assert_string_equal(run(b), "publish stand-in");
	assert_int_equal(w->stand_in, 1 + (owner + 2) % 4);
	assert_int_equal(control_rule_workers(b->c, r), 1u << owner | 1u << (owner + 2) % 4);
	assert_string_equal(run(b), "");
	/* The stand-in is away as well. */
	b->c->worker[(owner + 2) % 4].running = false;
	assert_string_equal(run(b), "publish stand-in");
	assert_int_equal(w->stand_in, 1 + (owner + 3) % 4);
	/* It has received datagrams for the rule, which its next process relays. */
	assert_int_equal(__builtin_popcountll(control_rule_workers(b->c, r)), 3);

	w->running = true;
	w->out = false;
	assert_string_equal(run(b), "");
	assert_int_equal(w->stand_in, 0);
	assert_false(control_handover_due(b->c, 1000 + 2 * HANDOVER_NS));
	assert_string_equal(run_at(b, 1000 + 2 * HANDOVER_NS), "");
	assert_int_equal(__builtin_popcountll(control_rule_workers(b->c, r)), 3);
	/* Its time begins when it runs. */
	b->c->worker[(owner + 2) % 4].running = true;
	assert_string_equal(run_at(b, 1000 + 2 * HANDOVER_NS), "");
	assert_int_equal(__builtin_popcountll(control_rule_workers(b->c, r)), 3);
	assert_false(control_handover_due(b->c, 1000 + 3 * HANDOVER_NS - 1));
	assert_true(control_handover_due(b->c, 1000 + 3 * HANDOVER_NS));
	assert_string_equal(run_at(b, 1000 + 3 * HANDOVER_NS), "publish");
	assert_int_equal(control_rule_workers(b->c, r), 1u << owner);

	/* Nobody else runs: there is nobody to ask. */
	w->running = false;
	w->out = true;
	for (unsigned i = 0; i < 4; i++)
		b->c->worker[i].running = false;
	assert_string_equal(run(b), "");
	assert_int_equal(w->stand_in, 0);
}

static void test_many_requests_use_a_window(void **state)
{
	struct fixture *b = *state;
	char group[32];

	set_link(b, 2, "in0", true);
	for (int i = 0; i < 300; i++) {
		snprintf(group, sizeof(group), "239.1.%d.%d", i / 200, i % 200 + 1);
		add_rule(b, "in0", group, 5000, "in0");
	}
	assert_int_equal(control_reconcile(b->c, 1), 0);
	assert_int_equal(b->c->supervisor.sent, SUPERVISOR_WINDOW);
	serve(b);
	assert_int_equal(b->c->supervisor.sent + b->c->supervisor.queued, 0);
	assert_true(control_supervisor_acked(&b->c->supervisor, b->c->supervisor.last_seq));
	assert_int_equal(b->c->rec.joins.n, 300);
}

static void test_wrong_reply(void **state)
{
	struct fixture *b = *state;
	struct ipc_msg m = {.type = IPC_REPLY, .seq = 77};
	int fd;

	m.reply.request = IPC_JOIN;
	assert_int_equal(ipc_send(b->sock, &m, -1), 0);
	assert_int_equal(control_supervisor_recv(&b->c->supervisor, &m, &fd), -EPROTO);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_life_of_a_rule),
		T(test_unicast_input),
		T(test_missing_interface_comes_and_goes),
		T(test_recreated_interface),
		T(test_mtu),
		T(test_slot_follows_ifindex),
		T(test_refusal_is_retried),
		T(test_refusal_is_said_once),
		T(test_what_is_open_already),
		T(test_settings),
		T(test_stand_in),
		T(test_many_requests_use_a_window),
		T(test_wrong_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
