// SPDX-License-Identifier: MIT
/*
 * test_ipc.c - who may send what to whom, and what survives the way
 *
 * Links: core/base/ipc.c core/base/addr.c
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/ipc.h"
#include "core/rules/snapshot.h"

#define GROUP addr_from_ipv4_be(htonl(0xef010101))
#define HOST  addr_from_ipv4_be(htonl(0x0a000001))
#define GROUP_INIT                                             \
	{                                                      \
		.family = ADDR_IPV4, .bytes = { 239, 1, 1, 1 } \
	}
#define HOST_INIT                                             \
	{                                                     \
		.family = ADDR_IPV4, .bytes = { 10, 0, 0, 1 } \
	}

/* The contract: each type with its senders, its descriptor, and a body that is right. */
static const struct {
	const char *name;
	uint16_t type;
	unsigned peers; /* a bit each */
	unsigned n_fds;
	struct ipc_msg body;
} types[] = {
#define CTL         1u << IPC_FROM_CONTROL
#define NEW_CONTROL 1u << IPC_TO_NEW_CONTROL
#define NEW_WORKER  1u << IPC_TO_NEW_WORKER
#define TO_CONTROL  1u << IPC_TO_CONTROL
#define TO_WORKER   1u << IPC_TO_WORKER
#define IFACE                                                    \
	{                                                        \
		.iface = {.slot = 1, .ifindex = 2, .mtu = 1500 } \
	}
#define JOIN                                                 \
	{                                                    \
		.join = {.ifindex = 2, .group = GROUP_INIT } \
	}

#define BIND                                                              \
	{                                                                 \
		.join = {.ifindex = 2, .group = HOST_INIT, .port = 5000 } \
	}
#define EGRESS_SOCKET                              \
	{                                          \
		.egress_socket = {                 \
			.ifindex = 2,              \
			.to_be = 1,                \
			.kind = EGRESS_SOCKET_OWN, \
			.port = 5000,              \
			.ttl = 1,                  \
			.worker_mask = 1           \
		}                                  \
	}
#define PUBLISH                                                 \
	{                                                       \
		.publish = {.generation = 1, .size_bytes = 64 } \
	}
	{"configure", IPC_CONFIGURE, CTL, 0, {.configure = {.workers = 2}}},
	{"pin", IPC_PIN, CTL, 0, {.pin = {.cpu = -1}}},
	{"spawn", IPC_SPAWN, CTL, 0},
	{"open input", IPC_OPEN_INPUT, CTL, 0, IFACE},
	{"close input", IPC_CLOSE_INPUT, CTL, 0},
	{"set filter", IPC_SET_FILTER, CTL, 1},
	{"open output", IPC_OPEN_OUTPUT, CTL, 0, IFACE},
	{"close output", IPC_CLOSE_OUTPUT, CTL, 0},
	{"open egress_socket", IPC_OPEN_EGRESS_SOCKET, CTL, 0, EGRESS_SOCKET},
	{"close egress_socket", IPC_CLOSE_EGRESS_SOCKET, CTL, 0},
	{"join", IPC_JOIN, CTL, 0, JOIN},
	{"leave", IPC_LEAVE, CTL, 0, JOIN},
	{"bind", IPC_BIND, CTL, 0, BIND},
	{"unbind", IPC_UNBIND, CTL, 0, BIND},
	{"publish", IPC_PUBLISH, CTL, 1, PUBLISH},
	{"refresh", IPC_REFRESH_STATS, CTL, 0},
	{"probe", IPC_PROBE, CTL, 0, {.probe = {.ifindex = 2, .host = HOST_INIT}}},
	{"verify", IPC_VERIFY, CTL, 0},
	{"stand in", IPC_STAND_IN, CTL, 0, {.stand_in = {.by = 1}}},
	{"restart worker", IPC_RESTART_WORKER, CTL, 0},
	{"upgrade", IPC_UPGRADE, CTL, 0},
	{"ready", IPC_READY, CTL, 0},
	{"worker ready", IPC_WORKER_READY, 1u << IPC_FROM_WORKER, 0},
	{"pass", IPC_PASS_FD, NEW_CONTROL | NEW_WORKER, 1, {.pass_fd = {.what = PASSED_ARENA}}},
	{"interface", IPC_INTERFACE, NEW_CONTROL, 0, {.interface = {"eth0"}}},
	{"start", IPC_START, NEW_CONTROL | NEW_WORKER, 0, {.start = {.workers = 1}}},
	{"reply", IPC_REPLY, TO_CONTROL, 0, {.reply = {.request = IPC_PIN}}},
	{"worker page", IPC_WORKER_PAGE, TO_CONTROL, 1},
	{"worker state", IPC_WORKER_STATE, TO_CONTROL, 0},
	{"reload", IPC_RELOAD, TO_CONTROL, 1},
	{"upgraded", IPC_UPGRADED, TO_CONTROL, 0},
	{"shutdown", IPC_SHUTDOWN, TO_CONTROL, 0},
	{"drain", IPC_DRAIN, TO_WORKER, 0},
	{"input", IPC_INPUT, TO_WORKER, 1, {.input = {.ifindex = 2}}},
	{"input close", IPC_INPUT_CLOSE, TO_WORKER, 0},
	{"output", IPC_OUTPUT, TO_WORKER, 1},
	{"output close", IPC_OUTPUT_CLOSE, TO_WORKER, 0},
	{"egress_socket", IPC_EGRESS_SOCKET, TO_WORKER, 1, EGRESS_SOCKET},
	{"egress_socket close", IPC_EGRESS_SOCKET_CLOSE, TO_WORKER, 0},
	{"snapshot", IPC_SNAPSHOT, TO_WORKER, 1, PUBLISH},
};
#define TYPES (sizeof(types) / sizeof(types[0]))

