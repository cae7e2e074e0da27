// SPDX-License-Identifier: MIT
/*
 * test_iface.c - inputs and outputs, opened and closed as control asks for them
 *
 * A refused request must change nothing, and what is closed leaves nothing behind.
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

static void test_inputs(void **state)
{
	struct ipc_msg bad_ifindex = iface_msg(IPC_OPEN_INPUT, 0, 1);
	uint64_t first;

	bad_ifindex.iface.ifindex = 0;
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 0, 1), -1), -ERANGE); /* no workers */
	configure(2);
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, MCR_MAX_IFACES, 1), -1), -ERANGE);
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 0, 0), -1), -ERANGE);
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 0, 4), -1), -ERANGE);
	assert_int_equal(ask(bad_ifindex, -1), -ERANGE);
	assert_int_equal(ask(iface_msg(IPC_CLOSE_INPUT, 0, 0), -1), -ENOENT);
	assert_int_equal(fake.packet_sockets, 0);

	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 0, 3), -1), 0);
	first = sup->input[0].incarnation;
	assert_true(first != 0);
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 0, 3), -1), -EEXIST);
	assert_int_equal(sup->input[0].incarnation, first);
	/* Opening reads the counters once, and this reads them again. */
	assert_int_equal(ask((struct ipc_msg){.type = IPC_REFRESH_STATS}, -1), 0);
	assert_int_equal(page.slot[0].all.delivered, 2 * 14);
	assert_int_equal(page.slot[0].all.socket_queue, 2 * 6);
	assert_int_equal(page.queue[0].all[0], 6);
	assert_int_equal(page.queue[0].all[1], 6);
	assert_int_equal(page.queue[0].all[2], 0);
	assert_int_equal(ask(iface_msg(IPC_CLOSE_INPUT, 0, 0), -1), 0);
	assert_int_equal(page.slot[0].all.delivered, 2 * 21);
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 0, 3), -1), 0);
	assert_true(sup->input[0].incarnation > first);
}

/* A control that was restarted asks for it in another way: the sockets stay, others are chosen. */
static void test_input_wanted_in_another_way(void **state)
{
	static const uint64_t masks[] = {3, 1, 2, 3};
	uint64_t last = 0;

	configure(2);
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		struct ipc_msg want = iface_msg(IPC_OPEN_INPUT, 0, masks[i]);

		assert_int_equal(ask(want, -1), 0);
		assert_true(sup->input[0].incarnation > last);
		last = sup->input[0].incarnation;
		for (unsigned w = 0; w < 2; w++)
			assert_true(sup->input[0].sock[w] >= 0);
		assert_int_equal(fake.n_members, __builtin_popcountll(masks[i]));
		assert_int_equal(ask(want, -1), -EEXIST);
		assert_true(sup->input[0].incarnation == last);
	}
}

/* Counters of a slot go on; those of a device begin when it gets the slot. */
static void test_slot_handed_on(void **state)
{
	struct ipc_msg other = iface_msg(IPC_OPEN_INPUT, 0, 1);
	struct iface_slot_stats *s = &page.slot[0];

	configure(1);
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 0, 1), -1), 0);
	assert_int_equal(ask(iface_msg(IPC_CLOSE_INPUT, 0, 0), -1), 0);
	assert_int_equal(s->all.delivered, 14);
	assert_int_equal(iface_counts_own(s).delivered, 14);
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 0, 1), -1), 0);
	assert_int_equal(iface_counts_own(s).delivered, 21); /* it goes on */

	/* In place of one that is open: its counts until now stay its own. */
	other.iface.ifindex++;
	assert_int_equal(ask(other, -1), 0);
	assert_int_equal(s->ifindex, other.iface.ifindex);
	assert_int_equal(s->before.delivered, 28);
	assert_int_equal(s->all.delivered, 35);
	assert_int_equal(iface_counts_own(s).delivered, 7);
	assert_int_equal(iface_counts_own(s).socket_queue, 3);
	assert_int_equal(s->all.socket_queue, 15);
	assert_int_equal(page.queue[0].all[0], 15);
	assert_int_equal(page.queue[0].before[0], 12);

	/* A failed open changes nothing. */
	other.iface.ifindex++;
	fake.fail_packet_socket_at = fake.packet_sockets + 1;
	assert_int_equal(ask(other, -1), -ENODEV);
	assert_int_equal(s->ifindex, other.iface.ifindex - 1);
}

