// SPDX-License-Identifier: MIT
/* clock.c - the monotonic clock, and the time until something is due */
#include "core/base/clock.h"

#include <limits.h>
#include <time.h>

uint64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

int timeout_ms(const uint64_t *due_ns, size_t n, uint64_t now_ns)
{
	uint64_t next_ns = NEVER_NS, left_ms;

	for (size_t i = 0; i < n; i++)
		if (due_ns[i] < next_ns)
			next_ns = due_ns[i];
	if (next_ns == NEVER_NS)
		return -1;
	if (next_ns <= now_ns)
		return 0;
	left_ms = (next_ns - now_ns - 1) / NS_PER_MS + 1;
	return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}
