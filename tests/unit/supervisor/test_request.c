// SPDX-License-Identifier: MIT
/*
 * test_request.c - the supervisor against a control that cannot be trusted
 *
 * Order, ranges and descriptors of what it asks for; interfaces are the business of
 * test_iface.c.  A refused request must change nothing.
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
#include <netinet/in.h>

#include "core/rules/snapshot.h"
#include "daemon/supervisor/probe.h"
#include "tests/unit/supervisor/request_fixture.h"

static void test_start(void **state)
{
	struct ipc_msg spawn = {.type = IPC_SPAWN};
	struct ipc_msg pin = {.type = IPC_PIN, .pin = {.worker = 1, .cpu = 0}};
	struct ipc_msg twice = {.type = IPC_CONFIGURE, .configure = {.workers = 2}};
	struct ipc_msg other = {.type = IPC_CONFIGURE, .configure = {.workers = 3}};
	struct ipc_msg none = {.type = IPC_CONFIGURE};

	assert_int_equal(ask(spawn, -1), -EINVAL);
	assert_int_equal(ask(pin, -1), -ERANGE);
	assert_int_equal(ask(none, -1), -ERANGE);
	configure(2);
	assert_int_equal(ask(twice, -1), 0);
	assert_int_equal(ask(other, -1), -EALREADY);
	assert_int_equal(sup->workers, 2);
	pin.pin.worker = 2;
	assert_int_equal(ask(pin, -1), -ERANGE);
	pin.pin.worker = 1;
	assert_int_equal(ask(pin, -1), 0);
	assert_int_equal(ask(spawn, -1), 1);
	assert_int_equal(calls.started, 2);
	pin.pin.cpu = 1;
	assert_int_equal(ask(pin, -1), -EBUSY);
	sup->child[0].state = sup->child[1].state = CHILD_READY;
	assert_int_equal(ask(spawn, -1), 0);
	assert_int_equal(calls.started, 2);
}

/* Control may have a worker restarted that is there and ready, and no other. */
static void test_restart_worker(void **state)
{
	struct ipc_msg m = {.type = IPC_RESTART_WORKER, .pin = {.worker = 1, .cpu = -1}};

	assert_int_equal(ask(m, -1), -ERANGE);
	configure(2);
	assert_int_equal(ask(m, -1), -EALREADY);
	sup->child[1].state = CHILD_READY;
	assert_int_equal(ask(m, -1), 0);
	assert_int_equal(calls.killed, 1);
	assert_int_equal(sup->child[1].ending, END_DRIFT);
	assert_int_equal(sup->child[0].ending, END_NONE);
	m.pin.worker = 2;
	assert_int_equal(ask(m, -1), -ERANGE);
	m.pin.worker = MCR_MAX_WORKERS;
	assert_int_equal(ask(m, -1), -ERANGE);
	assert_int_equal(ask((struct ipc_msg){.type = IPC_UPGRADE}, -1), -EBUSY);
	assert_int_equal(calls.killed, 1);
}

static void test_publish(void **state)
{
	const int all = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
	static const struct {
		const char *name;
		int missing;
		uint64_t announced;
		int status;
	} rows[] = {
		{"first", 0, 4096, 0},
		{"may still be written", F_SEAL_WRITE, 4096, -EPERM},
		{"may still shrink", F_SEAL_SHRINK, 4096, -EPERM},
		{"may still grow", F_SEAL_GROW, 4096, -EPERM},
		{"size is another", 0, 4097, -EINVAL},
		{"size cannot be", 0, SNAPSHOT_MAX_BYTES + 1, -ERANGE},
		{"second", 0, 4096, 0},
	};

	configure(2);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ipc_msg m = {
			.type = IPC_PUBLISH,
			.publish = {.generation = i + 1, .size_bytes = rows[i].announced}};
		uint64_t serial = sup->snapshot_serial;
		int fd = memory(NULL, 0, 4096, all & ~rows[i].missing);
		int before = sup->snapshot_fd;

		print_message("  %s\n", rows[i].name);
		assert_int_equal(ask(m, fd), rows[i].status);
		close(fd);
		assert_int_equal(sup->snapshot_serial, serial + (rows[i].status == 0));
		if (rows[i].status) {
			assert_int_equal(sup->snapshot_fd, before);
			assert_true(fcntl(before, F_GET_SEALS) >= 0);
		} else {
			assert_int_equal(sup->snapshot.generation, i + 1);
			assert_int_equal(reply_value, 2);
		}
	}
	assert_int_equal(ask((struct ipc_msg){.type = IPC_PUBLISH, .publish = {1, 4096}}, 0),
			 -EPERM);
}

