/* SPDX-License-Identifier: MIT */
/*
 * egress_socket.h - which egress socket each output uses
 *
 * An error that the kernel reports for a socket strikes a send of that socket.  So each
 * output gets a socket of its own, as long as there are enough:
 *
 *   own        up to three quarters of what the supervisor allows (struct ipc_start)
 *   host       beyond that, one for the outputs to one host over one interface
 *   interface  beyond that, the socket that each output interface has anyway
 *
 * Outputs are served in the order of the rules, and keep what they have.  An output that
 * shares a socket gets its own when another output has given one up.
 *
 * An output with a source port has no use for the socket of its interface.  Its own or that of
 * its host is bound to the port; many sockets share it, so many outputs can.
 *
 * An egress socket is opened anew when what it depends on changes: the interface, the workers of
 * the rule, or the address that it was connected from.  Sends choose their source address
 * by themselves (core/relay/match.h), but an ICMP message finds a socket by the address that it
 * was connected from.  The snapshot names the egress sockets, so that a restarted control finds
 * the same ones again.
 */
#ifndef DAEMON_CONTROL_EGRESS_SOCKET_H
#define DAEMON_CONTROL_EGRESS_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/ipc.h"

struct control;
struct rec_iface;
struct rule_output;
struct ruleset_entry;
struct snapshot_output;

/* Nothing is wanted yet; then each output says what it wants. */
void control_egress_sockets_begin(struct control *c);

/**
 * control_egress_socket_want() - choose the socket of an output
 * @f:       its interface, NULL when there is none, or none that the rule takes from
 * @i:       which output of the rule
 * @workers: that serve the rule
 *
 * c->rec.publish is set when it is another one than before.
 */
void control_egress_socket_want(struct control *c, const struct rec_iface *f,
				const struct ruleset_entry *e, unsigned i, uint64_t workers);

/* The same for one socket. */
void control_egress_socket_open(struct control *c, uint32_t id, uint64_t now_ns);

/* An output goes.  Return: its egress socket, id + 1, which may have no output any more; or 0. */
uint32_t control_egress_socket_leave(struct control *c, uint32_t output_slot);

/* Give one up if no output wants it.  Return: as control_egress_sockets_close(). */
bool control_egress_socket_close(struct control *c, uint32_t id);

/* Ask for what is wanted and not open. */
void control_egress_sockets_open(struct control *c, uint64_t now_ns);

/*
 * Give up what is not wanted, once the workers know.
 * Return: may an output that shares a socket now have its own?
 */
bool control_egress_sockets_close(struct control *c);

/* The egress socket of an output: id + 1, 0 for none; *kind: enum egress_socket_kind of it. */
uint32_t control_egress_socket_of(const struct control *c, uint32_t output_slot, uint8_t *kind);

/* The choice of the last control for an output. */
void control_egress_socket_restore(struct control *c, const struct snapshot_output *o);

/*
 * Why the source port of an output on @f cannot be used: negative errno, -EADDRINUSE: another
 * socket of this host has it.  0: it can, or has none.
 */
int control_source_port_error(const struct control *c, const struct rec_iface *f,
			      const struct rule_output *o);

/* "own", "host", "interface" */
const char *egress_socket_kind_name(enum egress_socket_kind kind);

#endif
