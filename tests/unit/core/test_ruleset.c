// SPDX-License-Identifier: MIT
/*
 * test_ruleset.c - identity, replacement, slots and loops of the rule set
 *
 * Links: core/rules/wiring.c
 * Links: core/rules/ruleset.c core/rules/ruleset_index.c core/rules/ruleset_ifaces.c
 * Links: core/rules/ruleset_cycle.c
 * Links: core/rules/slot_pool.c core/rules/rule.c core/base/addr.c core/base/complaint.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/complaint.h"
#include "core/rules/ruleset.h"
#include "core/rules/ruleset_index.h"
#include "tests/unit/core/rule_words.h"

#define IN_A "eth0 239.1.1.1:5000"
#define IN_B "eth0 239.1.1.2:5000"

/* A second rule meets rule "r1" "cam" IN_A -> OUT_A (and sometimes "r2" "mic" IN_B). */
static const struct {
	const char *what;
	const char *id, *name, *in, *out0, *out1;
	bool replace, second;
	int ret;
	const char *field;
} meets[] = {
	{"the same again", "r1", "cam", IN_A, OUT_A, NULL, false, false, RULESET_UNCHANGED},
	{"the same, replace", "r1", "cam", IN_A, OUT_A, NULL, true, false, RULESET_UNCHANGED},
	{"without id", "", "cam", IN_A, OUT_A, NULL, false, false, RULESET_UNCHANGED},
	{"without id and name", "", "", IN_A, OUT_A, NULL, false, false, RULESET_UNCHANGED},
	{"without name, replace", "", "", IN_A, OUT_A, NULL, true, false, RULESET_REPLACED},
	{"other outputs", "r1", "cam", IN_A, OUT_B, NULL, false, false, -EEXIST, "input"},
	{"other outputs, no id", "", "", IN_A, OUT_B, NULL, false, false, -EEXIST, "input"},
	{"more outputs", "r1", "cam", IN_A, OUT_A, OUT_B, false, false, -EEXIST, "input"},
	{"more outputs, replace", "", "cam", IN_A, OUT_A, OUT_B, true, false, RULESET_REPLACED},
	{"other id", "r9", "cam", IN_A, OUT_A, NULL, false, false, -EEXIST, "input"},
	{"other id, replace", "r9", "cam", IN_A, OUT_A, NULL, true, false, RULESET_REPLACED},
	{"other name", "r1", "new", IN_A, OUT_A, NULL, false, false, -EEXIST, "name"},
	{"other name, replace", "r1", "new", IN_A, OUT_A, NULL, true, false, RULESET_REPLACED},
	{"other input", "r1", "cam", IN_B, OUT_A, NULL, false, false, -EEXIST, "id"},
	{"other input, replace", "r1", "cam", IN_B, OUT_A, NULL, true, false, RULESET_REPLACED},
	{"taken name", "r3", "cam", IN_B, OUT_A, NULL, false, false, -ENOTUNIQ, "name"},
	{"taken name, replace", "r3", "cam", IN_B, OUT_A, NULL, true, false, -ENOTUNIQ, "name"},
	{"another rule", "", "", IN_B, OUT_A, NULL, false, false, RULESET_ADDED},
	{"id and input of two", "r1", "", IN_B, OUT_A, NULL, true, true, -ENOTUNIQ, "id"},
	{"rename to a taken name", "r1", "mic", IN_A, OUT_A, NULL, true, true, -ENOTUNIQ, "name"},
	{"bad rule", "r3", "", "eth0 0.0.0.0:1", OUT_A, NULL, true, false, -EINVAL, "input.group"},
	{"own input", "", "", IN_B, IN_B, NULL, true, false, -ELOOP, "outputs[0]"},
};

