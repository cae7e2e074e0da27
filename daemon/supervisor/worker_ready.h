/* SPDX-License-Identifier: MIT */
/* worker_ready.h - what a worker says: that it is ready */
#ifndef DAEMON_SUPERVISOR_WORKER_READY_H
#define DAEMON_SUPERVISOR_WORKER_READY_H

struct supervisor;

/* Takes its IPC_WORKER_READY; ends a worker that says anything else. */
void worker_ready_read(struct supervisor *s, unsigned worker);

#endif
