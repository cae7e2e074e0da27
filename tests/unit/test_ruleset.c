// SPDX-License-Identifier: MIT
/*
 * test_ruleset.c - identity, replacement, slots, loops and limits of the rule set
 *
 * Links: core/ruleset.c core/ruleset_index.c core/ruleset_ifaces.c core/ruleset_cycle.c core/slot_pool.c core/rule.c core/addr.c core/complaint.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/complaint.h"
#include "core/ruleset.h"
#include "core/slot_pool.h"

/* Where something comes from or goes to: "eth0 239.1.1.1:5000". */
static void parse_end(const char *text, char iface[static MCR_IFNAME_MAX], struct addr *group,
		      uint16_t *port)
{
	char ip[ADDR_TEXT_MAX];
	unsigned p;

	assert_int_equal(sscanf(text, "%15s %45[0-9.]:%u", iface, ip, &p), 3);
	assert_int_equal(addr_parse(ip, group), 0);
	*port = (uint16_t)p;
}

/* A rule in words, with its outputs in static storage until the next call. */
static struct rule rule(const char *id, const char *name, const char *input, const char *out0,
			const char *out1)
{
	static struct rule_output outputs[2];
	const char *texts[2] = { out0, out1 };
	struct rule r = { .priority = RULE_PRIORITY_NORMAL, .outputs = outputs };

	memset(outputs, 0, sizeof(outputs));
	snprintf(r.id, sizeof(r.id), "%s", id);
	snprintf(r.name, sizeof(r.name), "%s", name);
	parse_end(input, r.input.interface, &r.input.group, &r.input.port);
	for (; r.n_outputs < 2 && texts[r.n_outputs] != NULL; r.n_outputs++) {
		struct rule_output *o = &outputs[r.n_outputs];

		parse_end(texts[r.n_outputs], o->interface, &o->group, &o->port);
	}
	return r;
}

static int add(struct ruleset *s, struct rule r, bool replace, const struct ruleset_entry **out)
{
	struct complaint c = { 0 };
	int ret = ruleset_add(s, &r, replace, out, &c);

	if ((ret < 0) != (c.reason[0] != '\0'))
		fail_msg("%d with reason \"%s\"", ret, c.reason);
	return ret;
}

#define IN_A  "eth0 239.1.1.1:5000"
#define IN_B  "eth0 239.1.1.2:5000"
#define OUT_A "eth1 239.2.2.1:6000"
#define OUT_B "eth2 239.2.2.2:6000"

/* A second rule meets rule "r1" "cam" IN_A -> OUT_A (and sometimes "r2" "mic" IN_B). */
static const struct {
	const char *what;
	const char *id, *name, *in, *out0, *out1;
	bool replace, second;
	int ret;
	const char *field;
} meets[] = {
	{ "the same again", "r1", "cam", IN_A, OUT_A, NULL, false, false, RULESET_UNCHANGED },
	{ "the same, replace", "r1", "cam", IN_A, OUT_A, NULL, true, false, RULESET_UNCHANGED },
	{ "without id", "", "cam", IN_A, OUT_A, NULL, false, false, RULESET_UNCHANGED },
	{ "without id and name", "", "", IN_A, OUT_A, NULL, false, false, RULESET_UNCHANGED },
	{ "without name, replace", "", "", IN_A, OUT_A, NULL, true, false, RULESET_REPLACED },
	{ "other outputs", "r1", "cam", IN_A, OUT_B, NULL, false, false, -EEXIST, "input" },
	{ "other outputs, no id", "", "", IN_A, OUT_B, NULL, false, false, -EEXIST, "input" },
	{ "more outputs", "r1", "cam", IN_A, OUT_A, OUT_B, false, false, -EEXIST, "input" },
	{ "more outputs, replace", "", "cam", IN_A, OUT_A, OUT_B, true, false, RULESET_REPLACED },
	{ "other id", "r9", "cam", IN_A, OUT_A, NULL, false, false, -EEXIST, "input" },
	{ "other id, replace", "r9", "cam", IN_A, OUT_A, NULL, true, false, RULESET_REPLACED },
	{ "other name", "r1", "new", IN_A, OUT_A, NULL, false, false, -EEXIST, "name" },
	{ "other name, replace", "r1", "new", IN_A, OUT_A, NULL, true, false, RULESET_REPLACED },
	{ "other input", "r1", "cam", IN_B, OUT_A, NULL, false, false, -EEXIST, "id" },
	{ "other input, replace", "r1", "cam", IN_B, OUT_A, NULL, true, false, RULESET_REPLACED },
	{ "taken name", "r3", "cam", IN_B, OUT_A, NULL, false, false, -EEXIST, "name" },
	{ "taken name, replace", "r3", "cam", IN_B, OUT_A, NULL, true, false, -EEXIST, "name" },
	{ "another rule", "", "", IN_B, OUT_A, NULL, false, false, RULESET_ADDED },
	{ "id and input of two", "r1", "", IN_B, OUT_A, NULL, true, true, -EEXIST, "id" },
	{ "rename to a taken name", "r1", "mic", IN_A, OUT_A, NULL, true, true, -EEXIST, "name" },
	{ "bad rule", "r3", "", "eth0 0.0.0.0:1", OUT_A, NULL, true, false, -EINVAL, "input.group" },
	{ "own input", "", "", IN_B, IN_B, NULL, true, false, -ELOOP, "outputs[0]" },
};

