// SPDX-License-Identifier: MIT
/*
 * test_kernel_map.c - rules in the maps of the kernel path, one by one and all
 *
 * The kernel's map of references is a table here (bpf_map.h has a stand-in), in which each
 * command is written down; blocks and counters are memory files.
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

#include <cmocka.h>

#include <sys/mman.h>

#include "core/base/clock.h"
#include "core/base/counters.h"
#include "daemon/control/kernel_check.h"
#include "daemon/control/kernel_counters.h"
#include "daemon/control/kernel_map.h"
#include "daemon/control/kernel_rest.h"
#include "daemon/priv/bpf_map.h"
#include "tests/unit/control/kernel_map_fixture.h"

/* --- one rule --- */

static void test_rule(void **state)
{
	struct fixture *f = *state;
	const struct kernel_path_block *b;
	uint64_t ref;

	assert_int_equal(set(f, make(3, 1, 0, 7), NOW), 0);
	ref = ref_of(1, 0);
	b = block_of(f, ref);
	assert_int_equal(b->n_outputs, 7);
	assert_int_equal(b->mtu, 1500);
	assert_int_equal(b->output[4].group, 1004);
	assert_int_equal(f->blocks[b->next].output[1].group, 1006);
	assert_true(kernel_map_relays(f->m, 3));
	assert_false(kernel_map_relays(f->m, 4));
	assert_string_equal(kernel.log, "put:0");

	forget_commands();
	assert_int_equal(set(f, make(3, 1, 0, 7), NOW), 0);
	assert_string_equal(kernel.log, "");
	assert_int_equal(set(f, make(3, 1, 0, 2), NOW), 0);
	assert_string_equal(kernel.log, "put:0");
	assert_int_not_equal((uint32_t)ref_of(1, 0), (uint32_t)ref);
	assert_int_equal(b->n_outputs, 7); /* the program may be reading it */

	assert_int_equal(kernel_map_clear(f->m, 3, NOW), 0);
	assert_true(kernel_map_is_empty(f->m));
	assert_int_equal(kernel.n, 0);
}

static void test_other_input(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(set(f, make(0, 1, 0, 1), NOW), 0);
	forget_commands();
	assert_int_equal(set(f, make(0, 2, 0, 1), NOW), 0);
	assert_string_equal(kernel.log, "put:0 remove:0");
	assert_int_equal(ref_of(1, 0), 0);
	assert_int_not_equal(ref_of(2, 0), 0);
}

static void test_changed_rule_stays(void **state)
{
	struct fixture *f = *state;
	struct made t = make(0, 1, 0, 1), next = make(0, 1, 0, 1);

	assert_int_equal(set(f, t, NOW), 0);
	count(f, ref_of(1, 0), 5);
	t.r.mtu = 1400;
	assert_int_equal(set(f, t, NOW), 0);
	count(f, ref_of(1, 0), 2);
	assert_counted(f, &t, 7);

	/* Another rule in the slot begins with zeroes, in the kernel and at once. */
	next.r.incarnation = next.incarnation[0] = 999;
	assert_int_equal(set(f, next, NOW), 0);
	assert_true(kernel_map_relays(f->m, 0));
	assert_counted(f, &next, 0);
	assert_counted(f, &t, 0);
	count(f, ref_of(1, 0), 3);
	assert_counted(f, &next, 3);
}

static void test_counters_of_user_path(void **state)
{
	struct fixture *f = *state;
	struct made t = make(0, 1, 0, 1);

	assert_int_equal(set(f, t, NOW), 0);
	count(f, ref_of(1, 0), 5);
	t.r.key.ifindex = 0; /* the interface has gone */
	assert_int_equal(set_user(f, t, NOW), 0);
	assert_int_equal(kernel.n, 0);
	assert_counted(f, &t, 5);
	t.r.key.ifindex = IF;
	assert_int_equal(set(f, t, NOW), 0);
	assert_counted(f, &t, 5);
}

/* --- streams --- */

static void test_sources(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(set(f, make(0, 1, 11, 1), NOW), 0);
	assert_string_equal(kernel.log, "put:11 put:0");
	assert_int_equal(ref_of(1, 0), KERNEL_PATH_REF_SOURCES);

	/* Workers' need an element only beside a rule for any source in the kernel. */
	forget_commands();
	assert_int_equal(set_user(f, make(1, 1, 12, 1), NOW), 0);
	assert_string_equal(kernel.log, "");
	assert_int_equal(set(f, make(2, 1, 0, 1), NOW), 0);
	assert_string_equal(kernel.log, "put:12 put:0");
	assert_int_equal(ref_of(1, 12), KERNEL_PATH_REF_USER);
	assert_true(ref_of(1, 0) & KERNEL_PATH_REF_SOURCES);
	assert_true(kernel_map_relays(f->m, 2));

	forget_commands();
	assert_int_equal(set_user(f, make(2, 1, 0, 1), NOW), 0);
	assert_string_equal(kernel.log, "put:0 remove:12");
	assert_int_equal(ref_of(1, 0), KERNEL_PATH_REF_SOURCES);

	forget_commands();
	assert_int_equal(kernel_map_clear(f->m, 0, NOW), 0);
	assert_string_equal(kernel.log, "remove:0 remove:11");
}

