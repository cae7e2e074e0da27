// SPDX-License-Identifier: MIT
/* series.c - rounds of each quantity, and their median */
#include "harness/bench/series.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
	"rate_pps",     "relay_cpu_ns",   "machine_cpu_ns", "p50_us",        "p90_us",
	"p99_us",       "p99.9_us",       "max_us",         "p50_us_at_10",  "p90_us_at_10",
	"p99_us_at_10", "p99.9_us_at_10", "max_us_at_10",   "p50_us_at_50",  "p90_us_at_50",
	"p99_us_at_50", "p99.9_us_at_50", "max_us_at_50",   "p50_us_at_90",  "p90_us_at_90",
	"p99_us_at_90", "p99.9_us_at_90", "max_us_at_90",   "join_ms",       "leave_ms",
	"member_ms",    "groups",         "added_cpu_ns",   "added_tasks_ns"};
static_assert(sizeof(names) / sizeof(*names) == BENCH_QUANTITIES, "a name for every quantity");

const char *bench_quantity_name(enum bench_quantity quantity)
{
	return names[quantity];
}

void bench_series_add(struct bench_series *series, enum bench_quantity quantity, double value)
{
	if (series->n[quantity] < BENCH_MAX_ROUNDS)
		series->values[quantity][series->n[quantity]++] = value;
}

void bench_series_latency(struct bench_series *series, enum bench_quantity p50,
			  const struct report_latency *latency)
{
	bench_series_add(series, p50, latency->p50_us);
	bench_series_add(series, p50 + 1, latency->p90_us);
	bench_series_add(series, p50 + 2, latency->p99_us);
	bench_series_add(series, p50 + 3, latency->p999_us);
	bench_series_add(series, p50 + 4, latency->max_us);
}

bool bench_series_any(const struct bench_series *series)
{
	for (int q = 0; q < BENCH_QUANTITIES; q++)
		if (series->n[q])
			return true;
	return false;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct bench_spread bench_series_spread(const struct bench_series *series,
					enum bench_quantity quantity)
{
	struct bench_spread spread = {.n = series->n[quantity]};
	double sorted[BENCH_MAX_ROUNDS];

	if (!spread.n)
		return spread;
	memcpy(sorted, series->values[quantity], spread.n * sizeof(*sorted));
	qsort(sorted, spread.n, sizeof(*sorted), compare);
	spread.low = sorted[0];
	spread.high = sorted[spread.n - 1];
	spread.median = (sorted[(spread.n - 1) / 2] + sorted[spread.n / 2]) / 2;
	return spread;
}