static void add_meets_rule(void **state)
{
	for (size_t i = 0; i < sizeof(meets) / sizeof(meets[0]); i++) {
		const struct ruleset_entry *first, *e = NULL;
		struct ruleset *s = ruleset_new();
		struct complaint c = { 0 };
		struct rule r;
		uint64_t incarnation;
		size_t count;
		int ret;

		assert_non_null(s);
		assert_int_equal(add(s, rule("r1", "cam", IN_A, OUT_A, NULL), false, &first),
				 RULESET_ADDED);
		if (meets[i].second)
			assert_int_equal(add(s, rule("r2", "mic", IN_B, OUT_A, NULL), false, NULL),
					 RULESET_ADDED);
		incarnation = first->incarnation;
		count = ruleset_count(s);
		r = rule(meets[i].id, meets[i].name, meets[i].in, meets[i].out0, meets[i].out1);
		ret = ruleset_add(s, &r, meets[i].replace, &e, &c);
		if (ret != meets[i].ret)
			fail_msg("%s: %d (%s: %s)", meets[i].what, ret, c.field, c.reason);
		if (ret < 0 && strcmp(c.field, meets[i].field) != 0)
			fail_msg("%s: %s: %s", meets[i].what, c.field, c.reason);
		if (ruleset_count(s) != count + (ret == RULESET_ADDED))
			fail_msg("%s: %zu rules", meets[i].what, ruleset_count(s));
		if (ret >= 0 && (e->incarnation != incarnation) != (ret != RULESET_UNCHANGED))
			fail_msg("%s: incarnation", meets[i].what);
		if (ret == RULESET_REPLACED && (e->slot != 0 || ruleset_at(s, 0) != e))
			fail_msg("%s: moved", meets[i].what);
		if (ret < 0 && ruleset_find_id(s, "r1") != ruleset_at(s, 0))
			fail_msg("%s: left a trace", meets[i].what);
		ruleset_free(s);
	}
}

static void replaced_keys_are_forgotten(void **state)
{
	struct ruleset *s = ruleset_new();

	add(s, rule("r1", "cam", IN_A, OUT_A, NULL), false, NULL);
	assert_int_equal(add(s, rule("r1", "mic", IN_B, OUT_B, NULL), true, NULL),
			 RULESET_REPLACED);
	assert_null(ruleset_find_name(s, "cam"));
	assert_ptr_equal(ruleset_find_name(s, "mic"), ruleset_at(s, 0));
	/* The old input and name are free again. */
	assert_int_equal(add(s, rule("r2", "cam", IN_A, OUT_A, NULL), false, NULL), RULESET_ADDED);
	assert_int_equal(ruleset_count(s), 2);
	assert_null(ruleset_find_name(s, ""));
	ruleset_free(s);
}

