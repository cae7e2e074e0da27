// SPDX-License-Identifier: MIT
/*
 * test_ruleset_cycle.c - circles of rules are found and named
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
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/base/complaint.h"
#include "core/rules/ruleset.h"
#include "core/rules/ruleset_cycle.h"
#include "core/rules/ruleset_index.h"
#include "core/rules/wiring.h"
#include "tests/unit/core/rule_words.h"

#define A "lo 239.0.0.1:5000"
#define B "lo 239.0.0.2:5000"
#define C "lo 239.0.0.3:5000"
#define D "lo 239.0.0.4:5000"

/* Rules as input, output pairs; the last one is judged. */
static const struct {
	const char *what;
	const char *rules[4][3];
	int ret;
	const char *reason; /* the whole of it */
} loops[] = {
	{"chain", {{A, B}, {B, C}, {C, D}}, RULESET_ADDED, NULL},
	{"two", {{A, B}, {B, A}}, -ELOOP, "relays in a circle: " B " -> " A " -> " B},
	{"three",
	 {{A, B}, {B, C}, {C, A}},
	 -ELOOP,
	 "relays in a circle: " C " -> " A " -> " B " -> " C},
	{"four, added in the middle",
	 {{D, A}, {A, B}, {C, D}, {B, C}},
	 -ELOOP,
	 "relays in a circle: " B " -> " C " -> " D " -> " A " -> " B},
	{"the shorter of two",
	 {{A, B}, {B, C}, {C, D}, {D, A, C}},
	 -ELOOP,
	 "relays in a circle: " D " -> " C " -> " D},
	{"diamond", {{B, D}, {C, D}, {D, OUT_A}, {A, B, C}}, RULESET_ADDED, NULL},
	{"other port", {{A, B}, {B, "lo 239.0.0.1:5001"}}, RULESET_ADDED, NULL},
	{"other interface", {{A, B}, {B, "eth5 239.0.0.1:5000"}}, RULESET_ADDED, NULL},
	{"other group", {{A, B}, {B, "lo 239.0.0.9:5000"}}, RULESET_ADDED, NULL},
};

