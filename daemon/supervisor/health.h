/* SPDX-License-Identifier: MIT */
/* health.h - which child hangs */
#ifndef DAEMON_SUPERVISOR_HEALTH_H
#define DAEMON_SUPERVISOR_HEALTH_H

#include <stdint.h>

struct supervisor;

/* End those that hang.  Return: when to look again. */
uint64_t health_check(struct supervisor *s, uint64_t now_ns);

#endif
