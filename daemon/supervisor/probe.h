/* SPDX-License-Identifier: MIT */
/* probe.h - probes of neighbours that control asks for, and entries that the kernel manages */
#ifndef DAEMON_SUPERVISOR_PROBE_H
#define DAEMON_SUPERVISOR_PROBE_H

struct ipc_probe;
struct supervisor;

/* -ENODEV: it is behind no output; -EAGAIN: too many in this second; errno of the calls. */
int probe_neighbour(struct supervisor *s, const struct ipc_probe *p);

/* Control has asked for all it needs: the kernel manages no others any more. */
void probe_drop_others(struct supervisor *s);
void probe_fini(struct supervisor *s);

#endif