static void made_id_does_not_replace_a_stranger(void **state)
{
	struct ruleset *s = ruleset_new();
	const struct ruleset_entry *e;
	char id[MCR_ID_MAX];

	add(s, rule("", "", IN_A, OUT_A, NULL), false, &e);
	memcpy(id, e->rule.id, sizeof(id));
	assert_int_equal(strlen(id), 16);
	/* The rule with that id gets another input; then the first one comes again. */
	assert_int_equal(add(s, rule(id, "", IN_B, OUT_A, NULL), true, NULL), RULESET_REPLACED);
	assert_int_equal(add(s, rule("", "", IN_A, OUT_A, NULL), true, NULL), -EEXIST);
	assert_int_equal(add(s, rule("mine", "", IN_A, OUT_A, NULL), false, NULL), RULESET_ADDED);
	ruleset_free(s);
}

static void sources_make_different_inputs(void **state)
{
	struct ruleset *s = ruleset_new();
	struct rule r = rule("", "", IN_A, OUT_A, NULL);

	assert_int_equal(add(s, r, false, NULL), RULESET_ADDED);
	assert_int_equal(addr_parse("10.1.1.1", &r.input.source), 0);
	assert_int_equal(add(s, r, false, NULL), RULESET_ADDED);
	assert_int_equal(add(s, r, false, NULL), RULESET_UNCHANGED);
	assert_int_equal(ruleset_count(s), 2);
	ruleset_free(s);
}

static void order_and_removal(void **state)
{
	struct ruleset *s = ruleset_new();

	add(s, rule("a", "A", IN_A, OUT_A, NULL), false, NULL);
	add(s, rule("b", "B", IN_B, OUT_A, NULL), false, NULL);
	add(s, rule("c", "C", "eth0 239.1.1.3:5000", OUT_A, NULL), false, NULL);
	assert_int_equal(ruleset_remove(s, "nobody"), -ENOENT);
	assert_int_equal(ruleset_remove(s, "b"), 0);
	assert_int_equal(ruleset_remove(s, "b"), -ENOENT);
	assert_int_equal(ruleset_count(s), 2);
	assert_string_equal(ruleset_at(s, 0)->rule.id, "a");
	assert_string_equal(ruleset_at(s, 1)->rule.id, "c");
	assert_null(ruleset_find_id(s, "b"));
	assert_null(ruleset_find_name(s, "B"));
	assert_ptr_equal(ruleset_find_id(s, "c"), ruleset_at(s, 1));
	ruleset_free(s);
	ruleset_free(NULL);
}

static void slots_come_and_go(void **state)
{
	struct ruleset *s = ruleset_new();
	const struct ruleset_entry *a, *b;

	add(s, rule("a", "", IN_A, OUT_A, OUT_B), false, &a);
	add(s, rule("b", "", IN_B, OUT_A, NULL), false, &b);
	assert_int_equal(a->slot, 0);
	assert_int_equal(a->output_slots[1], 1);
	assert_int_equal(b->slot, 1);
	assert_int_equal(b->output_slots[0], 2);
	assert_int_equal(b->incarnation, 2);

	/* Fewer outputs: the first keeps its slot; more again: an unused one is taken. */
	add(s, rule("a", "", IN_A, OUT_B, NULL), true, &a);
	assert_int_equal(a->output_slots[0], 0);
	assert_int_equal(a->incarnation, 3);
	add(s, rule("a", "", IN_A, OUT_B, OUT_A), true, &a);
	assert_int_equal(a->output_slots[0], 0);
	assert_int_equal(a->output_slots[1], 3);
	assert_int_equal(a->slot, 0);

	ruleset_remove(s, "a");
	add(s, rule("a", "", IN_A, OUT_A, NULL), false, &a);
	assert_int_equal(a->slot, 2);
	assert_int_equal(a->output_slots[0], 4);
	assert_int_equal(a->incarnation, 5);
	ruleset_free(s);
}

