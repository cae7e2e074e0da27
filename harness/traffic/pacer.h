/* SPDX-License-Identifier: MIT */
/*
 * pacer.h - an absolute sending schedule: datagram n is due at start + n / rate
 *
 * Because the schedule is absolute, a late wake-up is made good by the next ones and the average
 * rate stays exact.  Long gaps are slept through (clock_nanosleep, absolute), short ones are spun:
 * a sleep costs some 60 microseconds of inexactness, more than a short gap lasts.
 */
#ifndef HARNESS_TRAFFIC_PACER_H
#define HARNESS_TRAFFIC_PACER_H

#include <stdint.h>

struct pacer {
	uint64_t start_ns;
	uint64_t rate_mpps; /* thousandths of a datagram a second; 0: no schedule */
	uint64_t quantum;   /* datagrams that go out together */
};

/** pacer_due() - how many datagrams the schedule has released by @now_ns, from its start. */
uint64_t pacer_due(const struct pacer *pacer, uint64_t now_ns);

/** pacer_when_ns() - when datagram number @index is due. */
uint64_t pacer_when_ns(const struct pacer *pacer, uint64_t index);

/**
 * pacer_wait() - wait until @at_ns.
 *
 * Returns early when a signal arrives, so the caller looks at the clock again.
 */
void pacer_wait(uint64_t at_ns);

#endif
