// SPDX-License-Identifier: MIT
/*
 * test_rule_change.c - what is done for one rule is what a look at all of them would do
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
 * Links: core/rules/kernel_path.c daemon/control/kernel_map.c
 * Links: daemon/control/kernel_watch.c
 * Links: daemon/control/kernel_check.c daemon/control/kernel_entry.c daemon/control/kernel_rest.c
 * Links: daemon/priv/bpf_map.c
 * Links: daemon/control/kernel_output.c
 * Links: daemon/control/kernel_chain.c
 */
#include <arpa/inet.h>

#include "daemon/control/change.h"
#include "daemon/control/publish.h"
#include "daemon/control/reconcile.h"
#include "daemon/control/rule_change.h"
#include "daemon/control/snapshot.h"
#include "daemon/control/state.h"
#include "tests/unit/control/control_fixture.h"

#define NOW_NS 1000

static uint32_t draw_state;

static uint32_t draw(uint32_t n)
{
	draw_state = draw_state * 1664525u + 1013904223u;
	return (draw_state >> 8) % n;
}

static void set_text(char *to, const char *fmt, unsigned n)
{
	snprintf(to, MCR_IFNAME_MAX, fmt, n);
}

/* Rule @n; its id says so.  Some share a group, or differ in the source only. */
static void add(struct fixture *b, unsigned n, unsigned n_outputs)
{
	struct rule_output outputs[4] = {0};
	struct rule r = {.n_outputs = n_outputs, .outputs = outputs};
	const struct ruleset_entry *e;
	struct complaint cpl = {0};
	const unsigned as = n % 5 ? n : n + 2; /* whose group and port it has */

	snprintf(r.id, sizeof(r.id), "rule-%u", n);
	set_text(r.input.interface, "in%u", n % 2);
	r.input.group = addr_from_ipv4_be(htonl(0xef010000 + as / 3));
	r.input.port = (uint16_t)(5000 + as % 3);
	if (n % 5 == 0)
		r.input.source = addr_from_ipv4_be(htonl(0x0a000001 + n % 7));
	r.priority = RULE_PRIORITY_NORMAL;
	for (unsigned i = 0; i < n_outputs; i++) {
		set_text(outputs[i].interface, "out%u", (n + i) % 3 % 2);
		outputs[i].group = addr_from_ipv4_be(htonl(0xef800000 + n));
		outputs[i].port = (uint16_t)(6000 + i);
	}
	if (ruleset_add(b->c->rules, &r, false, &e, &cpl) != RULESET_ADDED)
		fail_msg("%s: %s", cpl.field, cpl.reason);
	control_rule_added(b->c, e);
}

static void remove_at(struct fixture *b, size_t i)
{
	const struct ruleset_entry *e = ruleset_at(b->c->rules, i);
	char id[MCR_ID_MAX];

	memcpy(id, e->rule.id, sizeof(id));
	control_rule_removed(b->c, e);
	assert_int_equal(ruleset_remove(b->c->rules, id), 0);
}

/* Some of the outputs it had stay, with another TTL; others go or come. */
static void replace_at(struct fixture *b, size_t i, unsigned n_outputs)
{
	const struct ruleset_entry *e = ruleset_at(b->c->rules, i);
	struct rule_output outputs[4] = {0};
	struct rule r = e->rule;
	struct rule_before before;
	struct complaint cpl = {0};
	const unsigned first = draw(4);

	r.outputs = outputs;
	r.n_outputs = n_outputs;
	for (unsigned k = 0; k < n_outputs; k++) {
		outputs[k] = e->rule.outputs[0];
		outputs[k].port = (uint16_t)(6000 + first + k);
		outputs[k].ttl = (uint8_t)(1 + draw(3));
	}
	control_rule_remember(b->c, &r, &before);
	if (ruleset_add(b->c->rules, &r, true, &e, &cpl) == RULESET_REPLACED)
		control_rule_replaced(b->c, &before, e);
	control_rule_forget(&before);
}