static void slot_pool_order(void **state)
{
	struct slot_pool p, copy;

	assert_int_equal(slot_pool_init(&p, 3), 0);
	assert_int_equal(slot_pool_take(&p), 0);
	slot_pool_put(&p, 0);
	assert_int_equal(slot_pool_available(&p), 3);
	assert_int_equal(slot_pool_take(&p), 1); /* never used goes first */
	assert_int_equal(slot_pool_take(&p), 2);
	slot_pool_put(&p, 2);
	slot_pool_put(&p, 1);
	assert_int_equal(slot_pool_take(&p), 0); /* then the oldest */
	assert_int_equal(slot_pool_copy(&copy, &p), 0);
	for (int i = 0; i < 2; i++) {
		struct slot_pool *which = i == 0 ? &p : &copy;

		assert_int_equal(slot_pool_take(which), 2);
		slot_pool_put(which, 0); /* the ring wraps */
		assert_int_equal(slot_pool_take(which), 1);
		assert_int_equal(slot_pool_take(which), 0);
		assert_int_equal(slot_pool_take(which), MCR_NO_SLOT);
		assert_int_equal(slot_pool_available(which), 0);
		slot_pool_fini(which);
	}
}

#define A "eth0 239.0.0.1:5000"
#define B "eth1 239.0.0.2:5000"
#define C "eth2 239.0.0.3:5000"
#define D "eth3 239.0.0.4:5000"

/* Rules as input, output pairs; the last one is judged. */
static const struct {
	const char *what;
	const char *rules[4][3];
	int ret;
	const char *reason; /* the whole of it */
} loops[] = {
	{ "chain", { { A, B }, { B, C }, { C, D } }, RULESET_ADDED, NULL },
	{ "two", { { A, B }, { B, A } }, -ELOOP, "relays in a circle: " B " -> " A " -> " B },
	{ "three", { { A, B }, { B, C }, { C, A } }, -ELOOP,
	  "relays in a circle: " C " -> " A " -> " B " -> " C },
	{ "four, added in the middle", { { D, A }, { A, B }, { C, D }, { B, C } }, -ELOOP,
	  "relays in a circle: " B " -> " C " -> " D " -> " A " -> " B },
	{ "the shorter of two", { { A, B, C }, { B, D }, { C, B }, { D, C, A } }, -ELOOP,
	  "relays in a circle: " D " -> " A " -> " B " -> " D },
	{ "diamond", { { B, D }, { C, D }, { A, B, C } }, RULESET_ADDED, NULL },
	{ "other port", { { A, B }, { B, "eth0 239.0.0.1:5001" } }, RULESET_ADDED, NULL },
	{ "other interface", { { A, B }, { B, "eth5 239.0.0.1:5000" } }, RULESET_ADDED, NULL },
	{ "other group", { { A, B }, { B, "eth0 239.0.0.9:5000" } }, RULESET_ADDED, NULL },
};

static void loops_are_refused(void **state)
{
	for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
		struct ruleset *s = ruleset_new();
		struct complaint c = { 0 };
		int ret = -1;

		for (int k = 0; k < 4 && loops[i].rules[k][0] != NULL; k++) {
			struct rule r = rule("", "", loops[i].rules[k][0], loops[i].rules[k][1],
					     loops[i].rules[k][2]);

			if (c.reason[0] != '\0')
				fail_msg("%s: too early: %s", loops[i].what, c.reason);
			ret = ruleset_add(s, &r, false, NULL, &c);
		}
		if (ret != loops[i].ret)
			fail_msg("%s: %d", loops[i].what, ret);
		if (ret < 0 && strcmp(c.reason, loops[i].reason) != 0)
			fail_msg("%s: %s", loops[i].what, c.reason);
		ruleset_free(s);
	}
}

static void loop_names_the_output(void **state)
{
	struct ruleset *s = ruleset_new();
	struct complaint c = { 0 };
	struct rule r;

	add(s, rule("", "", A, B, NULL), false, NULL);
	r = rule("", "", B, C, A);
	assert_int_equal(ruleset_add(s, &r, false, NULL, &c), -ELOOP);
	assert_string_equal(c.field, "outputs[1]");
	assert_int_equal(ruleset_count(s), 1);
	ruleset_free(s);
}

static void loop_through_a_source_specific_rule(void **state)
{
	struct ruleset *s = ruleset_new();
	struct rule r = rule("", "", A, B, NULL);

	add(s, rule("", "", A, C, NULL), false, NULL); /* same target, leads nowhere */
	assert_int_equal(addr_parse("10.1.1.1", &r.input.source), 0);
	assert_int_equal(add(s, r, false, NULL), RULESET_ADDED);
	assert_int_equal(add(s, rule("", "", B, A, NULL), false, NULL), -ELOOP);
	ruleset_free(s);
}

