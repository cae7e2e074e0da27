// SPDX-License-Identifier: MIT
/*
 * test_iface_change.c - inputs with other settings, other frames, and without their device
 *
 * Links: daemon/supervisor/prefilter.c
 * Links: daemon/supervisor/budget.c
 * Links: daemon/supervisor/probe.c
 * Links: daemon/supervisor/igmp_list.c daemon/supervisor/verify.c
 * Links: daemon/supervisor/request.c daemon/supervisor/iface.c daemon/supervisor/membership.c
 * Links: daemon/supervisor/stats.c daemon/supervisor/handover_field.c core/base/ipc.c
 * Links: daemon/supervisor/softnet.c
 * Links: core/base/addr.c
 * Links: core/rules/steer.c
 * Links: daemon/supervisor/descriptor_reserve.c daemon/supervisor/limit.c
 * Links: daemon/supervisor/egress_socket.c
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

#include "daemon/common/memfd.h"
#include "daemon/supervisor/descriptor_reserve.h"
#include "tests/unit/supervisor/request_fixture.h"

/* Only the steering changes: no socket is closed, so nothing in its queue is lost. */
static void test_changed_in_place(void **state)
{
	struct ipc_msg m = iface_msg(IPC_OPEN_INPUT, 0, 1);
	uint64_t incarnation;
	int first;

	configure(3);
	fake.gro = (struct priv_gro_state){0};
	assert_int_equal(ask(m, -1), 0);
	assert_string_equal(fake.made, "cccpg");
	first = sup->input[0].sock[0];
	incarnation = sup->input[0].incarnation;

	/* Two workers more, of which the last is made a member first. */
	m.iface.worker_mask = 5;
	assert_int_equal(ask(m, -1), 0);
	m.iface.worker_mask = 6;
	m.iface.steering = STEER_CPU;
	assert_int_equal(ask(m, -1), 0);
	assert_string_equal(fake.made, "cccpgpapa");
	assert_int_equal(fake.copied, 2);
	assert_int_equal(sup->input[0].sock[0], first);
	assert_true(sup->input[0].incarnation > incarnation);
	assert_int_equal(fake.steering, STEER_CPU);
	assert_int_equal(fake.n_members, 2);
	assert_int_equal(fake.members[0], 2);
	assert_int_equal(fake.members[1], 1);

	/* Buffers only grow; GRO is put back as it was found, whatever it was meanwhile. */
	m.iface.gro = GRO_ON;
	assert_int_equal(ask(m, -1), 0);
	assert_int_equal(reply_value, 1);
	assert_int_equal(sup->input[0].buf_class, BUF_SUPER);
	m.iface.gro = GRO_OFF;
	assert_int_equal(ask(m, -1), 0);
	assert_int_equal(sup->input[0].buf_class, BUF_SUPER);
	assert_false(fake.gro.udp_forwarding);
	m.iface.gro = GRO_ON;
	assert_int_equal(ask(m, -1), 0);
	assert_true(fake.gro.udp_forwarding);
	assert_int_equal(sup->input[0].sock[0], first);
	assert_int_equal(ask(iface_msg(IPC_CLOSE_INPUT, 0, 0), -1), 0);
	assert_false(fake.gro.gro || fake.gro.udp_forwarding);
	assert_int_equal(sup->input[0].sock[0], -1);
}

/* Nothing changes when one more socket cannot be had. */
static void test_change_refused(void **state)
{
	struct ipc_msg m = iface_msg(IPC_OPEN_INPUT, 0, 1);

	configure(2);
	assert_int_equal(ask(m, -1), 0);
	m.iface.worker_mask = 3;
	fake.fail_packet_socket_at = fake.packet_sockets + 1;
	assert_int_equal(ask(m, -1), -ENODEV);
	assert_int_equal(sup->input[0].iface.worker_mask, 1);
	assert_true(sup->input[0].incarnation && sup->input[0].sock[0] >= 0);
	fake.fanout_error = -EINVAL;
	assert_int_equal(ask(m, -1), -ENETDOWN);
	assert_int_equal(sup->input[0].sock[1], -1);
	fake.fanout_error = 0;
	assert_int_equal(ask(m, -1), 0);
	assert_int_equal(fake.n_members, 2);
}

/* Frames in the queue of an input that is closed count as lost there. */
static void test_left_in_queue(void **state)
{
	configure(1);
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 0, 1), -1), 0);
	memset(&page.slot[0].all, 0, sizeof(page.slot[0].all));
	fake.queued = 5;
	assert_int_equal(ask(iface_msg(IPC_CLOSE_INPUT, 0, 0), -1), 0);
	assert_int_equal(page.slot[0].all.delivered, 7 - 5);
	assert_int_equal(page.slot[0].all.socket_queue, 3 + 5);
}

