// SPDX-License-Identifier: MIT
/*
 * test_slot_pool.c - never-used slots first, then freed ones, oldest first
 *
 * Links: core/rules/slot_pool.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/limits.h"
#include "core/rules/slot_pool.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slot_pool_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
