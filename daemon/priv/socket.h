/* SPDX-License-Identifier: MIT */
/* socket.h - egress sockets, helper sockets, netlink, listeners */
#ifndef DAEMON_PRIV_SOCKET_H
#define DAEMON_PRIV_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/ipc.h"

/* Unconnected UDP socket that sends through @ifindex only (see core/README.md for its options). */
int priv_egress_socket(unsigned ifindex);

/**
 * priv_own_egress_socket() - the same, for one output or for those to one host
 * @as:        passed ipc_parse()
 * @from_be:   filled when it is connected: the source address that the kernel chose
 * @connected: EGRESS_SOCKET_OWN: the kernel took the destination.  It does not while it has no
 *             route there; sends then name the destination, and fail as they would anyway
 *
 * Return: the socket or negative errno; -EADDRINUSE: as->source_port is another program's.
 */
int priv_own_egress_socket(const struct ipc_egress_socket *as, uint32_t *from_be, bool *connected);

/*
 * A helper socket, which is never read, and its memberships. -ENOBUFS: the socket is full, take
 * another.
 */
int priv_helper_socket(void);
int priv_join(int sock, const struct ipc_join *j);
int priv_leave(int sock, const struct ipc_join *j);
/* Unread UDP socket bound to j->group, j->port on j->ifindex (unicast input). */
int priv_bind_unread(const struct ipc_join *j);

/* A NETLINK_ROUTE socket subscribed to @groups (RTMGRP_*); the large buffer is tried. */
int priv_netlink_socket(unsigned groups);

/*
 * A listening socket at @path with @mode, of group @group unless that is -1.  A socket file on
 * which nobody listens is replaced. -EADDRINUSE: somebody listens on it;
 * -ENOTSOCK: something else is there; -ENAMETOOLONG; other negative errno.
 */
int priv_unix_listener(const char *path, mode_t mode, gid_t group);

#endif
