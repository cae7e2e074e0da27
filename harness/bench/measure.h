/* SPDX-License-Identifier: MIT */
/* measure.h - one scenario with one relay, once: start it, measure, end it */
#ifndef HARNESS_BENCH_MEASURE_H
#define HARNESS_BENCH_MEASURE_H

#include "harness/bench/series.h"

/* Shares of the rate found at which latency is measured, too. */
enum bench_loads {
	BENCH_LOADS_NONE,
	BENCH_LOADS_HALF,
	BENCH_LOADS_ALL, /* 10, 50 and 90 % */
};

/**
 * struct bench_plan - how thorough a bench is
 * @trial_ms:     length of a trial, 50 to 60000
 * @resolution:   of the search, as struct bench_search
 * @cost_ms:      length of each of the two runs whose difference is the added CPU time; 0: not
 *                measured
 * @loads:        at which latency is measured, too
 */
struct bench_plan {
	uint32_t trial_ms;
	double resolution;
	uint32_t cost_ms;
	enum bench_loads loads;
};

/**
 * bench_measure() - measure once and add the values
 * @scenario: borrowed
 * @backend:  the relay
 * @settings: borrowed
 * @plan:     borrowed
 * @series:   added to; values of earlier rounds guide the search
 * @started:  filled: whether the relay got ready, so that an error is not one of its start
 * @error:    filled on failure
 *
 * Return: 0; -EINTR when stopped; other negative errno.
 */
int bench_measure(const struct bench_scenario *scenario, enum bench_backend backend,
		  const struct bench_settings *settings, const struct bench_plan *plan,
		  struct bench_series *series, bool *started, struct lab_error *error);

#endif
