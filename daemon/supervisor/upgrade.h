/* SPDX-License-Identifier: MIT */
/* upgrade.h - go over to the binary on disk without losing a datagram */
#ifndef DAEMON_SUPERVISOR_UPGRADE_H
#define DAEMON_SUPERVISOR_UPGRADE_H

#include <stdint.h>

struct supervisor;

/* Finds the path that we were started from: s->exe. */
void upgrade_init(struct supervisor *s);
/* Begins; the outcome is logged and sent to control.  Return: 0; -EBUSY: one is under way. */
int upgrade_begin(struct supervisor *s);
/* The checker has exited. */
void upgrade_checked(struct supervisor *s);
/* The next step that is due.  Return: when it is to be called again, or NEVER_NS. */
uint64_t upgrade_advance(struct supervisor *s, uint64_t now_ns);
/* The daemon ends: gives up what is under way. */
void upgrade_abandon(struct supervisor *s);
/* After the exec: the workers are to be rolled. */
void upgrade_resumed(struct supervisor *s);

#endif
