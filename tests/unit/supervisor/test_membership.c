// SPDX-License-Identifier: MIT
/*
 * test_membership.c - as many helper sockets as the kernel's limits demand, no more
 *
 * The sockets are replaced by ones that hold twenty memberships, as the kernel's do.
 *
 * Links: daemon/supervisor/igmp_list.c
 * Links: daemon/supervisor/membership.c daemon/supervisor/handover_field.c core/base/ipc.c
 * Links: core/base/addr.c
 * Links: daemon/supervisor/descriptor_reserve.c
 * Links: daemon/common/memfd.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "daemon/priv/socket.h"
#include "daemon/supervisor/descriptor_reserve.h"
#include "daemon/supervisor/membership.h"
#include "daemon/supervisor/state.h"

#define CAPACITY 20

static struct membership_table table;
static int made, refuse, leaves, members[4096];
static bool source_specific[4096];

static int some_fd(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

int priv_helper_socket(void)
{
	int fd = refuse == -EMFILE ? refuse : some_fd();

	if (fd >= 0) {
		made++;
		members[fd] = 0;
	}
	return fd;
}

int priv_join(int sock, const struct ipc_join *j)
{
	bool source = addr_is_set(&j->source);

	if (refuse)
		return refuse;
	if (members[sock] == CAPACITY)
		return -ENOBUFS;
	/* One socket cannot hold both kinds of one group. */
	assert_true(members[sock] == 0 || source_specific[sock] == source);
	source_specific[sock] = source;
	members[sock]++;
	return 0;
}

int priv_leave(int sock, const struct ipc_join *j)
{
	leaves++;
	members[sock]--;
	return 0;
}

int priv_bind_unread(const struct ipc_join *j)
{
	return refuse ? refuse : some_fd();
}

static int setup(void **state)
{
	memset(&table, 0, sizeof(table));
	made = refuse = leaves = 0;
	return 0;
}

static int teardown(void **state)
{
	membership_fini(&table);
	return 0;
}

static struct ipc_join key(uint32_t ifindex, uint32_t group, uint32_t source)
{
	struct ipc_join j = {.ifindex = ifindex, .group = addr_from_ipv4_be(htonl(group))};

	if (source)
		j.source = addr_from_ipv4_be(htonl(source));
	return j;
}

static int add(uint32_t ifindex, uint32_t group, uint32_t source)
{
	struct ipc_join j = key(ifindex, group, source);

	return membership_add(&table, &j, false);
}

static int leave(uint32_t ifindex, uint32_t group, uint32_t source)
{
	struct ipc_join j = key(ifindex, group, source);

	return membership_remove(&table, &j, false);
}

static void test_pool(void **state)
{
	for (uint32_t i = 0; i < 300; i++)
		assert_int_equal(add(5, 0xef000000 + i, 0), 0);
	assert_int_equal(made, 15);
	assert_int_equal(add(5, 0xef000000, 0), 0); /* twice is once */
	assert_int_equal(made, 15);
	/* Another interface and (S,G) have sockets of their own. */
	assert_int_equal(add(6, 0xef000000, 0), 0);
	assert_int_equal(made, 16);
	assert_int_equal(leave(5, 0xef000000, 0x0a000001), -ENOENT);
	assert_int_equal(add(5, 0xef000000, 0x0a000001), 0);
	assert_int_equal(made, 17);
	/* A place that became free is used again. */
	assert_int_equal(leave(5, 0xef000040, 0), 0);
	assert_int_equal(leave(5, 0xef000040, 0), -ENOENT);
	assert_int_equal(leaves, 1);
	assert_int_equal(add(5, 0xef010000, 0), 0);
	assert_int_equal(made, 17);
}

static void test_empty_is_closed(void **state)
{
	int before = some_fd(), after;

	close(before);
	for (uint32_t i = 0; i < 45; i++)
		assert_int_equal(add(5, 0xef000000 + i, 0), 0);
	for (uint32_t i = 0; i < 45; i++)
		assert_int_equal(leave(5, 0xef000000 + i, 0), 0);
	assert_null(table.helpers);
	after = some_fd();
	assert_int_equal(after, before);
	close(after);
}

