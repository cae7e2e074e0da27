/* SPDX-License-Identifier: MIT */
/* probe.h - probes of neighbours that control asks for */
#ifndef DAEMON_SUPERVISOR_PROBE_H
#define DAEMON_SUPERVISOR_PROBE_H

struct ipc_probe;
struct supervisor;

/* -ENODEV: it is behind no output; -EAGAIN: too many in this second; errno of the calls. */
int probe_neighbour(struct supervisor *s, const struct ipc_probe *p);

#endif
