// SPDX-License-Identifier: MIT
/*
 * test_kernel_watch.c - which rules are watched, and which of them go to the workers
 *
 * The maps are played: the test says what rules have matched and what a watch has noted.
 *
 * Links: daemon/control/kernel_watch.c
 * Links: core/rules/ruleset.c core/rules/ruleset_index.c core/rules/ruleset_ifaces.c
 * Links: core/rules/ruleset_cycle.c core/rules/wiring.c core/rules/slot_pool.c core/rules/rule.c
 * Links: core/base/addr.c core/base/complaint.c core/base/decimal.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/base/complaint.h"
#include "core/base/counters.h"
#include "core/rules/ruleset.h"
#include "daemon/control/kernel_counters.h"
#include "daemon/control/kernel_map.h"
#include "daemon/control/kernel_path.h"
#include "daemon/control/kernel_watch.h"
#include "daemon/control/state.h"

#define RULES 40
#define TICK  (100 * NS_PER_MS)

static struct control control;
static uint64_t matched[RULES]; /* by slot */
static bool repeating[RULES];   /* its payloads come again */
static uint32_t watched[KERNEL_PATH_WATCHES];
static unsigned begun, set_again;
static uint64_t now;

void log_limited(struct log_limit *l, uint64_t now_ns, enum log_severity s, enum log_facility f,
		 const char *fmt, ...)
{
}

void kernel_map_count_rule(const struct kernel_map *m, uint32_t slot, uint64_t incarnation,
			   uint64_t *n, uint64_t *bytes)
{
	*n += matched[slot];
}

void kernel_map_count_all(const struct kernel_map *m, struct ingress_counters *in,
			  struct egress_counters *out)
{
	for (unsigned i = 0; i < RULES; i++)
		in->matched += matched[i];
}

bool kernel_map_relays(const struct kernel_map *m, uint32_t slot)
{
	for (size_t i = 0; i < ruleset_count(control.rules); i++)
		if (ruleset_at(control.rules, i)->slot == slot)
			return !control_kernel_watch_suspects(&control,
							      ruleset_at(control.rules, i));
	return false;
}

void kernel_map_watch_begin(struct kernel_map *m, uint32_t number)
{
	begun++;
}

/* Five payloads were noted; one that is new is no contradiction. */
struct kernel_path_record kernel_map_watched(const struct kernel_map *m, uint32_t number,
					     unsigned place)
{
	const bool again = repeating[watched[number]];

	return (struct kernel_path_record){.a = place < 5, .b = place < 5 && again ? 20 : 0};
}

/* As the program would have it from the block. */
void control_kernel_path_update_slots(struct control *c, const uint32_t *slots, unsigned n,
				      uint64_t now_ns)
{
	set_again += n;
	for (size_t i = 0; i < ruleset_count(c->rules); i++) {
		const struct ruleset_entry *e = ruleset_at(c->rules, i);
		const uint32_t of = control_kernel_watch_of(c, e);

		if (of)
			watched[of - 1] = e->slot;
	}
}

static const struct ruleset_entry *rule_at(unsigned i)
{
	return ruleset_at(control.rules, i);
}

static int setup(void **state)
{
	memset(&control, 0, sizeof(control));
	memset(matched, 0, sizeof(matched));
	memset(repeating, 0, sizeof(repeating));
	begun = set_again = 0;
	now = 1000 * NS_PER_S;
	control.rules = ruleset_new();
	control.kernel_path.map = (struct kernel_map *)&control; /* never read here */
	for (uint16_t i = 0; i < RULES; i++) {
		struct rule_output o = {.interface = "out", .port = 6000};
		struct rule r = {.n_outputs = 1,
				 .outputs = &o,
				 .input = {.interface = "in", .port = (uint16_t)(1000 + i)},
				 .priority = RULE_PRIORITY_NORMAL};
		struct complaint cpl = {0};

		addr_parse("239.1.1.1", &r.input.group);
		addr_parse("239.2.2.2", &o.group);
		assert_int_equal(ruleset_add(control.rules, &r, false, NULL, &cpl), RULESET_ADDED);
	}
	return 0;
}

