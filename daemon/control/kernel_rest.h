/* SPDX-License-Identifier: MIT */
/*
 * kernel_rest.h - places of the kernel path's maps, which rest before they are used again
 *
 * A block or a counter that nothing leads to any more may still be in the hands of the program,
 * for as long as it takes with one frame.  It is given out again after KERNEL_REST_NS.
 */
#ifndef DAEMON_CONTROL_KERNEL_REST_H
#define DAEMON_CONTROL_KERNEL_REST_H

#include <stdint.h>

#include "core/base/clock.h"

#define KERNEL_REST_NS NS_PER_S

struct kernel_rested {
	uint64_t at_ns;
	uint32_t place;
};

/**
 * struct kernel_rest - places 0..limit-1
 * @ring: of @limit, holding @n that are free from @oldest on
 */
struct kernel_rest {
	uint32_t limit, oldest, n;
	struct kernel_rested *ring;
};

/* None is free at first.  Return: 0 or -ENOMEM. */
int kernel_rest_init(struct kernel_rest *r, uint32_t limit);
void kernel_rest_fini(struct kernel_rest *r);

/* None is free any more: all are to be put anew. */
void kernel_rest_clear(struct kernel_rest *r);

/* Return: a place; MCR_NO_SLOT: none has rested long enough. */
uint32_t kernel_rest_take(struct kernel_rest *r, uint64_t now_ns);

/* @at_ns: since when nothing leads to it, 0: nothing ever did; not before that of the last one */
void kernel_rest_put(struct kernel_rest *r, uint32_t place, uint64_t at_ns);

#endif
