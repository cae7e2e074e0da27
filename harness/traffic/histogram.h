/* SPDX-License-Identifier: MIT */
/*
 * histogram.h - log-linear histogram of durations, for latency percentiles
 *
 * Values below 128 ns have a bucket each.  Above that every power of two is cut into 128 equal
 * buckets, so a bucket is never wider than 1/128 (0.8 %) of its value and a percentile is exact to
 * 1 %.  Values beyond 2^36 ns (68 s) share the last bucket; the maximum is kept exactly.
 */
#ifndef HARNESS_TRAFFIC_HISTOGRAM_H
#define HARNESS_TRAFFIC_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 7
#define HISTOGRAM_SUB      (1u << HISTOGRAM_SUB_BITS)
#define HISTOGRAM_MAX_BITS 36
#define HISTOGRAM_BUCKETS  ((HISTOGRAM_MAX_BITS - HISTOGRAM_SUB_BITS + 1) * HISTOGRAM_SUB)

struct histogram {
	uint64_t count;
	uint64_t max_ns;
	uint32_t buckets[HISTOGRAM_BUCKETS];
};

/**
 * histogram_add() - count one value
 * @hist:     to be added to
 * @value_ns: any
 */
void histogram_add(struct histogram *hist, uint64_t value_ns);

/**
 * histogram_merge() - add all values of another histogram
 * @into: to be added to
 * @from: borrowed
 */
void histogram_merge(struct histogram *into, const struct histogram *from);

/**
 * histogram_percentile() - the value that a fraction of all values do not exceed
 * @hist:      borrowed
 * @per_mille: 0 to 1000; 999 is p99.9, 1000 the exact maximum
 *
 * Return: nanoseconds, the upper edge of the bucket that holds it and at most the maximum; 0 when
 * the histogram is empty.
 */
uint64_t histogram_percentile(const struct histogram *hist, unsigned per_mille);

#endif
