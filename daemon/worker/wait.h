/* SPDX-License-Identifier: MIT */
/* wait.h - sleep, tick and heartbeat of a worker */
#ifndef DAEMON_WORKER_WAIT_H
#define DAEMON_WORKER_WAIT_H

struct worker;

/* Starts the tick, a signal that ends a sleep.  Before the system calls are sealed. */
int worker_tick_start(void);

/*
 * Returns when there may be something to do: input, a message, a tick.
 * Return: 0 or negative errno of io_uring_enter(2).
 */
int worker_wait(struct worker *w);

/* Heartbeat. */
void worker_beat(struct worker *w);

/* If it is due: heartbeat, a slice of the table's hash, the pools' low marks, notices. */
void worker_tick(struct worker *w);

#endif
