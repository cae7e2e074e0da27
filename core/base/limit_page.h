/* SPDX-License-Identifier: MIT */
/*
 * limit_page.h - the memory in which workers share the state of rate limits
 *
 * The supervisor makes it and holds it; every worker maps it.  core/relay/limiter.c says
 * what the words mean.
 */
#ifndef CORE_BASE_LIMIT_PAGE_H
#define CORE_BASE_LIMIT_PAGE_H

#include <assert.h>
#include <stdint.h>

#include "core/base/limits.h"

/**
 * struct limit_slot - state of the rate limits of one rule, in a cache line of its own
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

struct limit_page {
	struct limit_slot rule[MCR_MAX_RULES];
};

#endif
