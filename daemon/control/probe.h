/* SPDX-License-Identifier: MIT */
/*
 * probe.h - questions about routes and neighbours that are due, and probes
 */
#ifndef DAEMON_CONTROL_PROBE_H
#define DAEMON_CONTROL_PROBE_H

#include <stdint.h>

struct control;

/* Routes and neighbours have changed. */
void control_routes_read(struct control *c, uint64_t now_ns);

/* Ask the kernel what is due about routes and neighbours, and the supervisor for probes. */
void control_look_around(struct control *c, uint64_t now_ns);

#endif
