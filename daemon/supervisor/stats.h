/* SPDX-License-Identifier: MIT */
/* stats.h - the kernel's counters, into the interface page */
#ifndef DAEMON_SUPERVISOR_STATS_H
#define DAEMON_SUPERVISOR_STATS_H

#include <stdint.h>

struct supervisor;

/* Reads what the kernel counted for every input since the last time, which resets it. */
void stats_refresh(struct supervisor *s);
/* The same for one. */
void stats_refresh_input(struct supervisor *s, unsigned slot);
/* So many frames of a worker, counted as delivered, were thrown away: socket_queue. */
void stats_left_in_queue(struct supervisor *s, unsigned slot, unsigned worker, uint64_t frames);

#endif