/* Changes of the whole snapshot that is kept take the place of those before them. */
static void test_publish_changes(void **state)
{
	static const struct {
		const char *name;
		uint64_t generation, base;
		int status;
		uint64_t whole, changes; /* kept afterwards */
	} rows[] = {
		{"changes before anything", 2, 1, -ESTALE, 0, 0},
		{"whole", 5, 0, 0, 5, 0},
		{"changes", 6, 5, 0, 5, 6},
		{"more", 7, 5, 0, 5, 7},
		{"of another base", 8, 6, -ESTALE, 5, 7},
		{"of itself", 9, 9, -ERANGE, 5, 7},
		{"whole again", 10, 0, 0, 10, 0},
		{"of the last base", 11, 5, -ESTALE, 10, 0},
		{"changes again", 12, 10, 0, 10, 12},
	};

	configure(2);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ipc_msg m = {.type = IPC_PUBLISH,
				    .publish = {.generation = rows[i].generation,
						.base = rows[i].base,
						.size_bytes = 4096}};
		int fd = memory(NULL, 0, 4096, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);

		print_message("  %s\n", rows[i].name);
		assert_int_equal(ask(m, fd), rows[i].status);
		close(fd);
		assert_int_equal(sup->snapshot_fd >= 0 ? sup->snapshot.generation : 0,
				 rows[i].whole);
		assert_int_equal(sup->changes_fd >= 0 ? sup->changes.generation : 0,
				 rows[i].changes);
	}
}

/* A control that scans a network gets no further than an output's interface, and not far. */
static void test_probes(void **state)
{
	struct ipc_msg m = {.type = IPC_PROBE,
			    .probe = {.ifindex = 5, .host = addr_from_ipv4_be(htonl(0x0a000001))}};
	int allowed = 0, ret = 0;

	assert_int_equal(ask(m, -1), -ENODEV);
	configure(1);
	assert_int_equal(ask((struct ipc_msg){.type = IPC_OPEN_OUTPUT,
					      .iface = {.slot = 3, .ifindex = 5, .mtu = 1500}},
			     -1),
			 0);
	fake.probe_error = -EPERM;
	assert_int_equal(ask(m, -1), -EPERM);
	fake.probe_error = 0;
	fake.probes = 0;
	m.probe.ifindex = 6;
	assert_int_equal(ask(m, -1), -ENODEV);
	assert_int_equal(fake.probes, 0);
	m.probe.ifindex = 5;
	/* The clock of this test stands still: all of it is one second, with one probe above. */
	for (int i = 0; i < 1000; i++) {
		ret = ask(m, -1);
		allowed += ret == 0;
	}
	assert_int_equal(ret, -EAGAIN);
	assert_int_equal(allowed, 255);
	assert_int_equal(fake.probes, allowed);
	assert_int_equal(ask((struct ipc_msg){.type = IPC_CLOSE_OUTPUT, .iface = {.slot = 3}}, -1),
			 0);
	assert_int_equal(ask(m, -1), -ENODEV);
}

