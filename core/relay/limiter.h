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
 * Any worker may write anything there, so a compromised one can let a rule's datagrams pass
 * or hold them; it can do no other harm with it.  A time that no burst accounts for counts
 * as none.
 */
#ifndef CORE_RELAY_LIMITER_H
#define CORE_RELAY_LIMITER_H

#include <assert.h>
#include <stdint.h>

#include "core/base/limits.h"

struct match_rule;

/*
 * How long a rule may have been silent and send at once what it saved up.  At least
 * one datagram, and one of the largest size, always fits.
 */
#define LIMITER_BURST_NS 50000000ull

/**
 * struct limit_slot - state of the rule in a slot, a cache line of its own
 * @incarnation: whose state it is
 * @datagrams_due, @bits_due: when what has passed is paid for, in sixteenths of a
 *               nanosecond of the monotonic clock
 */
struct limit_slot {
	uint64_t incarnation;
	uint64_t datagrams_due;
	uint64_t bits_due;
	uint64_t reserved[5];
};
static_assert(sizeof(struct limit_slot) == 64, "a cache line each");

/* Memory that the supervisor makes and every worker maps. */
struct limit_page {
	struct limit_slot rule[MCR_MAX_RULES];
};

/* The slot goes to that incarnation of a rule; nothing changes when it has it already. */
void limiter_own(struct limit_slot *slot, uint64_t incarnation);

/**
 * limiter_take() - how many of @n datagrams may pass
 * @rule:          limit_pps and limit_bps of its record, 0 means no limit; its limit slot
 * @n:             datagrams, of @segment_bytes payload each
 * @segment_bytes: 0..65507
 * @now_ns:        monotonic
 *
 * Return: 0..@n; they count as passed.
 */
uint32_t limiter_take(struct match_rule *rule, uint32_t n, uint32_t segment_bytes, uint64_t now_ns);

#endif