static void replacing_breaks_and_makes_loops(void **state)
{
	struct ruleset *s = ruleset_new();

	add(s, rule("a", "", A, B, NULL), false, NULL);
	add(s, rule("b", "", B, C, NULL), false, NULL);
	assert_int_equal(add(s, rule("b", "", B, A, NULL), true, NULL), -ELOOP);
	/* What the replaced rule relays no longer counts: turned round, all is well. */
	assert_int_equal(add(s, rule("a", "", C, D, NULL), true, NULL), RULESET_REPLACED);
	assert_int_equal(add(s, rule("b", "", B, A, NULL), true, NULL), RULESET_REPLACED);
	/* The replaced rule's own old input is no hop either. */
	assert_int_equal(add(s, rule("b", "", A, B, NULL), true, NULL), RULESET_REPLACED);
	ruleset_free(s);
}

static struct rule nth_rule(unsigned i, const char *out)
{
	char in[40];

	snprintf(in, sizeof(in), "eth%u 239.7.%u.%u:5000", i % 4, i >> 8, i & 0xff);
	return rule("", "", in, out, NULL);
}

static void long_circle_is_cut_short(void **state)
{
	struct ruleset *s = ruleset_new();
	struct complaint c = { 0 };
	struct rule r;
	char in[40], out[40];

	for (unsigned i = 0; i < 20; i++) {
		snprintf(in, sizeof(in), "eth0 239.7.0.%u:5000", i);
		snprintf(out, sizeof(out), "eth0 239.7.0.%u:5000", i + 1);
		assert_int_equal(add(s, rule("", "", in, out, NULL), false, NULL), RULESET_ADDED);
	}
	r = rule("", "", out, "eth0 239.7.0.0:5000", NULL);
	assert_int_equal(ruleset_add(s, &r, false, NULL, &c), -ELOOP);
	assert_non_null(strstr(c.reason, "eth0 239.7.0.20:5000 -> eth0 239.7.0.0:5000 -> "));
	assert_non_null(strstr(c.reason, " more) -> eth0 239.7.0.20:5000"));
	assert_int_equal(strcmp(strrchr(c.reason, '>'), "> eth0 239.7.0.20:5000"), 0);
	ruleset_free(s);
}

static void limits(void **state)
{
	struct ruleset *s = ruleset_new();
	struct rule_output *outputs = calloc(MCR_MAX_RULE_OUTPUTS, sizeof(*outputs));
	struct rule r;
	char out[40];

	for (unsigned i = 0; i < MCR_MAX_RULES; i++)
		assert_int_equal(add(s, nth_rule(i, OUT_A), false, NULL), RULESET_ADDED);
	assert_int_equal(add(s, nth_rule(MCR_MAX_RULES, OUT_A), false, NULL), -ENOSPC);
	assert_int_equal(add(s, nth_rule(0, OUT_B), true, NULL), RULESET_REPLACED);
	ruleset_free(s);

	s = ruleset_new();
	for (unsigned i = 0; i < MCR_MAX_OUTPUTS / MCR_MAX_RULE_OUTPUTS + 1; i++) {
		r = nth_rule(i, OUT_A);
		for (unsigned k = 0; k < MCR_MAX_RULE_OUTPUTS; k++) {
			outputs[k] = r.outputs[0];
			outputs[k].port = (uint16_t)(k + 1);
		}
		r.outputs = outputs;
		r.n_outputs = MCR_MAX_RULE_OUTPUTS;
		assert_int_equal(add(s, r, false, NULL),
				 i < MCR_MAX_OUTPUTS / MCR_MAX_RULE_OUTPUTS ? RULESET_ADDED :
									      -ENOSPC);
	}
	ruleset_free(s);

	s = ruleset_new(); /* eth0 and 127 others fit */
	for (unsigned i = 1; i <= MCR_MAX_IFACES; i++) {
		snprintf(out, sizeof(out), "out%u 239.2.2.2:6000", i);
		assert_int_equal(add(s, nth_rule(4 * i, out), false, NULL),
				 i < MCR_MAX_IFACES ? RULESET_ADDED : -ENOSPC);
	}
	/* Replacing frees a name and takes it again; refused, it gives it back. */
	assert_int_equal(add(s, nth_rule(4, "new 239.2.2.2:6000"), true, NULL), RULESET_REPLACED);
	r = rule("", "", "eth0 239.7.0.4:5000", "x 239.2.2.2:1", "y 239.2.2.2:1");
	assert_int_equal(add(s, r, true, NULL), -ENOSPC);
	assert_int_equal(add(s, nth_rule(4000, "new 239.2.2.3:6"), false, NULL), RULESET_ADDED);
	assert_int_equal(add(s, nth_rule(4004, "z 239.2.2.3:6"), false, NULL), -ENOSPC);
	ruleset_free(s);
	free(outputs);
}

