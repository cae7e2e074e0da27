/* SPDX-License-Identifier: MIT */
/*
 * limiter.h - token bucket of a rule: datagrams and payload bits per second
 */
#ifndef CORE_LIMITER_H
#define CORE_LIMITER_H

#include <stdint.h>

struct match_rule;

/*
 * How long a rule may have been silent and send at once what it saved up.  At least
 * one datagram, and one of the largest size, always fits.
 */
#define LIMITER_BURST_NS 50000000ull

/**
 * limiter_take() - how many of @n datagrams may pass
 * @rule:          limit_pps and limit_bps of its record; 0 means no limit
 * @n:             datagrams, of @segment_bytes payload each
 * @segment_bytes: 0..65507
 * @now_ns:        monotonic
 *
 * Return: 0..@n; their tokens are taken.
 */
uint32_t limiter_take(struct match_rule *rule, uint32_t n, uint32_t segment_bytes, uint64_t now_ns);

#endif
