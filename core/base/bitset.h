/* SPDX-License-Identifier: MIT */
/*
 * bitset.h - a set of small numbers, such as slots, a bit each
 *
 * A set of numbers below N is an array of N / 64 words.  The caller has checked the number.
 */
#ifndef CORE_BASE_BITSET_H
#define CORE_BASE_BITSET_H

#include <stdbool.h>
#include <stdint.h>

static inline bool bitset_has(const uint64_t *set, uint32_t n)
{
	return set[n / 64] >> n % 64 & 1;
}

static inline void bitset_add(uint64_t *set, uint32_t n)
{
	set[n / 64] |= 1ull << n % 64;
}

static inline void bitset_remove(uint64_t *set, uint32_t n)
{
	set[n / 64] &= ~(1ull << n % 64);
}

#endif
