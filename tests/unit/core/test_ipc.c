// SPDX-License-Identifier: MIT
/*
 * test_ipc.c - who may send what to whom, and what survives the way
 *
 * Links: core/base/ipc.c core/base/addr.c
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "core/base/ipc.h"
#include "core/rules/snapshot.h"
#include "tests/unit/core/ipc_fixture.h"

static int wanted(size_t row, enum ipc_peer peer, unsigned n_fds)
{
	const bool child = types[row].peers & (NEW_CONTROL | NEW_WORKER);
	const bool new_child = peer == IPC_TO_NEW_CONTROL || peer == IPC_TO_NEW_WORKER;

	if (types[row].peers >> peer & 1)
		return n_fds != types[row].n_fds ? -EBADMSG : 0;
	/*
	 * Both roles have the same numbers of messages; a message of the other role has no valid
	 * body.
	 */
	if (child && new_child)
		return n_fds != types[row].n_fds ? -EBADMSG : -ERANGE;
	return -EPROTO;
}

static void directions_and_descriptors(void **state)
{
	for (size_t t = 0; t < TYPES; t++) {
		for (enum ipc_peer peer = IPC_FROM_CONTROL; peer < IPC_PEERS; peer++) {
			for (unsigned n_fds = 0; n_fds <= 3; n_fds++) {
				struct ipc_msg m = good_row(t), out;
				int got;

				m.has_fd = (uint16_t)types[t].n_fds;
				got = ipc_parse(&m, sizeof(m), n_fds, peer, &out);
				if (got != wanted(t, peer, n_fds))
					fail_msg("%s, peer %d, %u fds: %d", types[t].name, peer,
						 n_fds, got);
				if (got == 0)
					assert_memory_equal(&m, &out, sizeof(m));
			}
		}
	}
}

/* There is no type beyond the first and the last of each direction. */
static void types_end(void **state)
{
	static const uint16_t none[] = {IPC_CONFIGURE - 1,
					IPC_LAST_REQUEST + 1,
					IPC_WORKER_READY - 1,
					IPC_LAST_FROM_WORKER + 1,
					IPC_PASS_FD - 1,
					IPC_LAST_TO_NEW_CHILD + 1,
					IPC_REPLY - 1,
					IPC_LAST_TO_CONTROL + 1,
					IPC_INPUT - 1,
					IPC_LAST_TO_WORKER + 1,
					0,
					1,
					0xffff};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		for (enum ipc_peer peer = IPC_FROM_CONTROL; peer < IPC_PEERS; peer++) {
			struct ipc_msg m = {.magic = IPC_MAGIC, .type = none[i]}, out;

			assert_int_equal(ipc_parse(&m, sizeof(m), 0, peer, &out), -EPROTO);
		}
	}
}

static void envelope(void **state)
{
	struct ipc_msg m = good(IPC_SPAWN), out;
	char longer[sizeof(m) + 1] = {0};

	memcpy(longer, &m, sizeof(m));
	assert_int_equal(ipc_parse(longer, sizeof(m), 0, IPC_FROM_CONTROL, &out), 0);
	assert_int_equal(ipc_parse(longer, sizeof(m) + 1, 0, IPC_FROM_CONTROL, &out), -EBADMSG);
	assert_int_equal(ipc_parse(longer, sizeof(m) - 1, 0, IPC_FROM_CONTROL, &out), -EBADMSG);
	assert_int_equal(ipc_parse(longer, 0, 0, IPC_FROM_CONTROL, &out), -EBADMSG);
	m.magic++;
	assert_int_equal(ipc_parse(&m, sizeof(m), 0, IPC_FROM_CONTROL, &out), -EBADMSG);
	m = good(IPC_SPAWN);
	m.has_fd = 1; /* says one came, and none did */
	assert_int_equal(ipc_parse(&m, sizeof(m), 0, IPC_FROM_CONTROL, &out), -EBADMSG);
}

