// SPDX-License-Identifier: MIT
/*
 * test_ruleset_limits.c - the rule set when it is full, and how long it takes to fill
 *
 * Links: core/rules/wiring.c
 * Links: core/rules/ruleset.c core/rules/ruleset_index.c core/rules/ruleset_ifaces.c
 * Links: core/rules/ruleset_cycle.c
 * Links: core/rules/slot_pool.c core/rules/rule.c core/base/addr.c core/base/complaint.c
 */
#include <errno.h>
#include <time.h>

#include "core/rules/ruleset_index.h"
#include "tests/unit/core/rule_words.h"

static void limit_of_rules(void **state)
{
	struct ruleset *s = ruleset_new();
	const struct ruleset_entry *e;
	struct rule r;

	for (unsigned i = 0; i < MCR_MAX_RULES; i++)
		assert_int_equal(add(s, nth_rule(i, OUT_A), false, NULL), RULESET_ADDED);
	assert_int_equal(add(s, nth_rule(MCR_MAX_RULES, OUT_A), false, NULL), -ENOSPC);
	assert_int_equal(add(s, nth_rule(0, OUT_B), true, NULL), RULESET_REPLACED);
	r = nth_rule(77, OUT_A);
	rule_make_id(&r);
	assert_int_equal(ruleset_remove(s, r.id), 0);
	assert_int_equal(add(s, nth_rule(MCR_MAX_RULES, OUT_A), false, &e), RULESET_ADDED);
	assert_int_equal(e->slot, 77);
	ruleset_free(s);
}

static void limit_of_outputs(void **state)
{
	struct ruleset *s = ruleset_new();
	struct rule_output outputs[MCR_MAX_RULE_OUTPUTS];
	struct rule r;

	for (unsigned i = 0; i < MCR_MAX_OUTPUTS / MCR_MAX_RULE_OUTPUTS + 1; i++) {
		r = nth_rule(i, OUT_A);
		for (unsigned k = 0; k < MCR_MAX_RULE_OUTPUTS; k++) {
			outputs[k] = r.outputs[0];
			outputs[k].port = (uint16_t)(k + 1);
		}
		r.outputs = outputs;
		r.n_outputs = MCR_MAX_RULE_OUTPUTS;
		assert_int_equal(add(s, r, false, NULL), i < MCR_MAX_OUTPUTS / MCR_MAX_RULE_OUTPUTS
								 ? RULESET_ADDED
								 : -ENOSPC);
	}
	r = nth_rule(0, OUT_B);
	assert_int_equal(add(s, r, true, NULL), RULESET_REPLACED);
	r.outputs = outputs;
	r.n_outputs = MCR_MAX_RULE_OUTPUTS; /* what it gave up is free again */
	assert_int_equal(add(s, r, true, NULL), RULESET_REPLACED);
	r.limit_pps = 1; /* its own do not stand in its way */
	assert_int_equal(add(s, r, true, NULL), RULESET_REPLACED);
	ruleset_free(s);
}

static void limit_of_interfaces(void **state)
{
	struct ruleset *s = ruleset_new();
	struct rule r;
	char out[40];

	/* eth0 and 127 others fit */
	for (unsigned i = 1; i <= MCR_MAX_IFACES; i++) {
		snprintf(out, sizeof(out), "out%u 239.2.2.2:6000", i);
		assert_int_equal(add(s, nth_rule(4 * i, out), false, NULL),
				 i < MCR_MAX_IFACES ? RULESET_ADDED : -ENOSPC);
	}
	/* Replacing frees a name and takes it again; refused, it gives it back. */
	assert_int_equal(add(s, nth_rule(4, "new 239.2.2.2:6000"), true, NULL), RULESET_REPLACED);
	r = rule("", "", "eth0 239.7.0.4:5000", "x 239.2.2.2:1", "y 239.2.2.2:1");
	assert_int_equal(add(s, r, true, NULL), -ENOSPC);
	assert_int_equal(add(s, nth_rule(4004, "z 239.2.2.3:6"), false, NULL), -ENOSPC);
	assert_int_equal(add(s, nth_rule(4000, "new 239.2.2.3:6"), false, NULL), RULESET_ADDED);
	ruleset_free(s);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/*
 * Hard for the loop check: every rule feeds one input that five hundred
 * source-specific rules share.  The bound is generous, for sanitizers and busy
 * machines; a search by comparing all pairs takes minutes.
 */
static void many_rules_are_quick(void **state)
{
	struct ruleset *s = ruleset_new();
	double start = now_s();
	struct rule r;

	for (uint32_t i = 0; i < 500; i++) {
		r = rule("", "", "hub 239.9.9.9:5000", OUT_A, NULL);
		r.input.source = addr_from_ipv4_be(0x0000000a | i << 16);
		assert_int_equal(add(s, r, false, NULL), RULESET_ADDED);
	}
	for (unsigned i = 0; i < 10000; i++)
		assert_int_equal(add(s, nth_rule(i, "hub 239.9.9.9:5000"), false, NULL),
				 RULESET_ADDED);
	for (unsigned i = 0; i < 10000; i++) {
		r = nth_rule(i, OUT_A);
		rule_make_id(&r);
		assert_non_null(ruleset_find_id(s, r.id));
	}
	print_message("10500 rules added and looked up in %.0f ms\n", 1e3 * (now_s() - start));
	assert_true(now_s() - start < 20);
	ruleset_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limit_of_rules),
		cmocka_unit_test(limit_of_outputs),
		cmocka_unit_test(limit_of_interfaces),
		cmocka_unit_test(many_rules_are_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