static void test_many(void **state)
{
	for (uint32_t i = 0; i < 5000; i++)
		assert_int_equal(add(5, 0xef000000 + i, 0), 0);
	assert_int_equal(made, 250);
}

/* A failed request leaves nothing behind and may be repeated. */
static void test_failures(void **state)
{
	static const int errors[] = {-ENODEV, -EMFILE, -ENOBUFS};
	struct ipc_join bind = key(5, 0x0a000001, 0);

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		refuse = errors[i];
		assert_int_equal(add(5, 0xef000001, 0), errors[i]);
		assert_int_equal(leave(5, 0xef000001, 0), -ENOENT);
		assert_null(table.helpers);
	}
	refuse = -EADDRINUSE;
	assert_int_equal(membership_add(&table, &bind, true), -EADDRINUSE);
	assert_int_equal(membership_remove(&table, &bind, true), -ENOENT);
	refuse = 0;
	assert_int_equal(add(5, 0xef000001, 0), 0);
}

static void test_binds(void **state)
{
	struct ipc_join a = key(5, 0x0a000001, 0), b = a;

	a.port = 5000;
	b.port = 5001;
	assert_int_equal(membership_add(&table, &a, true), 0);
	assert_int_equal(membership_add(&table, &a, true), 0);
	assert_int_equal(membership_remove(&table, &b, true), -ENOENT);
	assert_int_equal(membership_remove(&table, &a, false), -ENOENT); /* bound, not joined */
	assert_int_equal(membership_remove(&table, &a, true), 0);
	assert_int_equal(membership_remove(&table, &a, true), -ENOENT);
}

/* The reserve is not for memberships; one that finds place in an open socket needs none. */
static void test_reserve(void **state)
{
	struct ipc_join address = key(5, 0x0a000001, 0);
	int lowest = some_fd();

	close(lowest);
	address.port = 5000;
	descriptor_reserve_set(0);
	descriptor_reserve_set(descriptor_budget() - (unsigned)lowest - 1);
	for (uint32_t i = 0; i < CAPACITY; i++)
		assert_int_equal(add(5, 0xef000000 + i, 0), 0);
	assert_int_equal(add(5, 0xef010000, 0), -EMFILE);
	assert_int_equal(add(6, 0xef000000, 0), -EMFILE);
	assert_int_equal(membership_add(&table, &address, true), -EMFILE);
	assert_int_equal(leave(5, 0xef000000, 0), 0);
	assert_int_equal(add(5, 0xef010000, 0), 0);
	descriptor_reserve_set(0);
	assert_int_equal(membership_add(&table, &address, true), 0);
	assert_int_equal(add(5, 0xef010001, 0), 0);
}

/* Memberships of a control that its successor did not ask for are left, and no others. */
static void test_drop_others(void **state)
{
	struct ipc_join address = key(5, 0x0a000001, 0);

	address.port = 5000;
	table.round = 1;
	assert_int_equal(membership_add(&table, &address, true), 0);
	for (uint32_t i = 0; i < 30; i++)
		assert_int_equal(add(5, 0xef000000 + i, 0), 0);
	assert_int_equal(membership_drop_others(&table), 0);
	table.round = 2;
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(add(5, 0xef000000 + i, 0), 0);
	assert_int_equal(add(6, 0xef000000, 0), 0);
	assert_int_equal(leaves, 0);
	assert_int_equal(membership_drop_others(&table), 21);
	/* The second socket, of which no group is wanted, is closed with its ten groups. */
	assert_int_equal(leaves, 10);
	assert_int_equal(table.joins.n, 11);
	assert_int_equal(membership_remove(&table, &address, true), -ENOENT);
	assert_int_equal(leave(5, 0xef00000a, 0), -ENOENT);
	assert_int_equal(leave(5, 0xef000009, 0), 0);
	assert_int_equal(leave(6, 0xef000000, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pool, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty_is_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_binds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reserve, setup, teardown),
		cmocka_unit_test_setup_teardown(test_drop_others, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