static void clone_is_independent(void **state)
{
	struct ruleset *s = ruleset_new(), *copy;
	const struct ruleset_entry *e;

	add(s, rule("a", "A", IN_A, OUT_A, OUT_B), false, NULL);
	add(s, rule("b", "B", IN_B, OUT_A, NULL), false, NULL);
	ruleset_remove(s, "a");
	copy = ruleset_clone(s);
	assert_non_null(copy);
	assert_int_equal(ruleset_count(copy), 1);
	e = ruleset_find_name(copy, "B");
	assert_non_null(e);
	assert_ptr_not_equal(e, ruleset_at(s, 0));
	assert_int_equal(e->slot, 1);
	assert_int_equal(e->incarnation, 2);
	assert_int_equal(e->output_slots[0], 2);

	ruleset_remove(copy, "b");
	assert_int_equal(ruleset_count(copy), 0);
	assert_int_equal(ruleset_count(s), 1);
	assert_ptr_equal(ruleset_find_id(s, "b"), ruleset_at(s, 0));
	/* The copy goes on where the original was. */
	add(copy, rule("c", "", IN_A, OUT_A, NULL), false, &e);
	assert_int_equal(e->incarnation, 3);
	assert_int_equal(e->slot, 2);
	assert_int_equal(e->output_slots[0], 3);
	ruleset_free(s);
	assert_ptr_equal(ruleset_find_id(copy, "c"), e);
	ruleset_free(copy);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/*
 * Ten thousand rules that all send to one input with thousands of sources are the
 * worst for the loop check: every add may reach thousands of rules.  Done naively
 * this is 10^8 steps and more; the bound is generous for sanitizers and busy machines.
 */
static void many_rules_are_quick(void **state)
{
	struct ruleset *s = ruleset_new();
	double start = now_s();
	struct rule r;

	for (unsigned i = 0; i < 10000; i++) {
		r = nth_rule(i, "hub 239.9.9.9:5000");
		assert_int_equal(add(s, r, false, NULL), RULESET_ADDED);
	}
	for (unsigned i = 0; i < 10000; i++) {
		r = nth_rule(i, OUT_A);
		rule_make_id(&r);
		assert_non_null(ruleset_find_id(s, r.id));
	}
	print_message("10000 rules added and looked up in %.0f ms\n", 1e3 * (now_s() - start));
	assert_true(now_s() - start < 5);
	ruleset_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add_meets_rule),
		cmocka_unit_test(replaced_keys_are_forgotten),
		cmocka_unit_test(made_id_does_not_replace_a_stranger),
		cmocka_unit_test(sources_make_different_inputs),
		cmocka_unit_test(order_and_removal),
		cmocka_unit_test(slots_come_and_go),
		cmocka_unit_test(slot_pool_order),
		cmocka_unit_test(loops_are_refused),
		cmocka_unit_test(loop_names_the_output),
		cmocka_unit_test(loop_through_a_source_specific_rule),
		cmocka_unit_test(replacing_breaks_and_makes_loops),
		cmocka_unit_test(long_circle_is_cut_short),
		cmocka_unit_test(limits),
		cmocka_unit_test(clone_is_independent),
		cmocka_unit_test(many_rules_are_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
