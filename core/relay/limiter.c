// SPDX-License-Identifier: MIT
/* limiter.c - rate limits in integer arithmetic; limiter.h has the mechanism */
#include "core/relay/limiter.h"

#include "core/base/clock.h"
#include "core/relay/frame.h"

/* Of a nanosecond: at 100 Gb/s a datagram of 100 bytes lasts 8 ns. */
#define FRACTIONS  16u
#define SECOND     (NS_PER_S * FRACTIONS)
#define BURST      (LIMITER_BURST_NS * FRACTIONS)
#define IMPOSSIBLE SECOND /* no time lies further ahead than a burst and this */

/* From when on tokens are given out, and the time now. */
struct span {
	uint64_t since, now;
};

/**
 * struct cost - what a datagram costs under one of the two rates
 * @rate: per second
 * @each: how much of it a datagram takes: 1, or its bits
 * @full: length of a burst
 */
struct cost {
	uint64_t rate, each, full;
};

/* @most: what always fits, in the unit of the rate */
static struct cost cost_of(uint64_t rate, uint64_t each, uint64_t most)
{
	/* Rounded up, or what always fits would not. */
	const uint64_t least = (most * SECOND - 1) / rate + 1;

	return (struct cost){rate, each, least > BURST ? least : BURST};
}

static uint64_t cost(const struct cost *p, uint32_t n)
{
	return (uint64_t)(((unsigned __int128)n * p->each * SECOND + p->rate / 2) / p->rate);
}

static uint32_t affordable(const struct cost *p, uint32_t n, uint64_t time)
{
	const unsigned __int128 amount = (unsigned __int128)time * p->rate / SECOND;

	return amount / p->each < n ? (uint32_t)(amount / p->each) : n;
}

static uint32_t take(uint64_t *due, const struct cost *p, uint32_t n, struct span t)
{
	const uint64_t end = t.now + p->full;
	uint64_t was = __atomic_load_n(due, __ATOMIC_RELAXED), from;
	uint32_t pass;

	if (!p->each)
		return n;
	do {
		from = was > t.since && was <= end + IMPOSSIBLE ? was : t.since;
		if (from >= end)
			return 0;
		pass = affordable(p, n, end - from);
		if (!pass)
			return 0;
	} while (!__atomic_compare_exchange_n(due, &was, from + cost(p, pass), false,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return pass;
}

void limiter_own(struct limit_slot *slot, uint64_t incarnation)
{
	uint64_t was = __atomic_load_n(&slot->incarnation, __ATOMIC_RELAXED);

	/* Of workers that come to it together one starts it afresh. */
	if (was == incarnation ||
	    !__atomic_compare_exchange_n(&slot->incarnation, &was, incarnation, false,
					 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	__atomic_store_n(&slot->datagrams_due, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->bits_due, 0, __ATOMIC_RELAXED);
}

uint32_t limiter_take(struct limit_slot *slot, const struct rate_limit *limit, uint32_t n,
		      uint32_t segment_bytes, uint64_t now_ns, uint64_t since_ns)
{
	const struct span t = {since_ns * FRACTIONS, now_ns * FRACTIONS};
	const uint64_t pps = limit->pps, bps = limit->bps;
	uint32_t pass = n;

	if (pps) {
		const struct cost p = cost_of(pps, 1, 1);

		pass = take(&slot->datagrams_due, &p, n, t);
	}
	if (bps && pass) {
		const struct cost p = cost_of(bps, segment_bytes * 8ull, FRAME_PAYLOAD_MAX * 8);
		const uint32_t fit = take(&slot->bits_due, &p, pass, t);

		/* The first bucket gets back the tokens of what the second refuses. */
		if (pps && fit < pass) {
			const struct cost back = cost_of(pps, 1, 1);

			__atomic_fetch_sub(&slot->datagrams_due,
					   cost(&back, pass) - cost(&back, fit), __ATOMIC_RELAXED);
		}
		pass = fit;
	}
	return pass;
}
