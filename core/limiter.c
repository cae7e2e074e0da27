// SPDX-License-Identifier: MIT
/*
 * limiter.c - token buckets, in integer arithmetic
 *
 * A token is kept as 10^9 units, so that `rate * nanoseconds` is the refill without
 * rounding.  A rate is capped where 50 ms of it would no longer fit 64 bits (as bits per
 * second 369 Gb/s, more than a worker moves), and time counts only until the bucket is full.
 */
#include "core/limiter.h"

#include "core/frame.h"
#include "core/match.h"

#define E9 1000000000ull

/* What a bucket holds after @elapsed_ns; a full one has room for @least. */
static uint64_t refill(uint64_t have, uint64_t rate, uint64_t elapsed_ns, uint64_t least)
{
	uint64_t full;

	if (rate > UINT64_MAX / LIMITER_BURST_NS)
		rate = UINT64_MAX / LIMITER_BURST_NS;
	full = rate * LIMITER_BURST_NS;
	if (full < least)
		full = least;
	/* A slow rule's bucket takes longer than the burst to fill: compare times, not tokens. */
	if (have >= full || elapsed_ns > (full - have) / rate)
		return full;
	return have + rate * elapsed_ns;
}

uint32_t limiter_take(struct match_rule *rule, uint32_t n, uint32_t segment_bytes, uint64_t now_ns)
{
	const uint64_t bits = (uint64_t)segment_bytes * 8 * E9;
	struct match_bucket *b = &rule->bucket;
	uint64_t elapsed_ns = now_ns > b->updated_ns ? now_ns - b->updated_ns : 0;

	if (!b->updated_ns) /* never used: full */
		elapsed_ns = UINT64_MAX;
	b->updated_ns = now_ns;
	if (rule->rec.limit_pps) {
		b->datagrams_e9 = refill(b->datagrams_e9, rule->rec.limit_pps, elapsed_ns, E9);
		if (n > b->datagrams_e9 / E9)
			n = (uint32_t)(b->datagrams_e9 / E9);
	}
	if (rule->rec.limit_bps) {
		b->bits_e9 = refill(b->bits_e9, rule->rec.limit_bps, elapsed_ns,
				    FRAME_PAYLOAD_MAX * 8ull * E9);
		if (bits && n > b->bits_e9 / bits)
			n = (uint32_t)(b->bits_e9 / bits);
		b->bits_e9 -= n * bits;
	}
	if (rule->rec.limit_pps)
		b->datagrams_e9 -= n * E9;
	return n;
}
