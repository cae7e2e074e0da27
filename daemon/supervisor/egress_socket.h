/* SPDX-License-Identifier: MIT */
/* egress_socket.h - egress sockets of single outputs, and of the outputs to one host */
#ifndef DAEMON_SUPERVISOR_EGRESS_SOCKET_H
#define DAEMON_SUPERVISOR_EGRESS_SOCKET_H

struct ipc_egress_socket;
struct supervisor;

/* How many sockets all egress sockets may have: a quarter of the descriptors,
 * MCR_MAX_EGRESS_SOCKETS at most. */
unsigned egress_socket_budget(void);
/*
 * In place of what was open under its id.  -EEXIST (it is open as asked for), -ERANGE (no
 * such worker), -ENOENT (the output of its interface is not open), -ENOSPC (beyond the
 * budget), -EAGAIN (too many in too short a time), -ENOMEM, errno of the calls.
 */
int egress_socket_open(struct supervisor *s, const struct ipc_egress_socket *as);
/* -ENOENT when it is not open. */
int egress_socket_close(struct supervisor *s, unsigned id);
/* Close what an earlier control asked for and this one did not.  Return: how many. */
unsigned egress_socket_drop_others(struct supervisor *s);
void egress_socket_fini(struct supervisor *s);

#endif