/* One turn of control's loop.  Return: its requests. */
static const char *turn(struct fixture *b)
{
	struct control *c = b->c;

	if (!c->dirty && control_rule_changes_due(c))
		assert_int_equal(control_rule_changes(c, NOW_NS), 0);
	if (c->dirty)
		assert_int_equal(control_reconcile(c, NOW_NS), 0);
	c->dirty = false;
	return serve(b);
}

static void begin(struct fixture *b)
{
	set_link(b, 2, "in0", true);
	set_link(b, 3, "in1", true);
	set_link(b, 4, "out0", true);
	set_link(b, 5, "out1", true);
	for (unsigned n = 0; n < 6; n++)
		add(b, n, 3);
	turn(b);
	assert_string_equal(turn(b), "");
}

/* The publications are the set, in its order, and the hashes are those of its rules. */
static void check_view(struct fixture *b)
{
	const struct control_publish *p = &b->c->pub;
	const struct published *last = &p->history[p->generation % PUBLISH_HISTORY];
	struct snapshot_view v = view_of(b);

	assert_int_equal(v.generation, p->generation);
	assert_int_equal(v.n_rules, ruleset_count(b->c->rules));
	for (uint32_t i = 0; i < v.n_rules; i++) {
		const struct ruleset_entry *e = ruleset_at(b->c->rules, i);

		assert_string_equal(v.rules[i].id, e->rule.id);
		assert_int_equal(v.rules[i].slot, e->slot);
		assert_int_equal(v.rules[i].incarnation, e->incarnation);
	}
	for (unsigned w = 0; w < b->c->workers; w++)
		assert_true(last->hash[w] == snapshot_hash_worker(&v, w));
}

/* A look at everything finds nothing to do, and makes the same records. */
static void check_all(struct fixture *b)
{
	const uint64_t hash = view_of(b).hash;

	control_rules_republish(b->c);
	assert_string_equal(turn(b), "publish");
	assert_true(view_of(b).hash == hash);
	check_view(b);
}

static unsigned any_changes(struct fixture *b, unsigned steps, unsigned n)
{
	for (unsigned step = 0; step < steps; step++) {
		for (unsigned k = 1 + draw(3); k; k--) {
			if (ruleset_count(b->c->rules) > 6 && draw(5) < 2)
				remove_at(b, draw((uint32_t)ruleset_count(b->c->rules)));
			else if (draw(3) == 0)
				replace_at(b, draw((uint32_t)ruleset_count(b->c->rules)),
					   1 + draw(4));
			else
				add(b, n++, 1 + draw(4));
		}
		turn(b);
		check_view(b);
		if (!b->c->rec.failed && draw(20) == 0)
			check_all(b);
	}
	return n;
}

static void same_as_a_full_reconcile(void **state)
{
	struct fixture *b = *state;

	draw_state = 1;
	b->c->egress_sockets.budget = 5000;
	begin(b);
	any_changes(b, 500, 6);
	check_all(b);
}

/* Few sockets: outputs share them, and get their own when a tick looks for some. */
static void egress_sockets_are_few(void **state)
{
	struct fixture *b = *state;

	draw_state = 2;
	b->c->egress_sockets.budget = 60;
	begin(b);
	for (unsigned i = 0, n = 6; i < 20; i++) {
		n = any_changes(b, 15, n);
		if (b->c->rec.failed) {
			b->c->dirty = true;
			turn(b);
		}
		check_all(b);
	}
}

static void one_rule_asks_for_little(void **state)
{
	struct fixture *b = *state;

	begin(b);
	add(b, 6, 1);
	assert_string_equal(turn(b), "publish filter join");
	assert_true(b->changes >= 0);
	replace_at(b, 3, 4);
	assert_false(b->c->dirty);
	assert_string_equal(turn(b), "publish");
	assert_true(b->changes >= 0);
	remove_at(b, ruleset_count(b->c->rules) - 1);
	assert_string_equal(turn(b), "publish filter leave");
	/* The filter lets in all UDP from here on. */
	for (unsigned n = 7; n < 5000; n++)
		add(b, n, 1);
	b->c->dirty = true;
	turn(b);
	add(b, 5000, 1);
	assert_string_equal(turn(b), "publish join");
	remove_at(b, ruleset_count(b->c->rules) - 1);
	assert_string_equal(turn(b), "publish leave");
}