/* An entry is managed for as long as a control wants it, and no more of them than there is room. */
static void test_managed_neighbours(void **state)
{
	struct ipc_msg m = {.type = IPC_PROBE,
			    .probe = {.ifindex = 5,
				      .host = addr_from_ipv4_be(htonl(0x0a000001)),
				      .kind = PROBE_KEEP}};

	configure(1);
	sup->have_net_admin = true;
	assert_int_equal(ask((struct ipc_msg){.type = IPC_OPEN_OUTPUT,
					      .iface = {.slot = 3, .ifindex = 5, .mtu = 1500}},
			     -1),
			 0);
	fake.probe_error = -EPERM;
	assert_int_equal(ask(m, -1), -EPERM);
	assert_int_equal(sup->n_managed, 0);
	fake.probe_error = 0;
	assert_int_equal(ask(m, -1), 0);
	assert_int_equal(ask(m, -1), 0);
	assert_int_equal(sup->n_managed, 1);
	/* Entries of others stay; our own are removed, also when their output has gone. */
	m.probe.kind = PROBE_RELEASE;
	m.probe.ifindex = 6;
	assert_int_equal(ask(m, -1), 0);
	assert_int_equal(fake.released, 0);
	m.probe.ifindex = 5;
	assert_int_equal(ask((struct ipc_msg){.type = IPC_CLOSE_OUTPUT, .iface = {.slot = 3}}, -1),
			 0);
	assert_int_equal(ask(m, -1), 0);
	assert_int_equal(fake.released, 1);
	assert_int_equal(sup->n_managed, 0);
}

/*
 * A new control keeps the sockets that it asks for; the table is bounded, and is freed at the
 * end.
 */
static void test_managed_neighbours_of_before(void **state)
{
	struct ipc_probe p = {.ifindex = 5, .kind = PROBE_KEEP};

	sup->have_net_admin = true;
	sup->output[3].incarnation = 1;
	sup->output[3].ifindex = 5;
	for (unsigned i = 0; i < MANAGED_NEIGHBOURS_MAX + 3; i++) {
		sup->probes = 0;
		p.host = addr_from_ipv4_be(htonl(0x0a000001 + i));
		assert_int_equal(probe_neighbour(sup, &p), 0);
	}
	assert_int_equal(sup->n_managed, MANAGED_NEIGHBOURS_MAX);
	assert_int_equal(fake.managed, MANAGED_NEIGHBOURS_MAX);
	sup->round++;
	sup->probes = 0;
	p.host = addr_from_ipv4_be(htonl(0x0a000001));
	assert_int_equal(probe_neighbour(sup, &p), 0);
	probe_drop_others(sup);
	assert_int_equal(sup->n_managed, 1);
	assert_int_equal(fake.released, MANAGED_NEIGHBOURS_MAX - 1);
	probe_fini(sup);
	assert_int_equal(sup->n_managed, 0);
}

/* The table itself is tested in test_membership.c. */
static void test_joins(void **state)
{
	struct ipc_msg m = {.type = IPC_JOIN,
			    .join = {.ifindex = 5, .group = addr_from_ipv4_be(htonl(0xef000001))}};

	assert_int_equal(ask(m, -1), 0);
	m.type = IPC_LEAVE;
	assert_int_equal(ask(m, -1), 0);
	assert_int_equal(ask(m, -1), -ENOENT);
	m.type = IPC_BIND; /* of a group, and without a port */
	assert_int_equal(ask(m, -1), -ERANGE);
	m.join.group = addr_from_ipv4_be(htonl(0x0a000001));
	assert_int_equal(ask(m, -1), -ERANGE);
	m.join.port = 5000;
	assert_int_equal(ask(m, -1), 0);
	m.type = IPC_UNBIND;
	assert_int_equal(ask(m, -1), 0);
	assert_int_equal(ask(m, -1), -ENOENT);
	m.type = IPC_JOIN; /* of what is no group */
	assert_int_equal(ask(m, -1), -ERANGE);
}

/* Types that only others may send never reach a handler. */
static void test_foreign_types(void **state)
{
	static const uint16_t types[] = {IPC_PASS_FD,
					 IPC_START,
					 IPC_REPLY,
					 IPC_INPUT,
					 IPC_DRAIN,
					 IPC_WORKER_STATE,
					 IPC_WORKER_READY,
					 IPC_SHUTDOWN,
					 IPC_LAST_REQUEST + 1,
					 0};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_int_equal(ask((struct ipc_msg){.type = types[i]}, -1), -EPROTO);
	assert_int_equal(ask((struct ipc_msg){.type = IPC_READY}, -1), 0);
	assert_int_equal(calls.announced, 1);
}

