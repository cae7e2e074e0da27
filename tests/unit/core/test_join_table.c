// SPDX-License-Identifier: MIT
/*
 * test_join_table.c - every entry is found, visited once, and taken out where it stands
 *
 * Links: core/base/addr.c
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/join_table.h"

/* More than there are buckets, so that many share one. */
#define ENTRIES (3 * JOIN_BUCKETS)

static struct join_table table;
static struct join_entry entries[ENTRIES];
static unsigned visits[ENTRIES];

static struct ipc_join key_of(unsigned i)
{
	const struct addr group = addr_from_ipv4_be(htonl(0xef000000u + i / 2)), any = {0};

	return join_key(1, &group, &any, (uint16_t)(i % 2));
}

static int fill(void **state)
{
	memset(&table, 0, sizeof(table));
	memset(visits, 0, sizeof(visits));
	for (unsigned i = 0; i < ENTRIES; i++) {
		entries[i] = (struct join_entry){.key = key_of(i)};
		join_add(&table, join_find(&table, &entries[i].key, false), &entries[i]);
	}
	return 0;
}

static void found_by_key_and_kind(void **state)
{
	assert_int_equal(table.n, ENTRIES);
	for (unsigned i = 0; i < ENTRIES; i++) {
		const struct ipc_join key = key_of(i);

		assert_ptr_equal(*join_find(&table, &key, false), &entries[i]);
		assert_null(*join_find(&table, &key, true));
	}
}

static void taken_out(void **state)
{
	for (unsigned i = 0; i < ENTRIES; i += 3) {
		const struct ipc_join key = key_of(i);

		assert_ptr_equal(join_take(&table, join_find(&table, &key, false)), &entries[i]);
		assert_null(*join_find(&table, &key, false));
	}
	for (unsigned i = 0; i < ENTRIES; i++)
		assert_true(*join_find(&table, &entries[i].key, false) ==
			    (i % 3 ? &entries[i] : NULL));
	assert_int_equal(table.n, ENTRIES - (ENTRIES + 2) / 3);
}

static void visited_once(void **state)
{
	for (struct join_entry *e = NULL; (e = join_next(&table, e));)
		visits[e - entries]++;
	for (unsigned i = 0; i < ENTRIES; i++)
		assert_int_equal(visits[i], 1);
}

/* Also overwrites the entry, as free() may. */
static bool keep_odd(void *ctx, struct join_entry *e)
{
	const unsigned i = (unsigned)(e - entries);

	assert_ptr_equal(ctx, &table);
	visits[i]++;
	if (i % 2 == 0)
		memset(e, 0xff, sizeof(*e));
	return i % 2;
}

static void sorted_out(void **state)
{
	assert_int_equal(join_each(&table, keep_odd, &table), ENTRIES / 2);
	assert_int_equal(table.n, ENTRIES / 2);
	for (unsigned i = 0; i < ENTRIES; i++) {
		const struct ipc_join key = key_of(i);

		assert_int_equal(visits[i], 1);
		assert_true(*join_find(&table, &key, false) == (i % 2 ? &entries[i] : NULL));
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fill)
	const struct CMUnitTest tests[] = {
		TEST(found_by_key_and_kind),
		TEST(taken_out),
		TEST(visited_once),
		TEST(sorted_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