static void loops_are_refused(void **state)
{
	for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
		struct ruleset *s = ruleset_new();
		struct complaint c = {0};
		int ret = -1;

		for (int k = 0; k < 4 && loops[i].rules[k][0]; k++) {
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
	struct complaint c = {0};
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
	struct rule r;

	add(s, rule("", "", A, C, NULL), false, NULL); /* same target, leads nowhere */
	r = rule("", "", A, B, NULL);
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
	/* The replaced rule does not count: turned round, the set has no circle. */
	assert_int_equal(add(s, rule("a", "", C, D, NULL), true, NULL), RULESET_REPLACED);
	assert_int_equal(add(s, rule("b", "", B, A, NULL), true, NULL), RULESET_REPLACED);
	/* The replaced rule's own old input is no hop either. */
	assert_int_equal(add(s, rule("b", "", A, B, NULL), true, NULL), RULESET_REPLACED);
	ruleset_free(s);
}

static void long_circle_is_cut_short(void **state)
{
	struct ruleset *s = ruleset_new();
	struct complaint c = {0};
	struct rule r;
	char in[40], out[40];

	for (unsigned i = 0; i < 20; i++) {
		snprintf(in, sizeof(in), "lo 239.7.0.%u:5000", i);
		snprintf(out, sizeof(out), "lo 239.7.0.%u:5000", i + 1);
		assert_int_equal(add(s, rule("", "", in, out, NULL), false, NULL), RULESET_ADDED);
	}
	r = rule("", "", out, "lo 239.7.0.0:5000", NULL);
	assert_int_equal(ruleset_add(s, &r, false, NULL, &c), -ELOOP);
	assert_non_null(strstr(c.reason, "lo 239.7.0.20:5000 -> lo 239.7.0.0:5000 -> "));
	assert_non_null(strstr(c.reason, " more) -> lo 239.7.0.20:5000"));
	assert_int_equal(strcmp(strrchr(c.reason, '>'), "> lo 239.7.0.20:5000"), 0);
	ruleset_free(s);
}

/* Frames that leave by the first interface arrive at the second; own addresses. */
static const struct wiring_path paths[] = {
	{"lo", "lo"}, {"v0", "v1"},  {"m1", "m2"}, {"v1", "v0"},
	{"m2", "m1"}, {"p0", "br0"}, {"p0", "p1"},
};
static const struct wiring_home homes[] = {
	{"eth1", {ADDR_IPV4, {10, 0, 1, 1}}},
	{"eth0", {ADDR_IPV4, {10, 0, 0, 1}}},
};

/* As in the table above: of the rules of each row the last one is judged. */
static const struct {
	const char *what;
	const char *rules[3][3];
	bool circle;
} wired[] = {
	{"a stream out and in again by one interface",
	 {{"eth0 239.1.1.1:1", "eth0 239.1.1.2:1"}, {"eth0 239.1.1.2:1", "eth0 239.1.1.1:1"}},
	 false},
	{"both directions of one group",
	 {{"eth0 239.1.1.1:1", "eth1 239.1.1.1:1"}, {"eth1 239.1.1.1:1", "eth0 239.1.1.1:1"}},
	 false},
	{"both ends of a veth pair", {{"v0 239.1.1.1:1", "v1 239.1.1.1:1"}}, true},
	{"both ends, another group", {{"v0 239.1.1.1:1", "v1 239.1.1.2:1"}}, false},
	{"back through a third interface",
	 {{"eth0 239.1.1.1:1", "v0 239.1.1.1:1"},
	  {"v1 239.1.1.1:1", "v1 239.1.1.3:1"},
	  {"v0 239.1.1.3:1", "v0 239.1.1.1:1", "eth0 239.1.1.1:1"}},
	 true},
	{"siblings of a macvlan device", {{"m2 239.1.1.1:1", "m1 239.1.1.1:1"}}, true},
	{"the second of two ways", {{"p1 239.1.1.1:1", "p0 239.1.1.1:1"}}, true},
	{"a way in one direction", {{"p0 239.1.1.1:1", "p1 239.1.1.1:1"}}, false},
	{"an own address of the output's interface",
	 {{"eth0 239.1.1.1:1", "eth1 10.0.1.1:1"}, {"lo 10.0.1.1:1", "eth1 10.0.1.1:1"}},
	 true},
	{"an own address of another interface",
	 {{"eth0 239.1.1.1:1", "eth0 10.0.1.1:1"}, {"lo 10.0.1.1:1", "eth0 10.0.1.1:1"}},
	 false},
	{"the loopback device",
	 {{"lo 239.1.1.1:1", "lo 239.1.1.2:1"}, {"lo 239.1.1.2:1", "lo 239.1.1.1:1"}},
	 true},
};

static void judge_wired(size_t i, bool put)
{
	struct wiring_path some[sizeof(paths) / sizeof(paths[0])];
	struct wiring_home own[sizeof(homes) / sizeof(homes[0])];
	struct wiring w = {"lo", some, sizeof(paths) / sizeof(paths[0]), own,
			   sizeof(homes) / sizeof(homes[0])};
	const struct ruleset_entry *newest;
	struct ruleset *s = ruleset_new();
	struct complaint c = {0};
	int ret = 0;

	memcpy(some, paths, sizeof(paths));
	memcpy(own, homes, sizeof(homes));
	wiring_sort(&w);
	ruleset_set_wiring(s, &w);
	for (int k = 0; k < 3 && wired[i].rules[k][0]; k++) {
		struct rule r = rule("", "", wired[i].rules[k][0], wired[i].rules[k][1],
				     wired[i].rules[k][2]);

		if (ret < 0)
			fail_msg("%s: too early: %s", wired[i].what, c.reason);
		ret = (put ? ruleset_put : ruleset_add)(s, &r, false, NULL, &c);
	}
	if (put)
		ret = ruleset_check_circles(s, &newest, &c);
	if (ret != (wired[i].circle ? -ELOOP : put ? 0 : RULESET_ADDED))
		fail_msg("%s: %d %s", wired[i].what, ret, c.reason);
	if (put && ret < 0 && newest != ruleset_at(s, ruleset_count(s) - 1))
		fail_msg("%s: not the newest", wired[i].what);
	ruleset_free(s);
}

static void circles_are_what_comes_back(void **state)
{
	for (size_t i = 0; i < sizeof(wired) / sizeof(wired[0]); i++) {
		judge_wired(i, false);
		judge_wired(i, true);
	}
}

static void mark(void *ctx, const struct ruleset_entry *e)
{
	strcat(strcat(ctx, e->rule.id), " ");
}

/* Without the rules that are named no circle is left, and no more are named than needed. */
static void all_circles_are_found(void **state)
{
	struct ruleset *s = ruleset_new();
	struct complaint c = {0};
	char ids[4 * MCR_ID_MAX] = "";
	struct rule r;

	r = rule("a", "", A, B, NULL);
	ruleset_put(s, &r, false, NULL, &c);
	r = rule("b", "", B, C, A);
	ruleset_put(s, &r, false, NULL, &c);
	r = rule("c", "", C, D, A);
	ruleset_put(s, &r, false, NULL, &c);
	r = rule("d", "", D, OUT_A, NULL);
	ruleset_put(s, &r, false, NULL, &c);
	assert_int_equal(ruleset_circles(s, mark, ids), 2);
	assert_string_equal(ids, "c b ");
	assert_int_equal(ruleset_remove(s, "b"), 0);
	ids[0] = '\0';
	assert_int_equal(ruleset_circles(s, mark, ids), 0);
	ruleset_free(s);
}

/*
 * A chain whose tail was added first: a walk from each rule would look at all that were
 * added before it, 67 million steps.  The limit in CPU time is a hundred times what one
 * walk over all takes.
 */
static void many_rules_are_checked_at_once(void **state)
{
	struct ruleset *s = ruleset_new();
	const struct ruleset_entry *newest;
	struct complaint c = {0};
	char in[40], out[40];
	struct rule r;
	clock_t start;

	for (unsigned i = MCR_MAX_RULES - 1; i-- > 0;) {
		snprintf(in, sizeof(in), "lo 239.7.%u.%u:5000", i >> 8, i & 0xff);
		snprintf(out, sizeof(out), "lo 239.7.%u.%u:5000", (i + 1) >> 8, (i + 1) & 0xff);
		r = rule("", "", in, out, NULL);
		assert_int_equal(ruleset_put(s, &r, false, NULL, &c), RULESET_ADDED);
	}
	start = clock();
	assert_int_equal(ruleset_check_circles(s, &newest, &c), 0);
	assert_true(clock() - start < CLOCKS_PER_SEC);
	r = rule("last", "", "lo 239.7.63.255:5000", "lo 239.7.0.0:5000", NULL);
	assert_int_equal(ruleset_put(s, &r, false, NULL, &c), RULESET_ADDED);
	assert_int_equal(ruleset_check_circles(s, &newest, &c), -ELOOP);
	assert_string_equal(newest->rule.id, "last");
	ruleset_free(s);
}

/* A rule that is disabled closes no circle until it is enabled. */
static void disabled_rules_close_no_circle(void **state)
{
	struct ruleset *s = ruleset_new();
	const struct ruleset_entry *newest;
	char ids[32] = "";
	struct rule back;

	add(s, rule("a", "", A, B, NULL), false, NULL);
	back = rule("b", "", B, A, NULL);
	back.disabled = true;
	assert_int_equal(add(s, back, false, NULL), RULESET_ADDED);
	assert_int_equal(ruleset_circles(s, mark, ids), 0);
	assert_int_equal(ruleset_check_circles(s, &newest, NULL), 0);
	back = rule("b", "", B, A, NULL);
	assert_int_equal(add(s, back, true, NULL), -ELOOP);
	assert_true(ruleset_find_id(s, "b")->rule.disabled);
	ruleset_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loops_are_refused),
		cmocka_unit_test(loop_names_the_output),
		cmocka_unit_test(loop_through_a_source_specific_rule),
		cmocka_unit_test(replacing_breaks_and_makes_loops),
		cmocka_unit_test(long_circle_is_cut_short),
		cmocka_unit_test(disabled_rules_close_no_circle),
		cmocka_unit_test(circles_are_what_comes_back),
		cmocka_unit_test(all_circles_are_found),
		cmocka_unit_test(many_rules_are_checked_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
