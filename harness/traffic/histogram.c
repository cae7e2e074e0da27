// SPDX-License-Identifier: MIT
/* Log-linear histogram of durations. */
#include "harness/traffic/histogram.h"

static unsigned int bucket_of(uint64_t value_ns)
{
	unsigned int msb;

	if (value_ns < HIST_SUB)
		return (unsigned int)value_ns;
	msb = 63 - (unsigned int)__builtin_clzll(value_ns);
	if (msb >= HIST_MAX_BITS)
		return HIST_BUCKETS - 1;
	return (msb - HIST_SUB_BITS + 1) * HIST_SUB +
	       (unsigned int)((value_ns >> (msb - HIST_SUB_BITS)) & (HIST_SUB - 1));
}

static uint64_t upper_edge(unsigned int bucket)
{
	unsigned int octave = bucket / HIST_SUB;
	uint64_t sub = bucket % HIST_SUB;

	if (octave == 0)
		return sub;
	return ((HIST_SUB + sub + 1) << (octave - 1)) - 1;
}

void hist_add(struct histogram *hist, uint64_t value_ns)
{
	hist->count++;
	hist->buckets[bucket_of(value_ns)]++;
	if (value_ns > hist->max_ns)
		hist->max_ns = value_ns;
}

void hist_merge(struct histogram *into, const struct histogram *from)
{
	into->count += from->count;
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
	for (unsigned int i = 0; i < HIST_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
}

uint64_t hist_percentile(const struct histogram *hist, unsigned int per_mille)
{
	uint64_t rank = (hist->count * per_mille + 999) / 1000;
	uint64_t seen = 0;

	if (per_mille >= 1000 || hist->count == 0)
		return hist->max_ns;
	if (rank == 0)
		rank = 1;
	for (unsigned int i = 0; i < HIST_BUCKETS - 1; i++) {
		seen += hist->buckets[i];
		if (seen >= rank)
			return upper_edge(i) < hist->max_ns ? upper_edge(i) : hist->max_ns;
	}
	return hist->max_ns;
}