#define COUNT(first, last) ((last) - (first) + 1)
static_assert(TYPES == COUNT(IPC_CONFIGURE, IPC_LAST_REQUEST) +
			       COUNT(IPC_WORKER_READY, IPC_LAST_FROM_WORKER) +
			       COUNT(IPC_PASS_FD, IPC_LAST_TO_NEW_CHILD) +
			       COUNT(IPC_REPLY, IPC_LAST_TO_CONTROL) +
			       COUNT(IPC_INPUT, IPC_LAST_TO_WORKER),
	      "every type is tested");

static struct ipc_msg good_row(size_t row)
{
	struct ipc_msg m = types[row].body;

	m.magic = IPC_MAGIC;
	m.type = types[row].type;
	m.has_fd = (uint16_t)types[row].n_fds;
	return m;
}

static struct ipc_msg good(unsigned type)
{
	size_t row = 0;

	while (types[row].type != type)
		row++;
	return good_row(row);
}

static int wanted(size_t row, enum ipc_peer peer, unsigned n_fds)
{
	const bool child = types[row].peers & (NEW_CONTROL | NEW_WORKER);
	const bool new_child = peer == IPC_TO_NEW_CONTROL || peer == IPC_TO_NEW_WORKER;

	if (types[row].peers >> peer & 1)
		return n_fds != types[row].n_fds ? -EBADMSG : 0;
	/* Both roles have the same messages; one that is the other's has no body that is right. */
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

/* Beyond the first and the last of each direction there is none. */
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
	RANGE(IPC_OPEN_EGRESS_SOCKET, peer, egress_socket.reserved[1], 1, -ERANGE);
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

static void make_channel(int sv[static 2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
}

static unsigned open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void over_the_channel(void **state)
{
	struct ipc_msg m = good(IPC_PIN), got;
	int sv[2], fd, file[2];
	struct stat a, b;

	make_channel(sv);
	assert_int_equal(ipc_recv(sv[1], IPC_FROM_CONTROL, &got, &fd), -EAGAIN);
	assert_int_equal(fd, -1);

	m.magic = 0; /* ipc_send() fills it in */
	m.seq = 77;
	m.has_fd = 1;
	assert_int_equal(ipc_send(sv[0], &m, -1), 0);
	assert_int_equal(ipc_recv(sv[1], IPC_FROM_CONTROL, &got, &fd), 1);
	assert_int_equal(fd, -1);
	assert_int_equal(got.seq, 77);
	assert_memory_equal(&got, &m, sizeof(m));

	assert_int_equal(pipe(file), 0);
	m = good(IPC_PUBLISH);
	assert_int_equal(ipc_send(sv[0], &m, file[0]), 0);
	assert_int_equal(ipc_recv(sv[1], IPC_FROM_CONTROL, &got, &fd), 1);
	assert_true(fd >= 0 && fd != file[0]);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fstat(fd, &a) | fstat(file[0], &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	close(fd);
	close(file[0]);
	close(file[1]);

	close(sv[0]);
	assert_int_equal(ipc_recv(sv[1], IPC_FROM_CONTROL, &got, &fd), 0);
	assert_int_equal(ipc_send(sv[1], &m, -1), -EPIPE);
	close(sv[1]);
}

static void full_channel(void **state)
{
	struct ipc_msg m = good(IPC_SPAWN), got;
	int sv[2], fd, ret, n = 0;

	make_channel(sv);
	while ((ret = ipc_send(sv[0], &m, -1)) == 0 && n < 100000)
		n++;
	assert_int_equal(ret, -EAGAIN);
	for (int i = 0; i < n; i++)
		assert_int_equal(ipc_recv(sv[1], IPC_FROM_CONTROL, &got, &fd), 1);
	assert_int_equal(ipc_recv(sv[1], IPC_FROM_CONTROL, &got, &fd), -EAGAIN);
	close(sv[0]);
	close(sv[1]);
}

/* Sends @len bytes of @m with @n_fds copies of descriptor 0. */
static void send_raw(int sock, const void *m, size_t len, unsigned n_fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(16 * sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)m, .iov_len = len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	const int zeros[16] = {0};

	if (n_fds > 0) {
		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		CMSG_FIRSTHDR(&mh)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&mh)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&mh)->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&mh)), zeros, n_fds * sizeof(int));
	}
	assert_int_equal(sendmsg(sock, &mh, 0), (int)len);
}

