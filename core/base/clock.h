/* SPDX-License-Identifier: MIT */
/*
 * clock.h - times are nanoseconds in 64 bits
 *
 * Core takes the time as a parameter: monotonic_ns() is for the processes, which compare their
 * times with each other's.
 */
#ifndef CORE_BASE_CLOCK_H
#define CORE_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

/* A time that never comes. */
#define NEVER_NS UINT64_MAX

/* CLOCK_MONOTONIC (clock_gettime(2)). */
uint64_t monotonic_ns(void);

/**
 * timeout_ms() - how long to wait for the first of several times
 * @due_ns: @n times, NEVER_NS among them
 * @now_ns: the time now
 *
 * Return: milliseconds for poll(2) or epoll_wait(2), rounded up, at most INT_MAX; 0 when one is
 * due already; -1 when all are NEVER_NS.
 */
int timeout_ms(const uint64_t *due_ns, size_t n, uint64_t now_ns);

#endif
