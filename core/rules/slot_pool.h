/* SPDX-License-Identifier: MIT */
/*
 * slot_pool.h - hands out indices, and takes them back
 *
 * Slots that were never used go first, then freed ones, oldest first: a worker may
 * still count for the previous owner of a slot while a new snapshot is on its way,
 * so a freed slot rests as long as possible.
 */
#ifndef CORE_RULES_SLOT_POOL_H
#define CORE_RULES_SLOT_POOL_H

#include <stdint.h>

/**
 * struct slot_pool - slots 0..limit-1
 * @fresh: slots from here on were never used
 * @freed: ring of @limit places holding @n_freed slots from @oldest on
 */
struct slot_pool {
	uint32_t limit;
	uint32_t fresh;
	uint32_t oldest;
	uint32_t n_freed;
	uint32_t *freed;
};

/* Return: 0 or -ENOMEM. */
int slot_pool_init(struct slot_pool *p, uint32_t limit);
/* @to is uninitialised.  Return: 0 or -ENOMEM. */
int slot_pool_copy(struct slot_pool *to, const struct slot_pool *from);
void slot_pool_fini(struct slot_pool *p);

uint32_t slot_pool_available(const struct slot_pool *p);
/* Return: a slot; MCR_NO_SLOT when none is left. */
uint32_t slot_pool_take(struct slot_pool *p);
/* @slot: one that slot_pool_take() returned and that was not put back since */
void slot_pool_put(struct slot_pool *p, uint32_t slot);

#endif
