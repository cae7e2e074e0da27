// SPDX-License-Identifier: MIT
/*
 * fuzz_ipc.c - no bytes from another process become a message that is out of range
 *
 * First byte: the peer and the number of descriptors; then the message, raw and once
 * more with the right magic.
 *
 * Links: core/base/ipc.c core/base/addr.c
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/ipc.h"
#include "core/rules/snapshot.h"
#include "tests/fuzz/fuzz.h"

static void must(bool promise)
{
	if (!promise)
		abort();
}

/* Bounds that code which handles a message relies on when it indexes a table. */
static void check_request(const struct ipc_msg *m)
{
	switch ((enum ipc_request)m->type) {
	case IPC_CONFIGURE:
		must(m->configure.workers - 1 < MCR_MAX_WORKERS);
		return;
	case IPC_PIN:
	case IPC_RESTART_WORKER:
		must(m->pin.worker < MCR_MAX_WORKERS && m->pin.cpu >= -1);
		return;
	case IPC_OPEN_INPUT:
	case IPC_OPEN_OUTPUT:
		must(m->iface.gro < GRO_SETTINGS && m->iface.link < LINK_LAYERS);
		must((int32_t)m->iface.ifindex > 0);
		must(m->iface.slot < MCR_MAX_IFACES);
		return;
	case IPC_CLOSE_INPUT:
	case IPC_CLOSE_OUTPUT:
	case IPC_SET_FILTER:
		must(m->iface.slot < MCR_MAX_IFACES);
		return;
	case IPC_JOIN:
	case IPC_LEAVE:
		must(addr_is_multicast(&m->join.group) && !addr_is_multicast(&m->join.source));
		return;
	case IPC_BIND:
	case IPC_UNBIND:
		must(addr_is_host(&m->join.group) && m->join.port != 0);
		return;
	case IPC_OPEN_EGRESS_SOCKET:
		must(m->egress_socket.id < MCR_MAX_EGRESS_SOCKETS &&
		     m->egress_socket.iface < MCR_MAX_IFACES);
		must((int32_t)m->egress_socket.ifindex > 0 && m->egress_socket.dscp < 64);
		return;
	case IPC_CLOSE_EGRESS_SOCKET:
		must(m->egress_socket.id < MCR_MAX_EGRESS_SOCKETS);
		return;
	case IPC_PROBE:
		must((int32_t)m->probe.ifindex > 0 && addr_is_host(&m->probe.host) &&
		     m->probe.kind < PROBE_KINDS);
		return;
	case IPC_PUBLISH:
		must(m->publish.size_bytes <= SNAPSHOT_MAX_BYTES);
		return;
	case IPC_STAND_IN:
		must(m->stand_in.worker < MCR_MAX_WORKERS && m->stand_in.by < MCR_MAX_WORKERS);
		return;
	case IPC_SPAWN:
	case IPC_REFRESH_STATS:
	case IPC_VERIFY:
	case IPC_UPGRADE:
	case IPC_READY:
		return;
	}
	abort();
}

static void check_to_new_child(const struct ipc_msg *m, enum ipc_peer peer)
{
	switch ((enum ipc_to_new_child)m->type) {
	case IPC_PASS_FD:
		must(m->pass_fd.what - 1 < PASSED_FDS - 1 && m->pass_fd.index < MCR_MAX_WORKERS);
		return;
	case IPC_INTERFACE:
		must(peer == IPC_TO_NEW_CONTROL && m->interface.name[0]);
		must(strnlen(m->interface.name, MCR_IFNAME_MAX) < MCR_IFNAME_MAX);
		return;
	case IPC_START:
		must(m->start.worker < MCR_MAX_WORKERS && m->start.workers <= MCR_MAX_WORKERS);
		must(m->start.egress_sockets <= MCR_MAX_EGRESS_SOCKETS);
		return;
	}
	abort();
}

