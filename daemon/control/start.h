/* SPDX-License-Identifier: MIT */
/*
 * start.h - what the supervisor passes, giving up rights, starting the workers
 */
#ifndef DAEMON_CONTROL_START_H
#define DAEMON_CONTROL_START_H

struct process;

/* Takes everything until IPC_START. */
void control_receive_start(struct process *p);

/* The page of a worker.  @fd: taken */
void control_take_page(struct process *p, unsigned worker, int fd);

/* Give up every right; what must be asked for before is asked for here. */
void control_seal(struct process *p);

/* Configure, pin and start the workers; p->settle_seq is the last request. */
void control_start_workers(struct process *p);

#endif