/* Bytes that @n more rules take, one a turn. */
static size_t cost_of(struct fixture *b, unsigned first, unsigned n)
{
	const size_t before = b->published;

	for (unsigned i = 0; i < n; i++) {
		add(b, first + i, 1);
		turn(b);
	}
	return b->published - before;
}

/* Twice the rules cost about twice as much, not four times. */
static void cost_grows_with_the_changes(void **state)
{
	struct fixture *b = *state;
	size_t first, both;

	begin(b);
	first = cost_of(b, 6, 2000);
	both = first + cost_of(b, 2006, 2000);
	if (both > 3 * first)
		fail_msg("2,000 rules: %zu bytes published, 4,000: %zu", first, both);
	check_all(b);
}

/* The next control takes the rules from the whole snapshot and its changes. */
static void restart(void **state)
{
	struct fixture *b = *state, *old;

	draw_state = 3;
	begin(b);
	any_changes(b, 40, 6);
	old = b;
	assert_true(old->changes >= 0);
	setup(state);
	b = *state;
	assert_int_equal(control_restore(b->c, old->snapshot, old->changes, 1), 0);
	assert_int_equal(b->c->pub.generation, old->c->pub.generation);
	assert_int_equal(ruleset_count(b->c->rules), ruleset_count(old->c->rules));
	for (size_t i = 0; i < ruleset_count(b->c->rules); i++) {
		const struct ruleset_entry *is = ruleset_at(b->c->rules, i);
		const struct ruleset_entry *want = ruleset_at(old->c->rules, i);

		assert_string_equal(is->rule.id, want->rule.id);
		assert_int_equal(is->slot, want->slot);
		assert_int_equal(is->incarnation, want->incarnation);
	}
	/* Of another whole snapshot they are nothing. */
	assert_int_equal(control_restore(b->c, old->changes, old->snapshot, 1), -EBADMSG);
	teardown(state);
	*state = old;
}

/* A slot that a rule left and another took in the same base: the newest rule is last. */
static void slots_are_used_again(void **state)
{
	struct fixture *b = *state;
	const unsigned n = MCR_MAX_RULES;

	begin(b);
	for (unsigned i = 6; i < n; i++)
		add(b, i, 1);
	b->c->dirty = true;
	turn(b);
	for (unsigned i = 0; i < 20; i++) {
		remove_at(b, 7 + i);
		turn(b);
		add(b, n + i, 1);
		turn(b);
		assert_true(b->changes >= 0);
	}
	check_view(b);
	/* A slot that was used again already. */
	remove_at(b, n - 20);
	turn(b);
	add(b, n + 20, 1);
	turn(b);
	assert_true(b->changes >= 0);
	check_view(b);
	check_all(b);
}

/* Rules without a publication in between leave nothing behind. */
static void added_and_removed_in_a_turn(void **state)
{
	struct fixture *b = *state;

	b->c->egress_sockets.budget = 5000;
	begin(b);
	add(b, 6, 4);
	remove_at(b, ruleset_count(b->c->rules) - 1);
	turn(b);
	check_all(b);
}

static void last_rule_of_an_interface(void **state)
{
	struct fixture *b = *state;

	begin(b);
	set_link(b, 6, "in2", true);
	b->c->dirty = true;
	turn(b);
	add_rule(b, "in2", "239.9.9.9", 5000, "out0");
	control_rule_added(b->c, ruleset_at(b->c->rules, ruleset_count(b->c->rules) - 1));
	assert_true(b->c->dirty);
	assert_string_equal(turn(b), "open-in publish filter join");
	remove_at(b, ruleset_count(b->c->rules) - 1);
	assert_true(b->c->dirty);
	assert_string_equal(turn(b), "publish filter leave close-in");
}

#define CONTROL_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTROL_TEST(same_as_a_full_reconcile),
		CONTROL_TEST(egress_sockets_are_few),
		CONTROL_TEST(one_rule_asks_for_little),
		CONTROL_TEST(cost_grows_with_the_changes),
		CONTROL_TEST(restart),
		CONTROL_TEST(slots_are_used_again),
		CONTROL_TEST(added_and_removed_in_a_turn),
		CONTROL_TEST(last_rule_of_an_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
