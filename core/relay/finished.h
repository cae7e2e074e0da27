/* SPDX-License-Identifier: MIT */
/*
 * finished.h - which datagrams of a batch a predecessor has finished
 *
 * By number (egress_number()).  Nearly always that is one stretch from the first on; a
 * send that had to be repeated leaves a hole.
 */
#ifndef CORE_RELAY_FINISHED_H
#define CORE_RELAY_FINISHED_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"

/**
 * struct finished
 * @ends:    how they ended, as finished_tidy() leaves it; borrowed
 * @n:       of them
 * @counted: numbers below this one are finished and counted
 */
struct finished {
	const struct arena_finished *ends;
	uint32_t n;
	uint32_t counted;
};

/**
 * finished_tidy() - sort, join what was sent, and drop what overlaps or cannot be
 * @ends: anything, changed in place
 * Return: how many are left.
 */
uint32_t finished_tidy(struct arena_finished *ends, uint32_t n);

/* How the datagram of that number ended; NULL when it did not, or is counted. */
const struct arena_finished *finished_end(const struct finished *p, uint32_t unit);

/* Is any of the @n datagrams from @unit on finished? */
bool finished_touches(const struct finished *p, uint32_t unit, uint32_t n);

#endif
