/* SPDX-License-Identifier: MIT */
/* supervisor.h - the privileged parent */
#ifndef DAEMON_SUPERVISOR_SUPERVISOR_H
#define DAEMON_SUPERVISOR_SUPERVISOR_H

struct supervisor;

/* Control is configured and listening. */
void supervisor_announce(struct supervisor *s);

#endif