/* One value of a good message is changed; is it in range? */
#define RANGE(type, peer, field, value, ret)                                  \
	do {                                                                  \
		struct ipc_msg m_ = good(type), out_;                         \
		int got_;                                                     \
		m_.field = value;                                             \
		got_ = ipc_parse(&m_, sizeof(m_), m_.has_fd, peer, &out_);    \
		if (got_ != (ret))                                            \
			fail_msg(#type " " #field " = " #value ": %d", got_); \
	} while (0)

static void ranges_of_requests(void **state)
{
	const enum ipc_peer peer = IPC_FROM_CONTROL;
	const struct addr none_with_bytes = {.bytes = {10}};
	const struct addr loopback = {.family = ADDR_IPV4, .bytes = {127, [3] = 1}};
	const struct addr six = {.family = ADDR_IPV6, .bytes = {0xff}};
	const struct addr tail = {.family = ADDR_IPV4, .bytes = {239, [4] = 1}};

	RANGE(IPC_CONFIGURE, peer, configure.workers, 0, -ERANGE);
	RANGE(IPC_CONFIGURE, peer, configure.workers, MCR_MAX_WORKERS, 0);
	RANGE(IPC_CONFIGURE, peer, configure.workers, MCR_MAX_WORKERS + 1, -ERANGE);
	RANGE(IPC_CONFIGURE, peer, configure.flags, 1, 0);
	RANGE(IPC_CONFIGURE, peer, configure.flags, 2, -ERANGE);
	RANGE(IPC_CONFIGURE, peer, configure.busy_poll_us, MCR_BUSY_POLL_MAX_US, 0);
	RANGE(IPC_CONFIGURE, peer, configure.busy_poll_us, MCR_BUSY_POLL_MAX_US + 1, -ERANGE);
	RANGE(IPC_PIN, peer, pin.worker, MCR_MAX_WORKERS, -ERANGE);
	RANGE(IPC_PIN, peer, pin.cpu, 1023, 0);
	RANGE(IPC_PIN, peer, pin.cpu, 1024, -ERANGE);
	RANGE(IPC_PIN, peer, pin.cpu, -2, -ERANGE);
	RANGE(IPC_OPEN_INPUT, peer, iface.slot, MCR_MAX_IFACES, -ERANGE);
	RANGE(IPC_OPEN_INPUT, peer, iface.ifindex, 0, -ERANGE);
	RANGE(IPC_OPEN_INPUT, peer, iface.ifindex, 0x80000000, -ERANGE);
	RANGE(IPC_OPEN_INPUT, peer, iface.mtu, 67, -ERANGE);
	RANGE(IPC_OPEN_INPUT, peer, iface.mtu, 65536, 0);
	RANGE(IPC_OPEN_INPUT, peer, iface.mtu, 65537, -ERANGE);
	RANGE(IPC_OPEN_INPUT, peer, iface.steering, STEERINGS, -ERANGE);
	RANGE(IPC_OPEN_INPUT, peer, iface.gro, GRO_SETTINGS, -ERANGE);
	RANGE(IPC_OPEN_INPUT, peer, iface.supers, 2, -ERANGE);
	RANGE(IPC_OPEN_INPUT, peer, iface.link, LINK_LAYERS, -ERANGE);
	RANGE(IPC_OPEN_INPUT, peer, iface.worker_mask, UINT64_MAX, 0);
	RANGE(IPC_OPEN_OUTPUT, peer, iface.slot, MCR_MAX_IFACES, -ERANGE);
	RANGE(IPC_OPEN_OUTPUT, peer, iface.ifindex, 0, -ERANGE);
	RANGE(IPC_CLOSE_INPUT, peer, iface.slot, MCR_MAX_IFACES, -ERANGE);
	RANGE(IPC_CLOSE_OUTPUT, peer, iface.slot, MCR_NO_SLOT, -ERANGE);
	RANGE(IPC_SET_FILTER, peer, iface.slot, MCR_MAX_IFACES, -ERANGE);
	RANGE(IPC_OPEN_EGRESS_SOCKET, peer, egress_socket.id, MCR_MAX_EGRESS_SOCKETS - 1, 0);
	RANGE(IPC_OPEN_EGRESS_SOCKET, peer, egress_socket.id, MCR_MAX_EGRESS_SOCKETS, -ERANGE);
	RANGE(IPC_OPEN_EGRESS_SOCKET, peer, egress_socket.iface, MCR_MAX_IFACES, -ERANGE);
	RANGE(IPC_OPEN_EGRESS_SOCKET, peer, egress_socket.ifindex, 0, -ERANGE);
	RANGE(IPC_OPEN_EGRESS_SOCKET, peer, egress_socket.to_be, 0, -ERANGE);
	RANGE(IPC_OPEN_EGRESS_SOCKET, peer, egress_socket.source_be, htonl(0x0a000001), 0);
	RANGE(IPC_OPEN_EGRESS_SOCKET, peer, egress_socket.source_be, htonl(0xef000001), -ERANGE);
	RANGE(IPC_OPEN_EGRESS_SOCKET, peer, egress_socket.port, 0, -ERANGE);
	RANGE(IPC_OPEN_EGRESS_SOCKET, peer, egress_socket.ttl, 0, -ERANGE);
	RANGE(IPC_OPEN_EGRESS_SOCKET, peer, egress_socket.dscp, 63, 0);
	RANGE(IPC_OPEN_EGRESS_SOCKET, peer, egress_socket.dscp, 64, -ERANGE);
	RANGE(IPC_OPEN_EGRESS_SOCKET, peer, egress_socket.kind, EGRESS_SOCKET_INTERFACE, -ERANGE);
	RANGE(IPC_OPEN_EGRESS_SOCKET, peer, egress_socket.kind, EGRESS_SOCKET_HOST,
	      -ERANGE); /* with a port */
	RANGE(IPC_OPEN_EGRESS_SOCKET, peer, egress_socket.kind, EGRESS_SOCKET_KINDS, -ERANGE);
	RANGE(IPC_OPEN_EGRESS_SOCKET, peer, egress_socket.connected, 2, -ERANGE);
	RANGE(IPC_CLOSE_EGRESS_SOCKET, peer, egress_socket.id, MCR_MAX_EGRESS_SOCKETS, -ERANGE);
	RANGE(IPC_EGRESS_SOCKET, IPC_TO_WORKER, egress_socket.id, MCR_MAX_EGRESS_SOCKETS, -ERANGE);
	RANGE(IPC_EGRESS_SOCKET, IPC_TO_WORKER, egress_socket.iface, MCR_MAX_IFACES, -ERANGE);
	RANGE(IPC_EGRESS_SOCKET_CLOSE, IPC_TO_WORKER, egress_socket.id, MCR_MAX_EGRESS_SOCKETS,
	      -ERANGE);
	RANGE(IPC_START, IPC_TO_NEW_CONTROL, start.egress_sockets, MCR_MAX_EGRESS_SOCKETS, 0);
	RANGE(IPC_START, IPC_TO_NEW_CONTROL, start.egress_sockets, MCR_MAX_EGRESS_SOCKETS + 1,
	      -ERANGE);
	RANGE(IPC_JOIN, peer, join.ifindex, 0, -ERANGE);
	RANGE(IPC_JOIN, peer, join.group, HOST, -ERANGE);
	RANGE(IPC_JOIN, peer, join.group, six, -ERANGE);
	RANGE(IPC_JOIN, peer, join.group, tail, -ERANGE);
	RANGE(IPC_JOIN, peer, join.source, HOST, 0);
	RANGE(IPC_JOIN, peer, join.source, GROUP, -ERANGE);
	RANGE(IPC_JOIN, peer, join.source, none_with_bytes, -ERANGE);
	RANGE(IPC_LEAVE, peer, join.group, HOST, -ERANGE);
	RANGE(IPC_BIND, peer, join.group, GROUP, -ERANGE);
	RANGE(IPC_BIND, peer, join.port, 0, -ERANGE);
	RANGE(IPC_BIND, peer, join.source, HOST, -ERANGE);
	RANGE(IPC_UNBIND, peer, join.ifindex, 0, -ERANGE);
	RANGE(IPC_PROBE, peer, probe.ifindex, 0, -ERANGE);
	RANGE(IPC_PROBE, peer, probe.ifindex, 0x80000000, -ERANGE);
	RANGE(IPC_PROBE, peer, probe.host, GROUP, -ERANGE);
	RANGE(IPC_PROBE, peer, probe.host, loopback, -ERANGE);
	RANGE(IPC_PROBE, peer, probe.host, none_with_bytes, -ERANGE);
	RANGE(IPC_PROBE, peer, probe.kind, PROBE_KINDS, -ERANGE);
	RANGE(IPC_PUBLISH, peer, publish.size_bytes, 63, -ERANGE);
	RANGE(IPC_PUBLISH, peer, publish.size_bytes, SNAPSHOT_MAX_BYTES, 0);
	RANGE(IPC_PUBLISH, peer, publish.size_bytes, SNAPSHOT_MAX_BYTES + 1, -ERANGE);
}

static void ranges_of_the_rest(void **state)
{
	RANGE(IPC_PASS_FD, IPC_TO_NEW_CONTROL, pass_fd.what, 0, -ERANGE);
	RANGE(IPC_PASS_FD, IPC_TO_NEW_CONTROL, pass_fd.what, PASSED_FDS, -ERANGE);
	RANGE(IPC_PASS_FD, IPC_TO_NEW_CONTROL, pass_fd.index, MCR_MAX_WORKERS, -ERANGE);
	RANGE(IPC_START, IPC_TO_NEW_WORKER, start.worker, 1, -ERANGE);
	RANGE(IPC_START, IPC_TO_NEW_WORKER, start.workers, MCR_MAX_WORKERS + 1, -ERANGE);
	RANGE(IPC_START, IPC_TO_NEW_WORKER, start.workers, 0, -ERANGE);
	RANGE(IPC_START, IPC_TO_NEW_CONTROL, start.workers, 0, 0);
	RANGE(IPC_START, IPC_TO_NEW_CONTROL, start.worker, 1, -ERANGE);
	RANGE(IPC_START, IPC_TO_NEW_WORKER, start.flags, 0x80000000, -ERANGE);
	RANGE(IPC_START, IPC_TO_NEW_WORKER, start.cpu, -2, -ERANGE);
	RANGE(IPC_START, IPC_TO_NEW_WORKER, start.busy_poll_us, MCR_BUSY_POLL_MAX_US + 1, -ERANGE);
	RANGE(IPC_START, IPC_TO_NEW_CONTROL, start.egress_sockets, MCR_MAX_EGRESS_SOCKETS, 0);
	RANGE(IPC_START, IPC_TO_NEW_CONTROL, start.egress_sockets, MCR_MAX_EGRESS_SOCKETS + 1,
	      -ERANGE);
	RANGE(IPC_INTERFACE, IPC_TO_NEW_CONTROL, interface.name[0], '\0', -ERANGE);
	RANGE(IPC_INTERFACE, IPC_TO_NEW_CONTROL, interface.name[4], '1', 0);
	RANGE(IPC_INTERFACE, IPC_TO_NEW_CONTROL, interface.name[5], '1',
	      -ERANGE); /* behind its NUL */
	RANGE(IPC_WORKER_PAGE, IPC_TO_CONTROL, pin.worker, MCR_MAX_WORKERS - 1, 0);
	RANGE(IPC_WORKER_PAGE, IPC_TO_CONTROL, pin.worker, MCR_MAX_WORKERS, -ERANGE);
	RANGE(IPC_REPLY, IPC_TO_CONTROL, reply.status, 1, -ERANGE);
	RANGE(IPC_REPLY, IPC_TO_CONTROL, reply.status, -EPERM, 0);
	RANGE(IPC_REPLY, IPC_TO_CONTROL, reply.status, -4096, -ERANGE);
	RANGE(IPC_REPLY, IPC_TO_CONTROL, reply.request, 0, -ERANGE);
	RANGE(IPC_REPLY, IPC_TO_CONTROL, reply.request, IPC_LAST_REQUEST + 1, -ERANGE);
	RANGE(IPC_WORKER_STATE, IPC_TO_CONTROL, worker.worker, MCR_MAX_WORKERS, -ERANGE);
	RANGE(IPC_WORKER_STATE, IPC_TO_CONTROL, worker.out, 1, 0);
	RANGE(IPC_WORKER_STATE, IPC_TO_CONTROL, worker.out, 2, -ERANGE);
	RANGE(IPC_STAND_IN, IPC_FROM_CONTROL, stand_in.worker, MCR_MAX_WORKERS, -ERANGE);
	RANGE(IPC_STAND_IN, IPC_FROM_CONTROL, stand_in.worker, 1, -ERANGE);
	RANGE(IPC_STAND_IN, IPC_FROM_CONTROL, stand_in.by, MCR_MAX_WORKERS, -ERANGE);
	RANGE(IPC_INPUT, IPC_TO_WORKER, input.worker, MCR_MAX_WORKERS, -ERANGE);
	RANGE(IPC_INPUT_CLOSE, IPC_TO_WORKER, input.worker, MCR_MAX_WORKERS, -ERANGE);
	RANGE(IPC_WORKER_STATE, IPC_TO_CONTROL, worker.running, 2, -ERANGE);
	RANGE(IPC_WORKER_STATE, IPC_TO_CONTROL, worker.pid, -1, -ERANGE);
	RANGE(IPC_WORKER_STATE, IPC_TO_CONTROL, worker.cpu, -2, -ERANGE);
	RANGE(IPC_WORKER_STATE, IPC_TO_CONTROL, worker.ending, ENDINGS - 1, 0);
	RANGE(IPC_WORKER_STATE, IPC_TO_CONTROL, worker.ending, ENDINGS, -ERANGE);
	RANGE(IPC_RESTART_WORKER, IPC_FROM_CONTROL, pin.worker, MCR_MAX_WORKERS, -ERANGE);
	RANGE(IPC_UPGRADED, IPC_TO_CONTROL, upgraded.outcome, UPGRADE_OUTCOMES - 1, 0);
	RANGE(IPC_UPGRADED, IPC_TO_CONTROL, upgraded.outcome, UPGRADE_OUTCOMES, -ERANGE);
	RANGE(IPC_INPUT, IPC_TO_WORKER, input.slot, MCR_MAX_IFACES, -ERANGE);
	RANGE(IPC_INPUT, IPC_TO_WORKER, input.ifindex, 0, -ERANGE);
	RANGE(IPC_INPUT, IPC_TO_WORKER, input.link, LINK_LAYERS, -ERANGE);
	RANGE(IPC_INPUT, IPC_TO_WORKER, input.buf_class, BUF_CLASSES, -ERANGE);
	RANGE(IPC_INPUT_CLOSE, IPC_TO_WORKER, input.slot, MCR_MAX_IFACES, -ERANGE);
	RANGE(IPC_OUTPUT, IPC_TO_WORKER, input.slot, MCR_MAX_IFACES, -ERANGE);
	RANGE(IPC_OUTPUT_CLOSE, IPC_TO_WORKER, input.slot, MCR_MAX_IFACES, -ERANGE);
	RANGE(IPC_SNAPSHOT, IPC_TO_WORKER, publish.size_bytes, 0, -ERANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directions_and_descriptors),
		cmocka_unit_test(types_end),
		cmocka_unit_test(envelope),
		cmocka_unit_test(ranges_of_requests),
		cmocka_unit_test(ranges_of_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
