/* SPDX-License-Identifier: MIT */
/* bench_scenario.h - what mcrbench measures, and the ratios it holds the relay to */
#ifndef HARNESS_BENCH_SCENARIO_H
#define HARNESS_BENCH_SCENARIO_H

#include "harness/bench.h"

/**
 * struct bench_gate - a ratio between two backends in one scenario of one run
 * @target: what the project claims
 * @gate:   below this a run with --check fails; lower than the target by the spread that
 *          short runs on shared machines have
 * For BENCH_LATENCY the ratio is of medians and must not be above.
 */
struct bench_gate {
	const char *scenario;
	enum bench_backend_id of, to;
	double target;
	double gate;
};

extern const struct bench_scenario bench_scenarios[];
extern const unsigned int bench_n_scenarios;
extern const struct bench_gate bench_gates[];
extern const unsigned int bench_n_gates;

const struct bench_scenario *bench_scenario_find(const char *name);

#endif