static void test_consuming_user(void **state)
{
	struct fixture *f = *state;
	struct made t = make(0, 1, 0, 1);

	t.r.flags = KERNEL_PATH_BLOCK_CONSUME;
	assert_int_equal(set_user(f, t, NOW), 0);
	assert_int_equal(ref_of(1, 0), KERNEL_PATH_REF_USER | KERNEL_PATH_REF_CONSUME);
	assert_int_equal(set_user(f, make(1, 1, 12, 1), NOW), 0);
	assert_int_equal(ref_of(1, 12), KERNEL_PATH_REF_USER);
	t.r.flags = 0;
	assert_int_equal(set_user(f, t, NOW), 0);
	assert_int_equal(kernel.n, 0);
}

static void test_one_interface_by_two_names(void **state)
{
	struct fixture *f = *state;
	uint64_t first;

	assert_int_equal(set(f, make(0, 1, 0, 1), NOW), 0);
	first = ref_of(1, 0);
	assert_int_equal(set(f, make(1, 1, 0, 2), NOW), 0);
	assert_int_equal(ref_of(1, 0), first);
	assert_false(kernel_map_relays(f->m, 1));
	/* Workers have the frames of the first: the second is not to take them in the kernel. */
	assert_int_equal(set_user(f, make(0, 1, 0, 1), NOW), 0);
	assert_int_equal(ref_of(1, 0), 0);
	assert_int_equal(kernel_map_clear(f->m, 0, NOW), 0);
	assert_int_equal(block_of(f, ref_of(1, 0))->n_outputs, 2);
	assert_true(kernel_map_relays(f->m, 1));
}

/* --- all rules --- */

static void test_rules_that_went(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(set(f, make(i, 1 + i, 0, 1), NOW), 0);
	forget_commands();
	kernel_map_begin(f->m);
	assert_int_equal(set(f, make(0, 1, 0, 1), NOW), 0);
	assert_int_equal(set_user(f, make(2, 3, 0, 1), NOW), 0);
	assert_int_equal(kernel_map_end(f->m, NOW), 0);
	assert_int_equal(kernel.commands, 2);
	assert_int_equal(kernel.n, 1);
	assert_int_not_equal(ref_of(1, 0), 0);
}

static void test_full(void **state)
{
	struct fixture *f = full(state);
	struct kernel_map_summary s = kernel_map_summary(f->m);
	uint32_t refused = 0;

	assert_int_equal(s.references, KERNEL_PATH_RULES);
	assert_int_equal(s.blocks, KERNEL_PATH_RULES);
	forget_commands();
	/* One more than can rest is refused, until a second is over. */
	for (uint32_t i = 0; i < KERNEL_PATH_RULES && !refused; i++) {
		struct made t = make(i, 1 + i, 0, 4);

		t.r.incarnation += 100000;
		for (unsigned k = 0; k < 4; k++)
			t.incarnation[k] = t.r.incarnation;
		if (set(f, t, NOW) < 0)
			refused = i;
	}
	assert_int_equal(refused, KERNEL_PATH_RULE_COUNTERS - KERNEL_PATH_RULES);
	assert_int_equal(kernel.commands, refused);
	assert_int_equal(kernel_map_due_ns(f->m), NOW + REST);
	assert_int_equal(set(f, make(refused, 1 + refused, 0, 4), NOW + REST), 0);
}

static void test_cost(void **state)
{
	struct fixture *f = full(state);
	struct made t = make(8000, 8001, 0, 4);

	forget_commands();
	t.r.mtu = 1400;
	assert_int_equal(set(f, t, NOW), 0);
	assert_int_equal(kernel_map_clear(f->m, 8000, NOW), 0);
	assert_int_equal(set(f, t, NOW), 0);
	assert_string_equal(kernel.log, "put:0 remove:0 put:0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rule),
		TEST(test_other_input),
		TEST(test_changed_rule_stays),
		TEST(test_counters_of_user_path),
		TEST(test_sources),
		TEST(test_consuming_user),
		TEST(test_one_interface_by_two_names),
		TEST(test_rules_that_went),
		TEST(test_full),
		TEST(test_cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
