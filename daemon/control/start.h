/* SPDX-License-Identifier: MIT */
/*
 * start.h - what the supervisor passes, giving up rights, starting the workers
 */
#ifndef DAEMON_CONTROL_START_H
#define DAEMON_CONTROL_START_H

struct ipc_pass_fd;
struct process;

/* Descriptors until IPC_START; what comes later goes to control_take_fd(). */
void control_receive_fds(struct process *p);

/* @fd: taken */
void control_take_fd(struct process *p, const struct ipc_pass_fd *as, int fd);

/* Give up every right; what must be asked for before is asked for here. */
void control_seal(struct process *p);

/* Configure, pin and start the workers; p->settle_seq is the last request. */
void control_start_workers(struct process *p);

#endif