/* Memberships and bound sockets together are as many as rules can need, and no more. */
static void test_memberships_are_bounded(void **state)
{
	struct ipc_msg m = {.type = IPC_JOIN, .join = {.ifindex = 5}};
	struct ipc_msg bind = {.type = IPC_BIND, .join = {.ifindex = 5, .port = 1}};

	bind.join.group = addr_from_ipv4_be(htonl(0x0a000001));
	for (uint32_t i = 0; i < MEMBERSHIPS_MAX; i++) {
		m.join.group = addr_from_ipv4_be(htonl(0xef000000 + i));
		assert_int_equal(ask(m, -1), 0);
	}
	assert_int_equal(ask(m, -1), 0); /* it is joined */
	assert_int_equal(ask(bind, -1), -EDQUOT);
	m.join.group = addr_from_ipv4_be(htonl(0xeeffffff));
	assert_int_equal(ask(m, -1), -EDQUOT);
	m.join.group = addr_from_ipv4_be(htonl(0xef000000));
	m.type = IPC_LEAVE;
	assert_int_equal(ask(m, -1), 0);
	assert_int_equal(ask(bind, -1), 0);
}

/* Costly requests are granted in a burst, then at their rate; a repeated one is free. */
static void test_rates(void **state)
{
	static const struct {
		const char *name;
		enum ipc_request type;
		unsigned burst, per_s;
	} rows[] = {
		{"memberships", IPC_JOIN, 3 * MCR_MAX_RULES, MCR_MAX_RULES / 16},
		{"inputs", IPC_OPEN_INPUT, 2 * MCR_MAX_IFACES, 4},
		{"restarts", IPC_RESTART_WORKER, MCR_MAX_WORKERS, 1},
	};

	configure(1);
	sup->child[0].state = CHILD_READY;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ipc_msg m = {.type = (uint16_t)rows[i].type}, undo = m;
		unsigned granted = 0, seconds;

		print_message("%s\n", rows[i].name);
		if (m.type == IPC_JOIN) {
			m.join = (struct ipc_join){.ifindex = 5};
			m.join.group = addr_from_ipv4_be(htonl(0xef000001));
			undo.type = IPC_LEAVE;
			undo.join = m.join;
		} else if (m.type == IPC_OPEN_INPUT) {
			undo = m = iface_msg(IPC_OPEN_INPUT, 0, 1);
			undo.type = IPC_CLOSE_INPUT;
		} else {
			m.pin.cpu = -1;
			undo = (struct ipc_msg){.type = IPC_REFRESH_STATS};
		}
		for (unsigned n = 0; n < rows[i].burst; n++) {
			assert_int_equal(ask(m, -1), 0);
			assert_int_equal(ask(undo, -1), 0);
		}
		assert_int_equal(ask(m, -1), -EBUSY);
		for (seconds = 1; seconds <= 3; seconds++) {
			fixture_now_ns += NS_PER_S;
			for (granted = 0; ask(m, -1) == 0; granted++)
				ask(undo, -1);
			assert_int_equal(granted, rows[i].per_s);
		}
	}
}

static void test_ready_once(void **state)
{
	configure(1);
	assert_int_equal(ask((struct ipc_msg){.type = IPC_READY}, -1), 0);
	sup->child[CONTROL_INDEX].state = CHILD_READY; /* as lifecycle_announce() has it */
	assert_int_equal(ask((struct ipc_msg){.type = IPC_READY}, -1), -EALREADY);
	assert_int_equal(calls.announced, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_start, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restart_worker, setup, teardown),
		cmocka_unit_test_setup_teardown(test_publish, setup, teardown),
		cmocka_unit_test_setup_teardown(test_publish_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_probes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_managed_neighbours, setup, teardown),
		cmocka_unit_test_setup_teardown(test_managed_neighbours_of_before, setup, teardown),
		cmocka_unit_test_setup_teardown(test_joins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memberships_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rates, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ready_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign_types, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