static int teardown(void **state)
{
	ruleset_free(control.rules);
	return 0;
}

/* So many datagrams a second for the first @n rules, the others have none. */
static void pass(uint64_t ns, unsigned n, uint64_t rate)
{
	for (const uint64_t end = now + ns; now < end; now += TICK) {
		for (unsigned i = 0; i < n; i++)
			if (kernel_map_relays(NULL, rule_at(i)->slot))
				matched[rule_at(i)->slot] += rate / 10;
		control_kernel_watch_tick(&control, now, control_kernel_path_update_slots);
	}
}

static void quiet_rules_are_not_watched(void **state)
{
	pass(5 * NS_PER_S, RULES, 20);
	assert_int_equal(begun, 0);
	pass(5 * NS_PER_S, 1, 900);
	assert_int_equal(begun, 0);
	assert_int_equal(set_again, 0);
}

/* An honest stream is watched now and then, and stays in the kernel. */
static void a_busy_rule_stays(void **state)
{
	for (unsigned s = 0; s < 60; s++) {
		pass(NS_PER_S, 1, 50000);
		assert_false(control_kernel_watch_suspects(&control, rule_at(0)));
	}
	assert_in_range(begun, 5, 8);
	assert_int_equal(set_again, 2 * begun); /* with the watch, and without it */
}

static void all_busy_rules_have_their_turn(void **state)
{
	repeating[rule_at(RULES - 1)->slot] = true;
	pass(4 * NS_PER_S, RULES, 2000);
	assert_true(begun >= RULES);
	assert_true(control_kernel_watch_suspects(&control, rule_at(RULES - 1)));
	assert_false(control_kernel_watch_suspects(&control, rule_at(0)));
}

/* A sender that repeats itself: looked at once, then left alone for a minute, then for two. */
static void no_storm(void **state)
{
	repeating[rule_at(0)->slot] = true;
	pass(2 * NS_PER_S, 1, 50000);
	assert_true(control_kernel_watch_suspects(&control, rule_at(0)));
	pass(5 * NS_PER_S, 1, 50000);
	assert_false(control_kernel_watch_suspects(&control, rule_at(0)));
	begun = 0;
	pass(55 * NS_PER_S, 1, 50000);
	assert_int_equal(begun, 0);
	pass(15 * NS_PER_S, 1, 50000);
	assert_int_equal(begun, 1);
	pass(100 * NS_PER_S, 1, 50000);
	assert_int_equal(begun, 1);
}

/* With the workers as long as their guard holds it, then watched again soon. */
static void a_storm(void **state)
{
	repeating[rule_at(0)->slot] = true;
	pass(2 * NS_PER_S, 1, 50000);
	control_kernel_watch_held(&control, rule_at(0), now + 20 * NS_PER_S);
	pass(25 * NS_PER_S, 1, 50000);
	assert_true(control_kernel_watch_suspects(&control, rule_at(0)));
	begun = 0;
	pass(7 * NS_PER_S, 1, 50000);
	assert_int_equal(begun, 1);
	assert_true(control_kernel_watch_suspects(&control, rule_at(0)));
}

/* The guard finds a storm that nobody has suspected: a divided rule. */
static void held_without_suspicion(void **state)
{
	control_kernel_watch_held(&control, rule_at(3), now + NS_PER_S);
	assert_true(control_kernel_watch_suspects(&control, rule_at(3)));
	pass(TICK, 0, 0);
	assert_int_equal(set_again, 1);
	pass(12 * NS_PER_S, 0, 0);
	assert_false(control_kernel_watch_suspects(&control, rule_at(3)));
	assert_int_equal(set_again, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(quiet_rules_are_not_watched),
		TEST(a_busy_rule_stays),
		TEST(all_busy_rules_have_their_turn),
		TEST(no_storm),
		TEST(a_storm),
		TEST(held_without_suspicion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
