/* SPDX-License-Identifier: MIT */
/*
 * wait.h - monotonic time, and waiting for a condition with a deadline
 *
 * Nothing in the harness sleeps to synchronise.  A wait names a file descriptor that becomes
 * readable when the condition holds (a ready pipe, a pidfd, a socket), and a deadline.  wait_ms()
 * is for a time that was asked for, and for the pause between two looks where no event is
 * announced.
 */
#ifndef HARNESS_BASE_WAIT_H
#define HARNESS_BASE_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

/* A point in CLOCK_MONOTONIC; at_ns == UINT64_MAX is never reached. */
struct deadline {
	uint64_t at_ns;
};

/**
 * monotonic_ns() - CLOCK_MONOTONIC
 *
 * Return: nanoseconds.
 */
uint64_t monotonic_ns(void);

/**
 * deadline_in_ms() - the latest time at which something must have happened
 * @ms: milliseconds from now, multiplied by slow_factor(); negative: never
 */
struct deadline deadline_in_ms(int64_t ms);

/**
 * deadline_after_ms() - a point in time that no factor scales
 * @ms: milliseconds from now, 0 or more
 */
struct deadline deadline_after_ms(int64_t ms);

/**
 * deadline_left_ms() - the timeout for poll()
 * @deadline: may have passed
 *
 * Return: milliseconds, rounded up; 0 when it has passed; -1 for never.
 */
int deadline_left_ms(struct deadline deadline);

/**
 * deadline_passed() - has it?
 * @deadline: to be compared with the time now
 */
bool deadline_passed(struct deadline deadline);

/**
 * wait_readable() - wait until a descriptor is readable or hung up
 * @fd:       anything that poll() takes, a pidfd included
 * @deadline: when to give up
 *
 * Return: 0; -ETIMEDOUT at the deadline; what poll() fails with.
 */
int wait_readable(int fd, struct deadline deadline);

/**
 * wait_ms() - let time pass
 * @ms: milliseconds, not scaled
 */
void wait_ms(unsigned ms);

#endif
