/* SPDX-License-Identifier: MIT */
/* iface.h - the sockets of an interface */
#ifndef DAEMON_SUPERVISOR_IFACE_H
#define DAEMON_SUPERVISOR_IFACE_H

#include <stdbool.h>

struct ipc_iface;
struct supervisor;

/*
 * An input of the same device is changed in place; one of another device is closed first.
 * -EEXIST (it is open as asked for), -ERANGE (no such worker), -EBUSY (see
 * limit.c), -ENETDOWN, errno of the calls.
 */
int iface_open_input(struct supervisor *s, const struct ipc_iface *iface);
/* -ENOENT when it is not open. */
int iface_close_input(struct supervisor *s, unsigned slot);
/* Lets nothing more in, and counts what its queues hold and no worker has taken. */
void iface_end_input(struct supervisor *s, unsigned slot);
/* -EEXIST (it is open), -EINVAL (no workers yet), errno of the calls. */
int iface_open_output(struct supervisor *s, const struct ipc_iface *iface);
/* -ENOENT when it is not open. */
int iface_close_output(struct supervisor *s, unsigned slot);
/* Close what an earlier control asked for and this one did not.  Return: how many. */
unsigned iface_drop_others(struct supervisor *s);
/* Put GRO settings back and close everything. */
void iface_fini(struct supervisor *s);

#endif