static void check_to_control(const struct ipc_msg *m)
{
	switch ((enum ipc_to_control)m->type) {
	case IPC_REPLY:
		must(m->reply.status <= 0 && m->reply.request <= IPC_LAST_REQUEST);
		return;
	case IPC_WORKER_PAGE:
		must(m->pin.worker < MCR_MAX_WORKERS);
		return;
	case IPC_WORKER_STATE:
		must(m->worker.worker < MCR_MAX_WORKERS && m->worker.ending < ENDINGS);
		return;
	case IPC_UPGRADED:
		must(m->upgraded.outcome < UPGRADE_OUTCOMES);
		must(strnlen(m->upgraded.theirs, sizeof(m->upgraded.theirs)) <
		     sizeof(m->upgraded.theirs));
		return;
	case IPC_RELOAD:
	case IPC_SHUTDOWN:
		return;
	}
	abort();
}

static void check_to_worker(const struct ipc_msg *m)
{
	switch ((enum ipc_to_worker)m->type) {
	case IPC_INPUT:
		must(m->input.buf_class < BUF_CLASSES && m->input.link < LINK_LAYERS);
		must(m->input.slot < MCR_MAX_IFACES);
		return;
	case IPC_INPUT_CLOSE:
	case IPC_OUTPUT:
	case IPC_OUTPUT_CLOSE:
		must(m->input.slot < MCR_MAX_IFACES && m->input.worker < MCR_MAX_WORKERS);
		return;
	case IPC_EGRESS_SOCKET:
		must(m->egress_socket.id < MCR_MAX_EGRESS_SOCKETS);
		return;
	case IPC_EGRESS_SOCKET_CLOSE:
		must(m->egress_socket.id < MCR_MAX_EGRESS_SOCKETS);
		return;
	case IPC_SNAPSHOT:
		must(m->publish.size_bytes <= SNAPSHOT_MAX_BYTES);
		return;
	case IPC_DRAIN:
		return;
	}
	abort();
}

static void check_indices(const struct ipc_msg *m, enum ipc_peer from)
{
	switch (from) {
	case IPC_FROM_CONTROL:
		check_request(m);
		return;
	case IPC_FROM_WORKER: /* the one thing that a worker may say */
		must(m->type == IPC_WORKER_READY);
		return;
	case IPC_TO_NEW_CONTROL:
	case IPC_TO_NEW_WORKER:
		check_to_new_child(m, from);
		return;
	case IPC_TO_CONTROL:
		check_to_control(m);
		return;
	case IPC_TO_WORKER:
		check_to_worker(m);
		return;
	case IPC_PEERS:
		break;
	}
	abort();
}

static void parse(const void *bytes, size_t len, unsigned n_fds, enum ipc_peer from)
{
	struct ipc_msg msg;
	int ret = ipc_parse(bytes, len, n_fds, from, &msg);

	if (ret == 0) {
		must(len == sizeof(msg) && msg.has_fd == n_fds);
		check_indices(&msg, from);
	} else {
		must(ret == -EBADMSG || ret == -EPROTO || ret == -ERANGE);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipc_msg msg = {0};
	enum ipc_peer from;
	unsigned n_fds;
	uint8_t *exact;

	if (size < 1)
		return 0;
	from = (enum ipc_peer)((data[0] & 7) % IPC_PEERS);
	n_fds = data[0] >> 3 & 3;
	data++;
	size--;
	exact = malloc(size > 0 ? size : 1);
	memcpy(exact, data, size);
	parse(exact, size, n_fds, from);
	free(exact);

	memcpy(&msg, data, size < sizeof(msg) ? size : sizeof(msg));
	msg.magic = IPC_MAGIC;
	/* Of any direction, and what lies behind its last. */
	msg.type = (uint16_t)((msg.type % 7 << 8) + (msg.type >> 8) % 32);
	msg.has_fd = (uint16_t)n_fds;
	parse(&msg, sizeof(msg), n_fds, from);
	return 0;
}
