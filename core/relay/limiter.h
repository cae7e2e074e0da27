/* SPDX-License-Identifier: MIT */
/*
 * limiter.h - rate limit of a rule: datagrams and payload bits per second
 *
 * A limit is the rule's, whichever workers serve it, so its state is in memory that all
 * workers share: one word for each of its two rates, the time at which what has passed
 * will have been paid for.  A datagram passes when that time is less than a burst away,
 * and moves it on by what the datagram costs (the generic cell rate algorithm, ITU-T
 * I.371, which is a token bucket that needs no refill).  One compare-and-exchange takes as
 * many datagrams as fit, so no worker waits for another.
 *
 * Datagrams wait in a socket's queue while their worker does not run.  They are worth the
 * tokens of that time, or a limit would let less pass the less its worker runs.  So the caller
 * says since when they may have waited, and time counts from there on.
 *
 * Any worker may write anything there, so a compromised one can let a rule's datagrams pass
 * or hold them; it can do no other harm with it.  A time that no burst accounts for counts
 * as none.
 */
#ifndef CORE_RELAY_LIMITER_H
#define CORE_RELAY_LIMITER_H

#include <stdint.h>

#include "core/base/limit_page.h"

/*
 * How long a rule may have been silent and send at once what it saved up.  At least
 * one datagram, and one of the largest size, always fits.
 */
#define LIMITER_BURST_NS 50000000ull

/**
 * struct rate_limit - what a rule allows, 0 for no limit
 * @pps: datagrams per second
 * @bps: payload bits per second
 */
struct rate_limit {
	uint64_t pps, bps;
};

/* The slot goes to that incarnation of a rule; nothing changes when it has it already. */
void limiter_own(struct limit_slot *slot, uint64_t incarnation);

/**
 * limiter_take() - how many of @n datagrams may pass
 * @slot:          of the rule
 * @limit:         of the rule
 * @n:             datagrams, of @segment_bytes payload each
 * @segment_bytes: 0..65507
 * @now_ns:        monotonic
 * @since_ns:      0..@now_ns: when the oldest of them may have come; @now_ns: just now
 *
 * Return: 0..@n; they count as passed.
 */
uint32_t limiter_take(struct limit_slot *slot, const struct rate_limit *limit, uint32_t n,
		      uint32_t segment_bytes, uint64_t now_ns, uint64_t since_ns);

#endif
