/* SPDX-License-Identifier: MIT */
/*
 * listener.h - the control and the status socket: who connects, and for how long
 */
#ifndef DAEMON_CONTROL_LISTENER_H
#define DAEMON_CONTROL_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

struct process;

/* Begin or stop to look whether somebody connects. */
void control_listeners_watch(struct process *p, bool on);

/* Somebody connects. */
void control_listener_accept(struct process *p, bool read_only, uint64_t now_ns);

/* A few times a second: close the clients that are beyond a bound in time. */
void control_listeners_sweep(struct process *p, uint64_t now_ns);

#endif
