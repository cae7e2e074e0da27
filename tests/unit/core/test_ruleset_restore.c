// SPDX-License-Identifier: MIT
/*
 * test_ruleset_restore.c - rules return to their places, and new ones find the free ones
 *
 * Links: core/rules/wiring.c
 * Links: core/rules/ruleset.c core/rules/ruleset_index.c core/rules/ruleset_ifaces.c
 * Links: core/rules/ruleset_cycle.c
 * Links: core/rules/ruleset_restore.c core/rules/slot_pool.c core/rules/rule.c core/base/addr.c
 * Links: core/base/complaint.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "core/rules/ruleset.h"
#include "core/rules/ruleset_index.h"
#include "core/rules/ruleset_restore.h"

/* A rule of its own input, with @n outputs. */
struct sample {
	struct rule rule;
	struct rule_output outputs[4];
};

static struct rule *make(struct sample *s, uint16_t port, unsigned n)
{
	memset(s, 0, sizeof(*s));
	s->rule = (struct rule){
		.n_outputs = n, .outputs = s->outputs, .priority = RULE_PRIORITY_NORMAL};
	strcpy(s->rule.input.interface, "in0");
	addr_parse("239.1.1.1", &s->rule.input.group);
	s->rule.input.port = port;
	for (unsigned i = 0; i < n; i++) {
		strcpy(s->outputs[i].interface, "out0");
		addr_parse("239.2.2.2", &s->outputs[i].group);
		s->outputs[i].port = (uint16_t)(7000 + i);
	}
	return &s->rule;
}

static const uint64_t ones[] = {1, 1, 1, 1};

static void test_places(void **state)
{
	static const uint32_t one[] = {4, 1}, two[] = {2};
	static const uint64_t of_one[] = {70, 95}, of_two[] = {90};
	struct ruleset *s = ruleset_new();
	const struct ruleset_entry *e;
	bool slot_used[4] = {false}, output_used[6] = {false};
	struct sample m;

	assert_int_equal(ruleset_restore(s, make(&m, 1, 2), 3, 70, one, of_one), 0);
	assert_int_equal(ruleset_restore(s, make(&m, 2, 1), 1, 90, two, of_two), 0);
	ruleset_restored(s, 80);
	e = ruleset_at(s, 0);
	assert_int_equal(e->slot, 3);
	assert_int_equal(e->incarnation, 70);
	assert_int_equal(e->output_slots[0], 4);
	assert_int_equal(e->output_slots[1], 1);
	assert_int_equal(e->output_incarnations[0], 70);
	assert_int_equal(e->output_incarnations[1], 95);
	assert_int_equal(e->rule.input.port, 1);
	assert_non_null(ruleset_find_id(s, e->rule.id));

	slot_used[3] = slot_used[1] = true;
	output_used[4] = output_used[1] = output_used[2] = true;
	for (uint16_t port = 3; port < 40; port++) {
		assert_int_equal(ruleset_add(s, make(&m, port, 1), false, &e, NULL), RULESET_ADDED);
		assert_int_equal(e->incarnation, 95 + port - 2);
		if (e->slot < 4) {
			assert_false(slot_used[e->slot]);
			slot_used[e->slot] = true;
		}
		if (e->output_slots[0] < 6) {
			assert_false(output_used[e->output_slots[0]]);
			output_used[e->output_slots[0]] = true;
		}
	}
	ruleset_free(s);
}

/* The holes between restored slots are used before the set is full. */
static void test_holes_are_used(void **state)
{
	static const uint32_t out[] = {MCR_MAX_OUTPUTS - 1};
	struct ruleset *s = ruleset_new();
	struct sample m;

	assert_int_equal(ruleset_restore(s, make(&m, 1, 1), MCR_MAX_RULES - 1, 5, out, ones), 0);
	ruleset_restored(s, 0);
	for (unsigned i = 2; i <= MCR_MAX_RULES; i++)
		assert_int_equal(ruleset_add(s, make(&m, (uint16_t)i, 1), false, NULL, NULL),
				 RULESET_ADDED);
	assert_int_equal(ruleset_add(s, make(&m, 40000, 1), false, NULL, NULL), -ENOSPC);
	ruleset_free(s);
}

static void test_refusals(void **state)
{
	static const uint32_t out[] = {0}, beyond[] = {MCR_MAX_OUTPUTS};
	struct ruleset *s = ruleset_new();
	struct sample m;

	make(&m, 1, 1);
	assert_int_equal(ruleset_restore(s, &m.rule, MCR_MAX_RULES, 1, out, ones), -ERANGE);
	assert_int_equal(ruleset_restore(s, &m.rule, 0, 0, out, ones), -ERANGE);
	assert_int_equal(ruleset_restore(s, &m.rule, 0, 1, beyond, ones), -ERANGE);
	assert_int_equal(ruleset_restore(s, &m.rule, 0, 1, out, ones), 0);
	assert_int_equal(ruleset_restore(s, &m.rule, 1, 2, out, ones), -EEXIST);
	m.rule.input.port = 0;
	assert_int_equal(ruleset_restore(s, &m.rule, 1, 2, out, ones), -EINVAL);
	assert_int_equal(ruleset_count(s), 1);
	ruleset_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_holes_are_used),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
