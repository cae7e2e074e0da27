// SPDX-License-Identifier: MIT
/*
 * test_match_change.c - a table that takes changes is the one that the whole set makes
 *
 * Links: core/relay/match.c core/relay/match_build.c core/relay/limiter.c
 * Links: core/rules/snapshot.c core/rules/snapshot_parse.c core/base/addr.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core/table_fixture.h"

#define GROUP  0xef010101u
#define SOURCE 0x0a000001u
#define SLOTS  400
#define STEPS  600
#define BASE   5

static const struct table_output outs[] = {
	{.iface = 1, .group = 0xef020202, .port = 6000},
	{.iface = 2, .group = 0xef020202, .port = 6001, .ttl = 7},
	{.iface = 3, .group = SOURCE, .port = 6002, .dscp = 9},
};

/* A set of rules by slot, and which slots differ from the base. */
struct set {
	struct table_rule rules[SLOTS];
	bool there[SLOTS], changed[SLOTS];
	uint64_t incarnation;
	struct worker_page *page;
	struct match_table *table;
};

static uint32_t draw_state = 1;

static uint32_t draw(uint32_t n)
{
	draw_state = draw_state * 1664525u + 1013904223u;
	return (draw_state >> 8) % n;
}

/* Keys differ in every slot; groups, ports and sources are shared by many. */
static struct table_rule a_rule(uint32_t slot, uint64_t incarnation)
{
	return (struct table_rule){
		.iface = slot % 2  ? 1
			 : draw(8) ? 0
				   : MCR_NO_SLOT,
		.group = GROUP + slot / 8 % 10,
		.source = slot % 4 < 2 ? 0 : SOURCE + slot % 3,
		.port = (uint16_t)(5000 + slot),
		.incarnation = incarnation,
		.worker_mask = draw(6) ? 1 : 2,
		.pps = draw(2),
		.n_outputs = 1 + draw(3),
		.outputs = outs,
	};
}

static void set_rule(struct set *s, uint32_t slot, bool there)
{
	s->changed[slot] = true;
	s->there[slot] = there;
	if (there)
		s->rules[slot] = a_rule(slot, ++s->incarnation);
}

static bool whole(const struct set *s, struct table_snapshot *snap, uint64_t generation)
{
	uint32_t slots[SLOTS], n = 0;

	for (uint32_t i = 0; i < SLOTS; i++)
		if (s->there[i])
			slots[n++] = i;
	return table_changes_init(snap, s->rules, slots, n, NULL, 0, 0, generation);
}

static bool changes(const struct set *s, struct table_snapshot *snap, uint64_t generation)
{
	uint32_t slots[SLOTS], removed[SLOTS], n = 0, n_removed = 0;

	for (uint32_t i = 0; i < SLOTS; i++) {
		if (s->changed[i] && s->there[i])
			slots[n++] = i;
		/* A rule may have taken the slot of one that went. */
		if (s->changed[i] && (!s->there[i] || draw(3) == 0))
			removed[n_removed++] = i;
	}
	return table_changes_init(snap, s->rules, slots, n, removed, n_removed, BASE, generation);
}

static int set_up(void **state)
{
	struct set *s = calloc(1, sizeof(*s));
	struct table_snapshot snap;

	s->page = calloc(1, sizeof(*s->page));
	for (uint32_t i = 0; i < SLOTS; i += 2)
		set_rule(s, i, true);
	memset(s->changed, 0, sizeof(s->changed));
	assert_true(whole(s, &snap, BASE));
	s->table = match_build(&snap.view, 0, s->page, &table_limits, NULL);
	table_snapshot_fini(&snap);
	*state = s;
	return s->table ? 0 : -1;
}

static int tear_down(void **state)
{
	struct set *s = *state;

	match_free(s->table);
	free(s->page);
	free(s);
	return 0;
}

static uint64_t incarnation_of(const struct match_rule *r)
{
	return r ? r->rec.incarnation : 0;
}

static void compare_rule(const struct set *s, const struct match_table *want, uint32_t slot)
{
	const struct table_rule *r = &s->rules[slot];
	const uint64_t is = incarnation_of(table_find(s->table, r));

	if (is != incarnation_of(table_find(want, r)))
		fail_msg("slot %u: incarnation %lu", slot, is);
	/* Any rule of the group will do, as long as it is one. */
	assert_int_equal(
		!match_lookup_fragment(s->table, r->iface, htonl(r->source), htonl(r->group), 0),
		!match_lookup_fragment(want, r->iface, htonl(r->source), htonl(r->group), 0));
}

/* Against a table that is built of the whole set. */
static void compare(struct set *s, uint64_t generation)
{
	struct worker_page *page = calloc(1, sizeof(*page));
	struct table_snapshot snap;
	struct match_table *want;

	assert_true(whole(s, &snap, generation));
	want = match_build(&snap.view, 0, page, &table_limits, NULL);
	assert_int_equal(match_generation(s->table), generation);
	assert_int_equal(match_rules(s->table), match_rules(want));
	assert_int_equal(match_hash(s->table), snapshot_hash_worker(&snap.view, 0));
	for (uint32_t i = 0; i < SLOTS; i++)
		compare_rule(s, want, i);
	match_free(want);
	table_snapshot_fini(&snap);
	free(page);
}

static void change(struct set *s, uint64_t generation)
{
	struct table_snapshot snap;

	assert_true(changes(s, &snap, generation));
	assert_int_equal(match_change(s->table, &snap.view, 0, s->page), 0);
	table_snapshot_fini(&snap);
}

