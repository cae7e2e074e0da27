// SPDX-License-Identifier: MIT
/* kernel_rest.c - a ring of free places, the one that has rested longest first */
#include "daemon/control/kernel_rest.h"

#include <errno.h>
#include <stdlib.h>

#include "core/base/limits.h"

int kernel_rest_init(struct kernel_rest *r, uint32_t limit)
{
	*r = (struct kernel_rest){.limit = limit};
	r->ring = calloc(limit, sizeof(*r->ring));
	return r->ring ? 0 : -ENOMEM;
}

void kernel_rest_fini(struct kernel_rest *r)
{
	free(r->ring);
	*r = (struct kernel_rest){0};
}

void kernel_rest_clear(struct kernel_rest *r)
{
	r->oldest = r->n = 0;
}

uint32_t kernel_rest_take(struct kernel_rest *r, uint64_t now_ns)
{
	const struct kernel_rested *oldest = &r->ring[r->oldest];

	if (!r->n || (oldest->at_ns && now_ns < oldest->at_ns + KERNEL_REST_NS))
		return MCR_NO_SLOT;
	r->oldest = (r->oldest + 1) % r->limit;
	r->n--;
	return oldest->place;
}

void kernel_rest_put(struct kernel_rest *r, uint32_t place, uint64_t at_ns)
{
	r->ring[(r->oldest + r->n++) % r->limit] =
		(struct kernel_rested){.at_ns = at_ns, .place = place};
}