static void test_input_undone(void **state)
{
	configure(3);
	fake.fail_packet_socket_at = 3;
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 1, 7), -1), -ENODEV);
	assert_int_equal(sup->input[1].incarnation, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(sup->input[1].sock[i], -1);
}

/* The kernel brings a frame to the socket that was made last first; see daemon/supervisor/stats.c.
 */
static void test_counting_sockets_first(void **state)
{
	configure(2);
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 0, 3), -1), 0);
	assert_string_equal(fake.made, "cccppg");
}

static void test_outputs(void **state)
{
	assert_int_equal(ask(iface_msg(IPC_OPEN_OUTPUT, 0, 0), -1), -EINVAL);
	configure(2);
	assert_int_equal(ask(iface_msg(IPC_CLOSE_OUTPUT, 0, 0), -1), -ENOENT);
	assert_int_equal(ask(iface_msg(IPC_OPEN_OUTPUT, 0, 0), -1), 0);
	assert_int_equal(ask(iface_msg(IPC_OPEN_OUTPUT, 0, 0), -1), -EEXIST);
	assert_int_equal(ask(iface_msg(IPC_CLOSE_OUTPUT, 0, 0), -1), 0);
	assert_int_equal(sup->output[0].sock[1], -1);
}

/*
 * A control that died had opened inputs that its successor asks for with other settings, or not
 * at all.
 */
static void test_next_control(void **state)
{
	struct ipc_msg ready = {.type = IPC_READY}, other = iface_msg(IPC_OPEN_INPUT, 0, 3);
	struct ipc_msg smaller = iface_msg(IPC_OPEN_INPUT, 1, 3);
	uint64_t first[2];

	configure(2);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, i, 3), -1), 0);
		assert_int_equal(ask(iface_msg(IPC_OPEN_OUTPUT, i, 0), -1), 0);
	}
	first[0] = sup->input[0].incarnation;
	first[1] = sup->input[1].incarnation;
	sup->round++;
	/*
	 * Another interface has the slot by now: the sockets of the earlier one must not be taken
	 * for its own.
	 */
	other.iface.ifindex++;
	assert_int_equal(ask(other, -1), 0);
	assert_true(sup->input[0].incarnation > first[0]);
	assert_int_equal(sup->input[0].iface.ifindex, other.iface.ifindex);
	other.type = IPC_OPEN_OUTPUT;
	assert_int_equal(ask(other, -1), 0);
	assert_int_equal(sup->output[0].ifindex, other.iface.ifindex);
	/* Buffers that are larger than necessary do. */
	smaller.iface.mtu--;
	assert_int_equal(ask(smaller, -1), -EEXIST);
	assert_int_equal(sup->input[1].incarnation, first[1]);
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 2, 3), -1), -EEXIST);
	assert_int_equal(ask(iface_msg(IPC_OPEN_OUTPUT, 2, 0), -1), -EEXIST);

	assert_int_equal(ask(ready, -1), 0);
	assert_true(sup->input[0].incarnation && sup->output[0].incarnation);
	assert_int_equal(sup->input[1].incarnation, first[1]);
	assert_int_equal(sup->output[1].incarnation, 0);
	assert_true(sup->input[2].incarnation && sup->output[2].incarnation);
	assert_int_equal(sup->input[3].incarnation, 0);
	assert_int_equal(sup->output[3].sock[1], -1);
}

/* Frames that no rule wants: all IPv4 UDP less 10 frames of each of two packet sockets. */
static void test_unclaimed(void **state)
{
	static const struct {
		const char *name;
		uint32_t counted;
		uint64_t foreign, not_matched;
	} rows[] = {
		{"all wanted", 20, 20, 20},
		{"some unwanted", 25, 45, 50},
		{"the counting socket was read too early", 17, 62, 67},
		{"and makes up for it", 23, 85, 90},
		{"exactly", 21, 106, 112},
	};

	configure(2);
	fake.counted = 20;
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 0, 3), -1), 0);
	memset(&page.slot[0], 0, sizeof(page.slot[0]));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("  %s\n", rows[i].name);
		fake.counted = rows[i].counted;
		assert_int_equal(ask((struct ipc_msg){.type = IPC_REFRESH_STATS}, -1), 0);
		assert_int_equal(page.slot[0].all.not_ipv4_udp, rows[i].foreign);
		assert_int_equal(page.slot[0].all.not_matched, rows[i].not_matched);
	}
}