static void random_changes(void **state)
{
	struct set *s = *state;

	for (uint64_t step = 1; step <= STEPS; step++) {
		for (uint32_t n = draw(4); n; n--) {
			const uint32_t slot = draw(SLOTS);

			set_rule(s, slot, !s->there[slot] || draw(3));
		}
		/* Some changes are never seen: later ones contain them. */
		if (draw(4) == 0)
			continue;
		change(s, BASE + step);
		compare(s, BASE + step);
		match_hash_step(s->table, draw(50));
		compare(s, BASE + step);
	}
	while (!match_hash_step(s->table, 1))
		;
	for (uint32_t i = 0; i < SLOTS; i++)
		if (s->there[i])
			set_rule(s, i, false);
	change(s, BASE + STEPS + 1);
	compare(s, BASE + STEPS + 1);
	assert_int_equal(match_rules(s->table), 0);
	assert_int_equal(match_hash(s->table), 0);
}

static void another_base_changes_nothing(void **state)
{
	struct set *s = *state;
	struct table_snapshot snap;

	set_rule(s, 1, true);
	assert_true(table_changes_init(&snap, s->rules, (uint32_t[]){1}, 1, NULL, 0, BASE + 1,
				       BASE + 2));
	assert_int_equal(match_change(s->table, &snap.view, 0, s->page), -ESTALE);
	snap.view.base = 0;
	assert_int_equal(match_change(s->table, &snap.view, 0, s->page), -ESTALE);
	table_snapshot_fini(&snap);
	set_rule(s, 1, false);
	compare(s, BASE);
}

/* Rules that are the same are not touched: their counters and what the guard knows stay. */
static void equal_rules_are_not_touched(void **state)
{
	struct set *s = *state;
	struct match_rule *r;

	set_rule(s, 1, true);
	s->rules[1].worker_mask = 1;
	change(s, BASE + 1);
	r = table_find(s->table, &s->rules[1]);
	r->guard.rate = 77;
	r->counters->matched = 5;
	set_rule(s, 3, true);
	change(s, BASE + 2);
	assert_ptr_equal(table_find(s->table, &s->rules[1]), r);
	assert_int_equal(r->guard.rate, 77);
	s->rules[1].priority = 1; /* the same rule, other outputs or state */
	change(s, BASE + 3);
	r = table_find(s->table, &s->rules[1]);
	assert_int_equal(r->rec.priority, 1);
	assert_int_equal(r->guard.rate, 77);
	assert_int_equal(r->counters->matched, 5);
	set_rule(s, 1, true); /* another one */
	s->rules[1].worker_mask = 1;
	change(s, BASE + 4);
	r = table_find(s->table, &s->rules[1]);
	assert_int_equal(r->guard.rate, 0);
	assert_int_equal(r->counters->matched, 0);
}

/* A worker that starts gets the whole set and its changes, and keeps the counters of its
 * predecessor. */
static void build_with_changes(void **state)
{
	struct set *s = *state;
	struct table_snapshot base, changed;
	struct match_table *first = s->table;

	assert_true(whole(s, &base, BASE));
	for (uint32_t i = 0; i < 50; i++)
		set_rule(s, i, i % 3);
	s->rules[4].worker_mask = 1;
	s->rules[4].iface = 0;
	change(s, BASE + 1);
	table_find(s->table, &s->rules[4])->counters->matched = 9;
	assert_true(changes(s, &changed, BASE + 1));
	s->table = match_build_changed(&base.view, &changed.view, 0, s->page, &table_limits, NULL);
	assert_non_null(s->table);
	compare(s, BASE + 1);
	assert_int_equal(table_find(s->table, &s->rules[4])->counters->matched, 9);
	set_rule(s, 51, true);
	change(s, BASE + 2);
	compare(s, BASE + 2);
	match_free(first);
	table_snapshot_fini(&base);
	table_snapshot_fini(&changed);
}

/* The rule of two with one input that is found goes: the other one takes its place. */
static void same_input_twice(void **state)
{
	struct set *s = *state;

	s->rules[1] = s->rules[3] = a_rule(1, 900);
	s->rules[1].worker_mask = s->rules[3].worker_mask = 1;
	s->rules[3].incarnation = 901;
	s->there[1] = s->there[3] = s->changed[1] = s->changed[3] = true;
	change(s, BASE + 1);
	assert_int_equal(table_find(s->table, &s->rules[1])->rec.incarnation, 900);
	s->there[1] = false;
	change(s, BASE + 2);
	assert_int_equal(table_find(s->table, &s->rules[1])->rec.incarnation, 901);
	s->there[3] = false;
	change(s, BASE + 3);
	assert_null(table_find(s->table, &s->rules[1]));
}

/* A damaged record does not mislead what takes the rule out. */
static void damaged_rule_is_removed(void **state)
{
	struct set *s = *state;

	for (uint32_t i = 1; i < SLOTS; i += 2) {
		struct match_rule *r;

		set_rule(s, i, true);
		s->rules[i].worker_mask = 1;
		change(s, BASE + 2 * i);
		r = table_find(s->table, &s->rules[i]);
		memset(&r->rec, (int)i, sizeof(r->rec));
		set_rule(s, i, false);
		change(s, BASE + 2 * i + 1);
		compare(s, BASE + 2 * i + 1);
	}
}

#define TABLE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TABLE_TEST(random_changes),
		TABLE_TEST(another_base_changes_nothing),
		TABLE_TEST(equal_rules_are_not_touched),
		TABLE_TEST(build_with_changes),
		TABLE_TEST(same_input_twice),
		TABLE_TEST(damaged_rule_is_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
