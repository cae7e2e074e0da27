/* SPDX-License-Identifier: MIT */
/* lifecycle.h - ready, reload, shutdown */
#ifndef DAEMON_SUPERVISOR_LIFECYCLE_H
#define DAEMON_SUPERVISOR_LIFECYCLE_H

#include <stdint.h>

struct supervisor;

/* Control is configured and listening. */
void lifecycle_announce(struct supervisor *s);

/* A signal can be read from s->signals: reload, upgrade or shutdown. */
void lifecycle_signal(struct supervisor *s);

/* From one phase of the end to the next, when it is complete or overdue. */
void lifecycle_advance(struct supervisor *s, uint64_t now_ns);

#endif