static void test_filters(void **state)
{
	static const struct {
		const char *name;
		uint32_t n;
		size_t size;
		int attach_error, status;
		uint64_t coarse;
		int seals; /* 0: all */
	} rows[] = {
		{"exact", 5, 8 + 5 * 8, 0, 0, 0},
		{"may still be written", 5, 8 + 5 * 8, 0, -EPERM, 0, MEMFD_SHARED_SEALS},
		{"too big for the kernel", 80, 8 + 80 * 8, -ENOMEM, 0, 1},
		{"refused by the kernel", 80, 8 + 80 * 8, -EINVAL, -EINVAL, 0},
		{"shorter than announced", 5, 8 + 4 * 8, 0, -EINVAL, 0},
		{"longer than announced", 5, 8 + 6 * 8, 0, -EINVAL, 0},
		{"no header", 5, 7, 0, -EINVAL, 0},
		{"none", 0, 8, 0, -EINVAL, 0},
		{"beyond BPF_MAXINSNS", 4097, 8 + 4097 * 8, 0, -EINVAL, 0},
		{"size overflows", 0xffffffff, 8 + 8, 0, -EINVAL, 0},
	};
	int pair[2], fd;

	configure(1);
	fd = memory(NULL, 0, 64, 0);
	assert_int_equal(ask(iface_msg(IPC_SET_FILTER, 0, 0), fd), -ENOENT);
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 0, 1), -1), 0);
	/* Without a descriptor the message is not one. */
	assert_int_equal(ask(iface_msg(IPC_SET_FILTER, 0, 0), -1), -EBADMSG);
	/* Reading a pipe would block for ever. */
	assert_int_equal(pipe(pair), 0);
	assert_int_equal(ask(iface_msg(IPC_SET_FILTER, 0, 0), pair[0]), -EPERM);
	close(fd);
	close(pair[0]);
	close(pair[1]);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct filter_file head = {.n = rows[i].n};
		size_t len = rows[i].size < sizeof(head) ? rows[i].size : sizeof(head);
		int before = fake.filters;

		print_message("  %s\n", rows[i].name);
		fake.filter_error = rows[i].attach_error;
		fd = memory(&head, len, rows[i].size,
			    rows[i].seals ? rows[i].seals : MEMFD_ALL_SEALS);
		assert_int_equal(ask(iface_msg(IPC_SET_FILTER, 0, 0), fd), rows[i].status);
		assert_int_equal(reply_value, rows[i].coarse);
		if (rows[i].status && !rows[i].attach_error)
			assert_int_equal(fake.filters, before);
		close(fd);
	}
}

/* Inputs and outputs leave the reserve alone, whole or not at all, and open when there is room. */
static void test_reserve(void **state)
{
	const struct ipc_msg in = iface_msg(IPC_OPEN_INPUT, 0, 3);
	const struct ipc_msg out = iface_msg(IPC_OPEN_OUTPUT, 0, 0);
	int lowest;

	configure(2);
	lowest = some_fd();
	close(lowest);
	/* Room for three sockets beside the reserve: an input takes four, an output two. */
	descriptor_reserve_set(0);
	descriptor_reserve_set(descriptor_budget() - (unsigned)lowest - 3);
	assert_int_equal(ask(in, -1), -EMFILE);
	assert_int_equal(sup->input[0].incarnation, 0);
	assert_int_equal(some_fd(), lowest); /* nothing was left open */
	close(lowest);
	assert_int_equal(ask(out, -1), 0);
	assert_int_equal(ask(iface_msg(IPC_OPEN_OUTPUT, 1, 0), -1), -EMFILE);
	assert_int_equal(sup->output[1].incarnation, 0);
	/* An open output stays open, and a refused one opens when there is room. */
	assert_int_equal(ask(out, -1), -EEXIST);
	assert_int_equal(ask(iface_msg(IPC_CLOSE_OUTPUT, 0, 0), -1), 0);
	assert_int_equal(ask(iface_msg(IPC_OPEN_OUTPUT, 1, 0), -1), 0);
	descriptor_reserve_set(0);
	assert_int_equal(ask(in, -1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_inputs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_input_wanted_in_another_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slot_handed_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_input_undone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counting_sockets_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_outputs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_next_control, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unclaimed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reserve, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
