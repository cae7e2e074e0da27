/* SPDX-License-Identifier: MIT */
/* ipc_fixture.h - the contract: each type of message with its senders and a body that is right */
#ifndef TESTS_UNIT_CORE_IPC_FIXTURE_H
#define TESTS_UNIT_CORE_IPC_FIXTURE_H

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

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

#endif
