/* SPDX-License-Identifier: MIT */
/*
 * Monotonic time, and waiting for a condition with a deadline.
 *
 * Nothing in the harness sleeps to synchronise: a wait names a file descriptor that becomes
 * readable when the condition holds (a ready pipe, a pidfd, a socket) and a deadline.  wait_ms()
 * is for a time that was asked for, and for the pause before a look that nothing announces.
 */
#ifndef HARNESS_BASE_WAIT_H
#define HARNESS_BASE_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

/* A point in CLOCK_MONOTONIC; at_ns == UINT64_MAX never comes. */
struct deadline {
	uint64_t at_ns;
};

/** mono_ns() - CLOCK_MONOTONIC in nanoseconds. */
uint64_t mono_ns(void);

/**
 * deadline_in_ms() - how long to be patient at most: @ms milliseconds from now, as often as
 * slow_factor() says; negative: never.
 */
struct deadline deadline_in_ms(int64_t ms);

/** after_ms() - exactly @ms milliseconds from now, for time that is not patience; not negative. */
struct deadline after_ms(int64_t ms);

/** deadline_left_ms() - milliseconds left, rounded up, for poll(); 0 when past, -1 for never. */
int deadline_left_ms(struct deadline deadline);

/** deadline_passed() - has it? */
bool deadline_passed(struct deadline deadline);

/**
 * wait_readable() - wait until a descriptor is readable or hung up.
 * @fd: anything poll() takes, a pidfd included
 * @deadline: when to give up
 *
 * Return: 0, -ETIMEDOUT at the deadline, or what poll() failed with.
 */
int wait_readable(int fd, struct deadline deadline);

/** wait_ms() - let @ms milliseconds pass. */
void wait_ms(unsigned int ms);

#endif
