// SPDX-License-Identifier: MIT
/*
 * test_egress_socket.c - egress sockets of single outputs, as control asks for them
 *
 * A refused request changes nothing; the number of sockets is bounded; each worker is told
 * of what concerns it and of nothing else.
 *
 * Links: daemon/supervisor/prefilter.c
 * Links: daemon/supervisor/request.c daemon/supervisor/iface.c daemon/supervisor/membership.c
 * Links: daemon/supervisor/egress_socket.c daemon/supervisor/igmp_list.c daemon/supervisor/verify.c
 * Links: daemon/supervisor/stats.c daemon/supervisor/handover_field.c core/base/ipc.c
 * Links: daemon/supervisor/softnet.c
 * Links: core/base/addr.c
 * Links: core/rules/steer.c
 * Links: daemon/supervisor/descriptor_reserve.c daemon/supervisor/limit.c
 * Links: daemon/supervisor/budget.c
 * Links: daemon/supervisor/probe.c
 * Links: daemon/common/memfd.c
 * Links: daemon/supervisor/kernel_path.c daemon/supervisor/kernel_attach.c
 * Links: daemon/priv/bpf_tcx.c daemon/priv/bpf_clsact.c daemon/priv/bpf_lock.c
 * Links: daemon/priv/bpf_check.c
 * Links: core/rules/kernel_path.c daemon/priv/bpf.c
 * Links: core/rules/rule.c
 * Links: core/base/complaint.c
 * Links: core/base/decimal.c daemon/priv/bpf_pin.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/supervisor/descriptor_reserve.h"
#include "daemon/supervisor/egress_socket.h"
#include "tests/unit/supervisor/request_fixture.h"

static struct ipc_msg egress_socket_msg(uint32_t id, uint64_t mask)
{
	return (struct ipc_msg){.type = IPC_OPEN_EGRESS_SOCKET,
				.egress_socket = {.worker_mask = mask,
						  .id = id,
						  .iface = 3,
						  .ifindex = 5,
						  .to_be = 7,
						  .source_be = 9,
						  .port = 5000,
						  .kind = EGRESS_SOCKET_OWN,
						  .ttl = 1}};
}

static struct ipc_msg close_msg(uint32_t id)
{
	return (struct ipc_msg){.type = IPC_CLOSE_EGRESS_SOCKET, .egress_socket = {.id = id}};
}

static bool is_due(unsigned worker, unsigned id)
{
	return sup->worker[worker].egress_socket_due[id / 64] >> id % 64 & 1;
}

static void test_open_and_close(void **state)
{
	struct ipc_msg other = egress_socket_msg(70, 2), elsewhere = egress_socket_msg(71, 1);
	uint64_t first;

	assert_int_equal(ask(egress_socket_msg(70, 1), -1), -ERANGE); /* no workers */
	configure(2);
	assert_int_equal(ask(egress_socket_msg(70, 1), -1), -ENOENT); /* no output */
	assert_int_equal(ask(iface_msg(IPC_OPEN_OUTPUT, 3, 0), -1), 0);
	assert_int_equal(ask(egress_socket_msg(70, 0), -1), -ERANGE);
	assert_int_equal(ask(egress_socket_msg(70, 4), -1), -ERANGE);
	elsewhere.egress_socket.ifindex++;
	assert_int_equal(ask(elsewhere, -1), -ENOENT);
	assert_int_equal(ask(close_msg(70), -1), -ENOENT);
	assert_int_equal(sup->egress_sockets_open, 0);
	assert_false(is_due(0, 70));

	assert_int_equal(ask(egress_socket_msg(70, 3), -1), 0);
	assert_int_equal(reply_value, 9);
	assert_int_equal(sup->egress_sockets_open, 2);
	assert_true(is_due(0, 70) && is_due(1, 70));
	assert_true(egress_socket_fd(&sup->egress_socket[70], 0) >= 0);
	assert_int_not_equal(egress_socket_fd(&sup->egress_socket[70], 0),
			     egress_socket_fd(&sup->egress_socket[70], 1));
	assert_int_equal(egress_socket_fd(&sup->egress_socket[70], 2), -1);
	first = sup->egress_socket[70].incarnation;
	reply_value = 0;
	assert_int_equal(ask(egress_socket_msg(70, 3), -1), -EEXIST);
	assert_int_equal(reply_value, 9);
	assert_int_equal(sup->egress_socket[70].incarnation, first);

	/* For another worker only: the others are told, too. */
	memset(sup->worker[0].egress_socket_due, 0, sizeof(sup->worker[0].egress_socket_due));
	assert_int_equal(ask(other, -1), 0);
	assert_true(is_due(0, 70));
	assert_int_equal(egress_socket_fd(&sup->egress_socket[70], 0), -1);
	assert_int_equal(sup->egress_sockets_open, 1);
	/* Another serial is another socket. */
	first = sup->egress_socket[70].incarnation;
	other.egress_socket.serial++;
	assert_int_equal(ask(other, -1), 0);
	assert_true(sup->egress_socket[70].incarnation > first);

	assert_int_equal(ask(close_msg(70), -1), 0);
	assert_int_equal(ask(close_msg(70), -1), -ENOENT);
	assert_int_equal(sup->egress_sockets_open, 0);
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
	assert_int_equal(egress_socket_budget(), 100);
	while ((ret = ask(egress_socket_msg(n, 3), -1)) == 0)
		n++;
	assert_int_equal(ret, -ENOSPC);
	assert_int_equal(n, 50);
	assert_int_equal(sup->egress_socket[n].incarnation, 0);
	/* One that takes the place of an open one finds room. */
	assert_int_equal(ask(egress_socket_msg(0, 1), -1), 0);
	assert_int_equal(ask(egress_socket_msg(n, 1), -1), 0);
	assert_int_equal(ask(egress_socket_msg(n, 3), -1), -ENOSPC);
	assert_int_equal(sup->egress_sockets_open, 100);
	descriptor_reserve_set(0);
	assert_true(egress_socket_budget() <= MCR_MAX_EGRESS_SOCKETS);
}