static void refused_messages_leak_nothing(void **state)
{
	static const struct {
		const char *name;
		uint16_t type;
		int extra; /* bytes more or less */
		unsigned n_fds;
		int ret;
	} cases[] = {
		{"right", IPC_PUBLISH, 0, 1, 1},
		{"short", IPC_PUBLISH, -1, 1, -EBADMSG},
		{"long", IPC_PUBLISH, 1, 1, -EBADMSG},
		{"very long", IPC_PUBLISH, 100, 1, -EBADMSG},
		{"no descriptor", IPC_PUBLISH, 0, 0, -EBADMSG},
		{"two descriptors", IPC_PUBLISH, 0, 2, -EBADMSG},
		{"sixteen descriptors", IPC_PUBLISH, 0, 16, -EBADMSG},
		{"uninvited descriptor", IPC_SPAWN, 0, 1, -EBADMSG},
		{"wrong direction", IPC_PASS_FD, 0, 1, -EPROTO},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char bytes[sizeof(struct ipc_msg) + 100] = {0};
		struct ipc_msg m = good(cases[i].type), got;
		unsigned before;
		int sv[2], fd, ret;

		memcpy(bytes, &m, sizeof(m));
		make_channel(sv);
		before = open_fds();
		send_raw(sv[0], bytes, sizeof(m) + (size_t)cases[i].extra, cases[i].n_fds);
		ret = ipc_recv(sv[1], IPC_FROM_CONTROL, &got, &fd);
		if (ret != cases[i].ret)
			fail_msg("%s: %d", cases[i].name, ret);
		if ((fd >= 0) != (ret == 1))
			fail_msg("%s: descriptor %d", cases[i].name, fd);
		if (open_fds() != before + (ret == 1))
			fail_msg("%s: leaks descriptors", cases[i].name);
		if (fd >= 0)
			close(fd);
		close(sv[0]);
		close(sv[1]);
	}
}

/* The message is right, but the receiver has no free number for its descriptor. */
static void no_descriptor_free(void **state)
{
	struct ipc_msg m = good(IPC_PUBLISH), got;
	struct rlimit had, none;
	int sv[2], fd;

	make_channel(sv);
	m.seq = 77;
	assert_int_equal(ipc_send(sv[0], &m, STDERR_FILENO), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
	none = (struct rlimit){0, had.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(ipc_recv(sv[1], IPC_FROM_CONTROL, &got, &fd), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
	assert_int_equal(fd, -1);
	assert_int_equal(got.type, IPC_PUBLISH);
	assert_int_equal(got.seq, 77);
	/* A message that is wrong beside that stays the sender's fault. */
	m.publish.size_bytes = 0;
	assert_int_equal(ipc_send(sv[0], &m, STDERR_FILENO), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(ipc_recv(sv[1], IPC_FROM_CONTROL, &got, &fd), -ERANGE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
	close(sv[0]);
	close(sv[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directions_and_descriptors),
		cmocka_unit_test(types_end),
		cmocka_unit_test(envelope),
		cmocka_unit_test(ranges_of_requests),
		cmocka_unit_test(ranges_of_the_rest),
		cmocka_unit_test(over_the_channel),
		cmocka_unit_test(full_channel),
		cmocka_unit_test(refused_messages_leak_nothing),
		cmocka_unit_test(no_descriptor_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
