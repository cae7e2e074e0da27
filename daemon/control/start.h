/* SPDX-License-Identifier: MIT */
/*
 * start.h - what the supervisor passes, giving up rights, starting the workers
 */
#ifndef DAEMON_CONTROL_START_H
#define DAEMON_CONTROL_START_H

struct process;

/* Take everything that comes before and with IPC_START. */
void control_receive_start(struct process *p);

/* The page of a worker.  @fd: taken */
void control_take_page(struct process *p, unsigned worker, int fd);

/* Find out the CPUs, and give up every right. */
void control_seal(struct process *p);

/* Configure, pin and start the workers; p->settle_seq is the last request. */
void control_start_workers(struct process *p);

#endif