/* Sockets are dear: more in a row than there is reason for are refused, and nothing changes. */
static void test_too_fast(void **state)
{
	struct ipc_msg m = egress_socket_msg(1, 3);
	unsigned n = 0;
	int ret;

	configure(2);
	assert_int_equal(ask(iface_msg(IPC_OPEN_OUTPUT, 3, 0), -1), 0);
	while ((ret = ask(m, -1)) == 0) {
		m.egress_socket.serial++;
		n++;
	}
	assert_int_equal(ret, -EAGAIN);
	assert_int_equal(n, 2 * MCR_MAX_EGRESS_SOCKETS);
	assert_int_equal(sup->egress_socket[1].as.serial, n - 1);
	assert_int_equal(ask(close_msg(1), -1), 0);
}

/* The next control counts serials anew; sockets that it does not ask for are closed. */
static void test_next_control(void **state)
{
	struct ipc_msg m = egress_socket_msg(1, 1);
	uint64_t first;

	configure(1);
	assert_int_equal(ask(iface_msg(IPC_OPEN_OUTPUT, 3, 0), -1), 0);
	m.egress_socket.serial = 6;
	assert_int_equal(ask(m, -1), 0);
	assert_int_equal(ask(egress_socket_msg(2, 1), -1), 0);
	first = sup->egress_socket[1].incarnation;
	sup->round++;
	assert_int_equal(ask(iface_msg(IPC_OPEN_OUTPUT, 3, 0), -1), -EEXIST);
	assert_int_equal(ask(egress_socket_msg(1, 1), -1), -EEXIST);
	assert_int_equal(sup->egress_socket[1].incarnation, first);
	m.egress_socket.serial = 1;
	assert_int_equal(ask(m, -1), 0);
	assert_int_equal(ask((struct ipc_msg){.type = IPC_READY}, -1), 0);
	assert_true(sup->egress_socket[1].incarnation != 0);
	assert_int_equal(sup->egress_socket[2].incarnation, 0);
	assert_int_equal(sup->egress_sockets_open, 1);
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
