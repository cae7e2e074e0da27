// SPDX-License-Identifier: MIT
/* slot_pool.c - a count of fresh slots, and a ring of freed ones */
#include "core/rules/slot_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/limits.h"

int slot_pool_init(struct slot_pool *p, uint32_t limit)
{
	*p = (struct slot_pool){.limit = limit};
	p->freed = calloc(limit, sizeof(*p->freed));
	return p->freed ? 0 : -ENOMEM;
}

int slot_pool_copy(struct slot_pool *to, const struct slot_pool *from)
{
	int ret;

	ret = slot_pool_init(to, from->limit);
	if (ret < 0)
		return ret;
	to->fresh = from->fresh;
	for (uint32_t i = 0; i < from->n_freed; i++)
		slot_pool_put(to, from->freed[(from->oldest + i) % from->limit]);
	return 0;
}

void slot_pool_fini(struct slot_pool *p)
{
	free(p->freed);
	*p = (struct slot_pool){0};
}

uint32_t slot_pool_available(const struct slot_pool *p)
{
	return p->limit - p->fresh + p->n_freed;
}

uint32_t slot_pool_take(struct slot_pool *p)
{
	uint32_t slot;

	if (p->fresh < p->limit)
		return p->fresh++;
	if (p->n_freed == 0)
		return MCR_NO_SLOT;
	slot = p->freed[p->oldest];
	p->oldest = (p->oldest + 1) % p->limit;
	p->n_freed--;
	return slot;
}

void slot_pool_put(struct slot_pool *p, uint32_t slot)
{
	p->freed[(p->oldest + p->n_freed) % p->limit] = slot;
	p->n_freed++;
}
