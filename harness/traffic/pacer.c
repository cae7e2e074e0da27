// SPDX-License-Identifier: MIT
/* pacer.c - when a datagram is due, and the wait for it */
#include "harness/traffic/pacer.h"

#include <time.h>

#include "harness/base/wait.h"

#define SPIN_BELOW_NS 50000ull

uint64_t pacer_due(const struct pacer *pacer, uint64_t now_ns)
{
	unsigned __int128 done;

	if (pacer->rate_mpps == 0)
		return UINT64_MAX;
	if (now_ns < pacer->start_ns)
		return 0;
	done = (unsigned __int128)(now_ns - pacer->start_ns) * pacer->rate_mpps;
	done /= (unsigned __int128)NS_PER_S * 1000 * pacer->quantum;
	return ((uint64_t)done + 1) * pacer->quantum;
}

uint64_t pacer_when_ns(const struct pacer *pacer, uint64_t index)
{
	unsigned __int128 offset_ns;

	if (pacer->rate_mpps == 0)
		return pacer->start_ns;
	index -= index % pacer->quantum;
	offset_ns = (unsigned __int128)index * NS_PER_S * 1000;
	/* Rounded up: at that nanosecond pacer_due() already counts it. */
	offset_ns = (offset_ns + pacer->rate_mpps - 1) / pacer->rate_mpps;
	return pacer->start_ns + (uint64_t)offset_ns;
}

void pacer_wait(uint64_t at_ns)
{
	uint64_t now_ns = monotonic_ns();

	if (now_ns + SPIN_BELOW_NS < at_ns) {
		struct timespec ts = {
			.tv_sec = (time_t)(at_ns / NS_PER_S),
			.tv_nsec = (long)(at_ns % NS_PER_S),
		};

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
		return;
	}
	while (monotonic_ns() < at_ns)
		;
}
