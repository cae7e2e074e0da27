// SPDX-License-Identifier: MIT
/* finished.c - look-up in the list of what is finished */
#include "core/relay/finished.h"

#include <stdlib.h>

static int by_unit(const void *a, const void *b)
{
	const struct arena_finished *x = a, *y = b;

	return (x->unit > y->unit) - (x->unit < y->unit);
}

/* Adds to the @n tidy ones; returns how many there are then. */
static uint32_t add(struct arena_finished *ends, uint32_t n, struct arena_finished one)
{
	struct arena_finished *last = n ? &ends[n - 1] : NULL;
	const uint32_t end = last ? last->unit + last->n : 0;

	if (!one.n || one.n > UINT32_MAX - one.unit || one.unit < end)
		return n;
	if (last && one.unit == end && one.res >= 0 && last->res >= 0) {
		last->n += one.n;
		return n;
	}
	ends[n] = one;
	return n + 1;
}

uint32_t finished_tidy(struct arena_finished *ends, uint32_t n)
{
	uint32_t tidy = 0;

	qsort(ends, n, sizeof(*ends), by_unit);
	for (uint32_t i = 0; i < n; i++)
		tidy = add(ends, tidy, ends[i]);
	return tidy;
}

/* How many begin at or before @unit. */
static uint32_t begun(const struct finished *p, uint32_t unit)
{
	uint32_t low = 0, high = p->n;

	while (low < high) {
		const uint32_t mid = low + (high - low) / 2;

		if (p->ends[mid].unit <= unit)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct arena_finished *finished_end(const struct finished *p, uint32_t unit)
{
	const uint32_t n = begun(p, unit);

	if (unit < p->counted || !n || unit - p->ends[n - 1].unit >= p->ends[n - 1].n)
		return NULL;
	return &p->ends[n - 1];
}

bool finished_touches(const struct finished *p, uint32_t unit, uint32_t n)
{
	uint32_t at;

	if (unit < p->counted)
		return true;
	if (!p->n || !n)
		return false;
	at = begun(p, unit + n - 1);
	return at &&
	       (p->ends[at - 1].unit >= unit || unit - p->ends[at - 1].unit < p->ends[at - 1].n);
}