static void test_buffers_and_gro(void **state)
{
	static const struct {
		const char *name;
		uint32_t mtu;
		bool found, fraglist, supers;
		enum gro_setting gro;
		int error;
		enum buf_class expect;
		bool on;
		int sets; /* until the input is closed */
	} rows[] = {
		{"ethernet", 1500, false, false, false, GRO_LEAVE, 0, BUF_SMALL, false, 0},
		{"largest small", 2024, false, false, false, GRO_LEAVE, 0, BUF_SMALL, false, 0},
		{"one more", 2025, false, false, false, GRO_LEAVE, 0, BUF_JUMBO, false, 0},
		{"largest jumbo", 9192, false, false, false, GRO_LEAVE, 0, BUF_JUMBO, false, 0},
		{"beyond jumbo", 9193, false, false, false, GRO_LEAVE, 0, BUF_SUPER, false, 0},
		{"GRO found on", 1500, true, false, false, GRO_LEAVE, 0, BUF_SUPER, true, 0},
		{"switched on", 1500, false, false, false, GRO_ON, 0, BUF_SUPER, true, 2},
		{"on already", 1500, true, false, false, GRO_ON, 0, BUF_SUPER, true, 0},
		{"may not", 1500, false, false, false, GRO_ON, -EPERM, BUF_SMALL, false, 1},
		{"switched off", 1500, true, false, false, GRO_OFF, 0, BUF_SMALL, false, 2},
		{"may not, off", 1500, true, false, false, GRO_OFF, -EPERM, BUF_SUPER, true, 1},
		{"supers", 1500, false, false, true, GRO_LEAVE, 0, BUF_SUPER, false, 0},
		{"supers, off", 1500, false, false, true, GRO_OFF, 0, BUF_SMALL, false, 0},
		{"fraglist", 1500, false, true, false, GRO_OFF, 0, BUF_SUPER, false, 0},
	};

	configure(1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ipc_msg m = iface_msg(IPC_OPEN_INPUT, 0, 1);

		print_message("  %s\n", rows[i].name);
		fake.gro = (struct priv_gro_state){rows[i].found, rows[i].found, rows[i].fraglist};
		fake.gro_error = rows[i].error;
		fake.gro_sets = 0;
		m.iface.mtu = rows[i].mtu;
		m.iface.supers = rows[i].supers;
		m.iface.gro = rows[i].gro;
		assert_int_equal(ask(m, -1), 0);
		assert_int_equal(sup->input[0].buf_class, rows[i].expect);
		assert_int_equal(reply_value, (rows[i].on ? OPENED_GRO : 0) |
						      (rows[i].fraglist ? OPENED_FRAGLIST : 0));
		assert_int_equal(ask(iface_msg(IPC_CLOSE_INPUT, 0, 0), -1), 0);
		assert_int_equal(fake.gro_sets, rows[i].sets);
		assert_int_equal(fake.gro.udp_forwarding, rows[i].found);
	}
}

/* The device has gone, and another one has its index. */
static void test_lost_device(void **state)
{
	const struct ipc_msg verify_all = {.type = IPC_VERIFY};
	struct ipc_msg open = iface_msg(IPC_OPEN_INPUT, 0, 3);

	configure(2);
	fake.bound_to = (int)open.iface.ifindex;
	assert_int_equal(ask(open, -1), 0);
	assert_int_equal(ask(verify_all, -1), 0);
	assert_int_equal(reply_value, 0);
	assert_true(sup->input[0].incarnation);
	fake.bound_to = -1;
	/* Soon after the last time nothing is looked at; for another control it is. */
	assert_int_equal(ask(verify_all, -1), 0);
	assert_true(sup->input[0].incarnation);
	sup->round++;
	assert_int_equal(ask(verify_all, -1), 0);
	assert_int_equal(reply_value, 1);
	assert_int_equal(sup->input[0].incarnation, 0);
	assert_int_equal(sup->input[0].sock[0], -1);
	assert_int_equal(ask(open, -1), 0);
}

/* Before Linux 6.2 a frame that GRO has merged cannot be read. */
static void test_gro_that_cannot_be_read(void **state)
{
	static const struct {
		const char *name;
		bool found;
		enum gro_setting gro;
		int sets;
	} rows[] = {
		{"asked for", false, GRO_ON, 0},
		{"found on", true, GRO_LEAVE, 2},
		{"found on and asked for", true, GRO_ON, 2},
		{"off", false, GRO_LEAVE, 0},
	};

	configure(1);
	sup->supers_unreadable = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ipc_msg m = iface_msg(IPC_OPEN_INPUT, 0, 1);

		print_message("  %s\n", rows[i].name);
		fake.gro = (struct priv_gro_state){rows[i].found, rows[i].found, false};
		fake.gro_sets = 0;
		m.iface.mtu = 1500;
		m.iface.gro = rows[i].gro;
		assert_int_equal(ask(m, -1), 0);
		assert_int_equal(reply_value, 0);
		assert_false(fake.gro.udp_forwarding);
		assert_int_equal(sup->input[0].buf_class, BUF_SMALL);
		assert_int_equal(ask(iface_msg(IPC_CLOSE_INPUT, 0, 0), -1), 0);
		assert_int_equal(fake.gro_sets, rows[i].sets);
		assert_int_equal(fake.gro.udp_forwarding, rows[i].found);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_changed_in_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_change_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_left_in_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(test_buffers_and_gro, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_device, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gro_that_cannot_be_read, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