static void add_meets_rule(void **state)
{
	for (size_t i = 0; i < sizeof(meets) / sizeof(meets[0]); i++) {
		const struct ruleset_entry *first, *e = NULL;
		struct ruleset *s = ruleset_new();
		struct complaint c = {0};
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
		/* It counts on as long as its input is the same. */
		if (ret >= 0 && (e->incarnation == incarnation) != (strcmp(meets[i].in, IN_A) == 0))
			fail_msg("%s: incarnation", meets[i].what);
		if (ret == RULESET_REPLACED && (e->slot != 0 || ruleset_at(s, 0) != e))
			fail_msg("%s: moved", meets[i].what);
		if (ret < 0 && ruleset_find_id(s, "r1") != ruleset_at(s, 0))
			fail_msg("%s: left a trace", meets[i].what);
		ruleset_free(s);
	}
}

static void replaced_keys_are_not_found(void **state)
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
	assert_int_equal(add(s, rule("", "", IN_A, OUT_A, NULL), true, NULL), -ENOTUNIQ);
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

	/* An output that stays keeps its slot, at any place; one that comes takes an unused one. */
	add(s, rule("a", "", IN_A, OUT_B, NULL), true, &a);
	assert_int_equal(a->output_slots[0], 1);
	add(s, rule("a", "", IN_A, OUT_A, OUT_B), true, &a);
	assert_int_equal(a->output_slots[0], 3);
	assert_int_equal(a->output_slots[1], 1);
	assert_int_equal(a->slot, 0);

	ruleset_remove(s, "a");
	add(s, rule("a", "", IN_A, OUT_A, NULL), false, &a);
	assert_int_equal(a->slot, 2);
	assert_int_equal(a->output_slots[0], 4);
	ruleset_free(s);
}

static void replaced_rule_keeps_its_incarnations(void **state)
{
	struct ruleset *s = ruleset_new();
	const struct ruleset_entry *e;
	struct rule r;

	add(s, rule("a", "", IN_A, OUT_A, OUT_B), false, &e);
	assert_int_equal(e->incarnation, 1);
	assert_int_equal(e->output_incarnations[0], 1);
	assert_int_equal(e->output_incarnations[1], 1);

	/* An output that went and came back begins anew, also in the slot that it had. */
	add(s, rule("a", "", IN_A, OUT_B, NULL), true, &e);
	assert_int_equal(e->incarnation, 1);
	assert_int_equal(e->output_incarnations[0], 1);
	add(s, rule("a", "", IN_A, OUT_A, OUT_B), true, &e);
	assert_int_equal(e->incarnation, 1);
	assert_true(e->output_incarnations[0] > 1);
	assert_int_equal(e->output_incarnations[1], 1);

	/* How it is sent to is no part of what an output is, nor is the name of its rule. */
	r = rule("a", "new", IN_A, OUT_A, OUT_B);
	r.outputs[1].ttl = 9;
	r.limit_pps = 5;
	assert_int_equal(add(s, r, true, &e), RULESET_REPLACED);
	assert_int_equal(e->incarnation, 1);
	assert_int_equal(e->output_incarnations[1], 1);
	assert_int_equal(e->rule.outputs[1].ttl, 9);

	/* Another input is another rule. */
	add(s, rule("a", "", IN_B, OUT_A, OUT_B), true, &e);
	assert_true(e->incarnation > 1);
	assert_int_equal(e->output_incarnations[0], e->incarnation);
	assert_int_equal(e->output_incarnations[1], e->incarnation);
	ruleset_free(s);
}

#define A "lo 239.0.0.1:5000"
#define B "lo 239.0.0.2:5000"
#define C "lo 239.0.0.3:5000"
#define D "lo 239.0.0.4:5000"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add_meets_rule),
		cmocka_unit_test(replaced_keys_are_not_found),
		cmocka_unit_test(made_id_does_not_replace_a_stranger),
		cmocka_unit_test(sources_make_different_inputs),
		cmocka_unit_test(order_and_removal),
		cmocka_unit_test(slots_come_and_go),
		cmocka_unit_test(replaced_rule_keeps_its_incarnations),
		cmocka_unit_test(clone_is_independent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
