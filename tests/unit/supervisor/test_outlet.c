// SPDX-License-Identifier: MIT
/*
 * test_outlet.c - egress sockets of single outputs, as control asks for them
 *
 * A refused request changes nothing; the number of sockets is bounded; each worker is told
 * of what concerns it and of nothing else.
 *
 * Links: daemon/supervisor/request.c daemon/supervisor/iface.c daemon/supervisor/membership.c
 * Links: daemon/supervisor/outlet.c daemon/supervisor/igmp_list.c daemon/supervisor/verify.c
 * Links: daemon/supervisor/stats.c daemon/supervisor/handover_field.c core/base/ipc.c
 * Links: core/base/addr.c
 * Links: core/rules/steer.c
 * Links: daemon/supervisor/descriptor_reserve.c daemon/supervisor/limit.c
 * Links: daemon/supervisor/probe.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/supervisor/descriptor_reserve.h"
#include "tests/unit/supervisor/request_bench.h"

static struct ipc_msg outlet_msg(uint32_t id, uint64_t mask)
{
	return (struct ipc_msg){.type = IPC_OPEN_OUTLET,
				.outlet = {.worker_mask = mask,
					   .id = id,
					   .iface = 3,
					   .ifindex = 5,
					   .to_be = 7,
					   .source_be = 9,
					   .port = 5000,
					   .kind = OUTLET_OWN,
					   .ttl = 1}};
}

static struct ipc_msg close_msg(uint32_t id)
{
	return (struct ipc_msg){.type = IPC_CLOSE_OUTLET, .outlet = {.id = id}};
}

static bool is_due(unsigned worker, unsigned id)
{
	return sup->worker[worker].outlet_due[id / 64] >> id % 64 & 1;
}

static void test_open_and_close(void **state)
{
	struct ipc_msg other = outlet_msg(70, 2), elsewhere = outlet_msg(71, 1);
	uint64_t first;

	assert_int_equal(ask(outlet_msg(70, 1), -1), -ERANGE); /* no workers */
	configure(2);
	assert_int_equal(ask(outlet_msg(70, 1), -1), -ENOENT); /* no output */
	assert_int_equal(ask(iface_msg(IPC_OPEN_OUTPUT, 3, 0), -1), 0);
	assert_int_equal(ask(outlet_msg(70, 0), -1), -ERANGE);
	assert_int_equal(ask(outlet_msg(70, 4), -1), -ERANGE);
	elsewhere.outlet.ifindex++;
	assert_int_equal(ask(elsewhere, -1), -ENOENT);
	assert_int_equal(ask(close_msg(70), -1), -ENOENT);
	assert_int_equal(sup->outlet_sockets, 0);
	assert_false(is_due(0, 70));

	assert_int_equal(ask(outlet_msg(70, 3), -1), 0);
	assert_int_equal(reply_value, 9);
	assert_int_equal(sup->outlet_sockets, 2);
	assert_true(is_due(0, 70) && is_due(1, 70));
	assert_true(outlet_socket(&sup->outlet[70], 0) >= 0);
	assert_int_not_equal(outlet_socket(&sup->outlet[70], 0),
			     outlet_socket(&sup->outlet[70], 1));
	assert_int_equal(outlet_socket(&sup->outlet[70], 2), -1);
	first = sup->outlet[70].incarnation;
	reply_value = 0;
	assert_int_equal(ask(outlet_msg(70, 3), -1), -EEXIST);
	assert_int_equal(reply_value, 9);
	assert_int_equal(sup->outlet[70].incarnation, first);

	/* For another worker only: the others are told, too. */
	memset(sup->worker[0].outlet_due, 0, sizeof(sup->worker[0].outlet_due));
	assert_int_equal(ask(other, -1), 0);
	assert_true(is_due(0, 70));
	assert_int_equal(outlet_socket(&sup->outlet[70], 0), -1);
	assert_int_equal(sup->outlet_sockets, 1);
	/* Another serial is another socket. */
	first = sup->outlet[70].incarnation;
	other.outlet.serial++;
	assert_int_equal(ask(other, -1), 0);
	assert_true(sup->outlet[70].incarnation > first);

	assert_int_equal(ask(close_msg(70), -1), 0);
	assert_int_equal(ask(close_msg(70), -1), -ENOENT);
	assert_int_equal(sup->outlet_sockets, 0);
}

/* More than the budget is refused; so is what would touch the reserve. */
static void test_budget(void **state)
{
	const unsigned all = (descriptor_reserve_set(0), descriptor_budget());
	unsigned n = 0;
	int ret;

	configure(2);
	assert_int_equal(ask(iface_msg(IPC_OPEN_OUTPUT, 3, 0), -1), 0);
	descriptor_reserve_set(all - 400);
	assert_int_equal(outlet_budget(), 100);
	while ((ret = ask(outlet_msg(n, 3), -1)) == 0)
		n++;
	assert_int_equal(ret, -ENOSPC);
	assert_int_equal(n, 50);
	assert_int_equal(sup->outlet[n].incarnation, 0);
	/* In the place of one that is open there is room. */
	assert_int_equal(ask(outlet_msg(0, 1), -1), 0);
	assert_int_equal(ask(outlet_msg(n, 1), -1), 0);
	assert_int_equal(ask(outlet_msg(n, 3), -1), -ENOSPC);
	assert_int_equal(sup->outlet_sockets, 100);
	descriptor_reserve_set(0);
	assert_true(outlet_budget() <= MCR_MAX_OUTLETS);
}

/* Sockets are dear: more in a row than there is reason for are refused, and nothing changes. */
static void test_too_fast(void **state)
{
	struct ipc_msg m = outlet_msg(1, 3);
	unsigned n = 0;
	int ret;

	configure(2);
	assert_int_equal(ask(iface_msg(IPC_OPEN_OUTPUT, 3, 0), -1), 0);
	while ((ret = ask(m, -1)) == 0) {
		m.outlet.serial++;
		n++;
	}
	assert_int_equal(ret, -EAGAIN);
	assert_int_equal(n, 2 * MCR_MAX_OUTLETS);
	assert_int_equal(sup->outlet[1].as.serial, n - 1);
	assert_int_equal(ask(close_msg(1), -1), 0);
}

/* The next control counts serials anew, and what it does not ask for goes. */
static void test_next_control(void **state)
{
	struct ipc_msg m = outlet_msg(1, 1);
	uint64_t first;

	configure(1);
	assert_int_equal(ask(iface_msg(IPC_OPEN_OUTPUT, 3, 0), -1), 0);
	m.outlet.serial = 6;
	assert_int_equal(ask(m, -1), 0);
	assert_int_equal(ask(outlet_msg(2, 1), -1), 0);
	first = sup->outlet[1].incarnation;
	sup->round++;
	assert_int_equal(ask(iface_msg(IPC_OPEN_OUTPUT, 3, 0), -1), -EEXIST);
	assert_int_equal(ask(outlet_msg(1, 1), -1), -EEXIST);
	assert_int_equal(sup->outlet[1].incarnation, first);
	m.outlet.serial = 1;
	assert_int_equal(ask(m, -1), 0);
	assert_int_equal(ask((struct ipc_msg){.type = IPC_READY}, -1), 0);
	assert_true(sup->outlet[1].incarnation != 0);
	assert_int_equal(sup->outlet[2].incarnation, 0);
	assert_int_equal(sup->outlet_sockets, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_open_and_close, setup, teardown),
		cmocka_unit_test_setup_teardown(test_budget, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_fast, setup, teardown),
		cmocka_unit_test_setup_teardown(test_next_control, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
