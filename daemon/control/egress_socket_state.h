/* SPDX-License-Identifier: MIT */
/*
 * egress_socket_state.h - egress sockets of outputs: types; egress_socket.h explains them
 */
#ifndef DAEMON_CONTROL_EGRESS_SOCKET_STATE_H
#define DAEMON_CONTROL_EGRESS_SOCKET_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/ipc.h"
#include "core/base/limits.h"

#define CONTROL_EGRESS_SOCKET_BUCKETS 1024

/**
 * struct control_egress_socket - one socket, its place is its id
 * @users:   outputs that want it
 * @asked:   the supervisor was asked for it, so it may have it
 * @open:    asked for as @is says, and not refused
 * @owner:   EGRESS_SOCKET_OWN: slot of its output
 * @next:    EGRESS_SOCKET_HOST: next in its bucket, an id + 1
 * @serial:  as in struct ipc_egress_socket
 * @from_be: source address that it was connected from, as the supervisor says; 0: none
 * @retry_ns: with a source port: it is not asked for before that time, after a refusal
 * @sockets: of it that are in the sum of struct control_egress_sockets
 * @as:      how it should be
 */
struct control_egress_socket {
	bool used, asked, open;
	uint32_t users;
	uint32_t owner;
	uint32_t next;
	uint32_t serial;
	uint32_t from_be;
	unsigned sockets;
	uint64_t retry_ns;
	struct ipc_egress_socket as, is;
};

#define CONTROL_PORT_ERRORS_MAX 64

/**
 * struct control_port_error - a source port that cannot be used
 * @iface: slot of the output interface, @source_be: as in struct ipc_egress_socket
 * @error: negative errno; -EMFILE: there is no socket for it
 * @again: -EMFILE: so it is still in this run over all rules
 */
struct control_port_error {
	uint32_t iface;
	uint32_t source_be;
	uint16_t port;
	bool again;
	int error;
};

/**
 * struct control_egress_sockets - all of them
 * @budget:   sockets that the supervisor allows; 0: only those of interfaces
 * @retry_ns: nothing is asked for before that time, after a refusal
 * @sockets:  in use
 * @own:      of them, those of EGRESS_SOCKET_OWN
 * @addresses: sum over the addresses of this host, to see that they have changed
 * @last:     id that was taken last
 * @short_of: an output shares a socket
 * @port_error: @n_port_errors of them; beyond those the workers' counters alone tell
 * @of:       egress socket of each output slot: id + 1, 0 for none
 */
struct control_egress_sockets {
	unsigned budget, sockets, own;
	uint64_t retry_ns;
	uint32_t addresses;
	uint32_t last;
	bool short_of;
	unsigned n_port_errors;
	struct control_port_error port_error[CONTROL_PORT_ERRORS_MAX];
	uint32_t of[MCR_MAX_OUTPUTS];
	uint32_t bucket[CONTROL_EGRESS_SOCKET_BUCKETS];
	struct control_egress_socket at[MCR_MAX_EGRESS_SOCKETS];
};

#endif
