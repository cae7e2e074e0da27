/* SPDX-License-Identifier: MIT */
/*
 * pacer.h - an absolute sending schedule: datagram n is due at start + n / rate
 *
 * Because the schedule is absolute, a late wake-up is made good by the next ones and the average
 * rate stays exact.  It sleeps through long gaps (clock_nanosleep, absolute) and spins through
 * short ones: a sleep ends some 60 microseconds late, which is more than a short gap.
 */
#ifndef HARNESS_TRAFFIC_PACER_H
#define HARNESS_TRAFFIC_PACER_H

#include <stdint.h>

struct pacer {
	uint64_t start_ns;
	uint64_t rate_mpps; /* thousandths of a datagram a second; 0: no schedule */
	uint64_t quantum;   /* datagrams that go out together */
};

/**
 * pacer_due() - how many datagrams are due
 * @pacer:  borrowed
 * @now_ns: CLOCK_MONOTONIC
 *
 * Return: datagrams from the start of the schedule on; UINT64_MAX without a schedule.
 */
uint64_t pacer_due(const struct pacer *pacer, uint64_t now_ns);

/**
 * pacer_when_ns() - when a datagram is due
 * @pacer: borrowed
 * @index: of the datagram, from 0
 *
 * Return: CLOCK_MONOTONIC in nanoseconds.
 */
uint64_t pacer_when_ns(const struct pacer *pacer, uint64_t index);

/**
 * pacer_wait() - wait until a time
 * @at_ns: CLOCK_MONOTONIC
 *
 * Returns early when a signal arrives, so the caller looks at the clock again.
 */
void pacer_wait(uint64_t at_ns);

#endif
