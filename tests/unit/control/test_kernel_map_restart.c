// SPDX-License-Identifier: MIT
/*
 * test_kernel_map_restart.c - maps that another control or program has left
 *
 * Links: daemon/control/kernel_map.c daemon/control/kernel_check.c daemon/control/kernel_entry.c
 * Links: daemon/control/kernel_rest.c daemon/control/kernel_chain.c
 * Links: daemon/control/kernel_counters.c core/rules/kernel_path.c core/rules/rule.c
 * Links: core/base/addr.c core/base/complaint.c core/base/counters.c core/base/decimal.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/base/counters.h"
#include "daemon/control/kernel_check.h"
#include "daemon/control/kernel_counters.h"
#include "daemon/control/kernel_map.h"
#include "daemon/control/kernel_rest.h"
#include "daemon/priv/bpf_map.h"
#include "tests/unit/control/kernel_map_fixture.h"

/* --- a fresh control --- */

static void test_restart(void **state)
{
	struct fixture *f = *state;
	struct made a = make(0, 1, 0, 1), b = make(1, 2, 0, 1);

	assert_int_equal(set(f, a, NOW), 0);
	assert_int_equal(set(f, b, NOW), 0);
	count(f, ref_of(1, 0), 5);
	count(f, ref_of(2, 0), 6);
	assert_int_equal(set_user(f, b, NOW), 0);
	kernel_map_free(f->m);
	forget_commands();
	start(f, true, NOW);
	kernel_map_begin(f->m);
	assert_int_equal(set(f, a, NOW), 0);
	assert_int_equal(set_user(f, b, NOW), 0);
	assert_int_equal(kernel_map_end(f->m, NOW), 0);
	assert_string_equal(kernel.log, "");
	assert_counted(f, &a, 5);
	assert_counted(f, &b, 6);
}

/* The next daemon numbers slots anew: a rule that is the same goes on counting all the same. */
static void test_next_daemon(void **state)
{
	struct fixture *f = *state;
	struct made a = make(0, 1, 0, 1), b = make(1, 2, 0, 1), c = make(2, 3, 0, 1), d;

	assert_int_equal(set(f, a, NOW), 0);
	assert_int_equal(set(f, b, NOW), 0);
	assert_int_equal(set(f, c, NOW), 0);
	for (uint32_t group = 1; group <= 3; group++)
		count(f, ref_of(group, 0), 10 * group);
	kernel_map_free(f->m);
	start(f, false, NOW);
	assert_false(kernel_map_is_empty(f->m));
	kernel_map_begin(f->m);
	/* b is in a's slot, a in b's with another MAC address, c has another output, d is new. */
	b = make(0, 2, 0, 1);
	a = make(1, 1, 0, 1);
	a.out[0].mac[3] = 1;
	c.out[0].port = 66;
	d = make(3, 4, 0, 1);
	b.r.incarnation = b.incarnation[0] = 1001;
	a.r.incarnation = a.incarnation[0] = 1002;
	c.r.incarnation = c.incarnation[0] = 1003;
	d.r.incarnation = d.incarnation[0] = 1004;
	assert_int_equal(set(f, b, NOW), 0);
	assert_int_equal(set(f, a, NOW), 0);
	assert_int_equal(set(f, c, NOW), 0);
	assert_int_equal(set(f, d, NOW), 0);
	assert_int_equal(kernel_map_end(f->m, NOW), 0);
	count(f, ref_of(2, 0), 1);
	assert_counted(f, &b, 21);
	assert_counted(f, &a, 10);
	assert_counted(f, &c, 0);
	assert_counted(f, &d, 0);
}

static void test_left_over(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(set(f, make(0, 1, 11, 1), NOW), 0);
	assert_int_equal(set(f, make(1, 2, 0, 1), NOW), 0);
	kernel_map_free(f->m);
	start(f, false, NOW);
	forget_commands();
	kernel_map_begin(f->m);
	assert_int_equal(kernel_map_end(f->m, NOW), 0);
	assert_int_equal(kernel.n, 0);
	assert_non_null(strstr(kernel.log, "remove:0 remove:11"));
}

/* --- damage --- */

/* Calls as often as the loop does, until rules are to be set again. */
static int check_for(struct fixture *f, uint64_t *now_ns, uint64_t ns, unsigned *changes)
{
	int again = 0;

	for (const uint64_t end = *now_ns + ns; *now_ns < end && !again; *now_ns += TICK) {
		bool changed;
		const int ret = kernel_map_check(f->m, *now_ns, &changed);

		assert_true(ret >= 0);
		again += ret;
		*changes += changed;
	}
	return again;
}

