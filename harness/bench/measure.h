/* SPDX-License-Identifier: MIT */
/* measure.h - one scenario with one relay, once: start it, measure, end it */
#ifndef HARNESS_BENCH_MEASURE_H
#define HARNESS_BENCH_MEASURE_H

#include "harness/bench/series.h"

/**
 * struct bench_plan - how thorough a bench is
 * @trial_ms:     length of a trial, 50 to 60000
 * @resolution:   of the search, as struct bench_search
 * @load_latency: also measure latency at 10, 50 and 90 % of the rate found
 */
struct bench_plan {
	uint32_t trial_ms;
	double resolution;
	bool load_latency;
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
