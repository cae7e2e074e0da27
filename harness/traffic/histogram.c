// SPDX-License-Identifier: MIT
/* histogram.c - add, merge, percentile */
#include "harness/traffic/histogram.h"

static unsigned bucket_of(uint64_t value_ns)
{
	unsigned msb;

	if (value_ns < HISTOGRAM_SUB)
		return (unsigned)value_ns;
	msb = 63 - (unsigned)__builtin_clzll(value_ns);
	if (msb >= HISTOGRAM_MAX_BITS)
		return HISTOGRAM_BUCKETS - 1;
	return (msb - HISTOGRAM_SUB_BITS + 1) * HISTOGRAM_SUB +
	       (unsigned)((value_ns >> (msb - HISTOGRAM_SUB_BITS)) & (HISTOGRAM_SUB - 1));
}

static uint64_t upper_edge(unsigned bucket)
{
	unsigned octave = bucket / HISTOGRAM_SUB;
	uint64_t sub = bucket % HISTOGRAM_SUB;

	if (octave == 0)
		return sub;
	return ((HISTOGRAM_SUB + sub + 1) << (octave - 1)) - 1;
}

void histogram_add(struct histogram *hist, uint64_t value_ns)
{
	hist->count++;
	hist->buckets[bucket_of(value_ns)]++;
	if (value_ns > hist->max_ns)
		hist->max_ns = value_ns;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	into->count += from->count;
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
}

uint64_t histogram_percentile(const struct histogram *hist, unsigned per_mille)
{
	uint64_t rank = (hist->count * per_mille + 999) / 1000;
	uint64_t seen = 0;

	if (per_mille >= 1000 || hist->count == 0)
		return hist->max_ns;
	if (rank == 0)
		rank = 1;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		seen += hist->buckets[i];
		if (seen >= rank)
			return upper_edge(i) < hist->max_ns ? upper_edge(i) : hist->max_ns;
	}
	return hist->max_ns;
}