static void damage(struct fixture *f, unsigned kind, uint32_t slot)
{
	const struct kernel_path_key key = {.ifindex = IF, .group = 1 + slot, .port = 5};
	struct kernel_path_key foreign = key;
	struct element *e = find(&key);

	assert_non_null(e);
	foreign.group = 77777;
	if (kind == 0)
		e->ref++;
	else if (kind == 1)
		*e = kernel.at[--kernel.n];
	else if (kind == 2)
		kernel.at[kernel.n++] = (struct element){foreign, e->ref};
	else
		f->blocks[(uint32_t)e->ref].output[2].port = 99;
}

static void test_damage(void **state)
{
	struct fixture *f = full(state);
	uint64_t now = NOW;

	for (unsigned kind = 0; kind < 4; kind++) {
		const uint32_t slot = 500 + kind;
		unsigned changes = 0;

		assert_int_equal(check_for(f, &now, 3 * NS_PER_S, &changes), 0);
		assert_int_equal(changes, 0);
		damage(f, kind, slot);
		assert_int_equal(check_for(f, &now, 17 * TICK, &changes), 1);
		assert_int_equal(changes, 1);
		forget_commands();
		assert_int_equal(set(f, make(slot, 1 + slot, 0, 4), now), 0);
		assert_int_equal(kernel.commands, kind == 2 ? 0 : 1);
		assert_int_equal(block_of(f, ref_of(1 + slot, 0))->output[2].port, 6);
		assert_int_equal(ref_of(77777, 0), 0);
	}
}

static void test_much_damage_is_one(void **state)
{
	struct fixture *f = full(state);
	unsigned changes = 0;
	uint64_t now = NOW;

	assert_int_equal(check_for(f, &now, 2 * TICK, &changes), 0);
	for (uint32_t i = 0; i < kernel.n; i += 100)
		kernel.at[i].ref++;
	kernel.n -= 500;
	forget_commands();
	assert_int_equal(check_for(f, &now, TICK, &changes), 1);
	kernel_map_begin(f->m);
	for (uint32_t i = 0; i < KERNEL_PATH_RULES; i++)
		assert_int_equal(set(f, make(i, 1 + i, 0, 4), now), 0);
	assert_int_equal(kernel_map_end(f->m, now), 0);
	assert_int_equal(check_for(f, &now, 3 * NS_PER_S, &changes), 0);
	assert_int_equal(changes, 1);
	assert_int_equal(kernel.n, KERNEL_PATH_RULES);
}

static void test_full_map(void **state)
{
	struct fixture *f = *state;
	unsigned changes = 0;
	uint64_t now = NOW;

	assert_int_equal(set(f, make(0, 1, 0, 1), NOW), 0);
	assert_int_equal(set(f, make(2, 1, 13, 1), NOW), 0);
	/* A source of the workers that cannot be kept from the rule for any: workers have all. */
	kernel.fail_puts = 1;
	assert_int_equal(set_user(f, make(1, 1, 12, 1), NOW), -E2BIG);
	assert_int_equal(ref_of(1, 0), 0);
	assert_false(kernel_map_relays(f->m, 0));
	assert_false(kernel_map_summary(f->m).as_written);
	assert_int_equal(check_for(f, &now, TICK, &changes), 1);
	assert_int_equal(changes, 0);
	assert_int_equal(set_user(f, make(1, 1, 12, 1), now), 0);
	assert_true(kernel_map_relays(f->m, 0));
	assert_int_equal(ref_of(1, 12), KERNEL_PATH_REF_USER);
	assert_true(kernel_map_summary(f->m).as_written);
}

/* The same rules give the same hash, and each difference another one. */
static void test_hash(void **state)
{
	struct fixture *f = *state;
	struct made t = make(0, 1, 0, 1);
	uint64_t one, two;

	assert_int_equal(kernel_map_summary(f->m).hash, 0);
	assert_int_equal(set(f, t, NOW), 0);
	one = kernel_map_summary(f->m).hash;
	assert_int_not_equal(one, 0);
	assert_int_equal(set(f, make(1, 2, 0, 1), NOW), 0);
	two = kernel_map_summary(f->m).hash;
	assert_int_not_equal(one, two);
	assert_int_equal(kernel_map_clear(f->m, 1, NOW), 0);
	assert_int_equal(kernel_map_summary(f->m).hash, one);
	t.out[0].ttl = 9;
	assert_int_equal(set(f, t, NOW), 0);
	assert_int_not_equal(kernel_map_summary(f->m).hash, one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_restart), TEST(test_next_daemon),        TEST(test_left_over),
		TEST(test_damage),  TEST(test_much_damage_is_one), TEST(test_full_map),
		TEST(test_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
