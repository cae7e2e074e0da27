/* SPDX-License-Identifier: MIT */
/* stand_in.h - another worker reads the sockets of one that cannot run */
#ifndef DAEMON_SUPERVISOR_STAND_IN_H
#define DAEMON_SUPERVISOR_STAND_IN_H

#include <stdint.h>

struct supervisor;

/*
 * @by reads the sockets of @worker until that is ready again.  Return: 0; -ERANGE: no such
 * worker; -EALREADY: it is not out; -EAGAIN: @by is not ready.
 */
int stand_in_begin(struct supervisor *s, unsigned worker, unsigned by);
/* @worker is ready: its sockets are asked back, and it gets them when they are. */
void stand_in_return(struct supervisor *s, unsigned worker);
/* Gives sockets back that are due.  Return: when it is to be called again, or NEVER_NS. */
uint64_t stand_in_timers(struct supervisor *s, uint64_t now_ns);

#endif
