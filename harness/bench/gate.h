/* SPDX-License-Identifier: MIT */
/*
 * gate.h - the regression gate: ratios between relays of one run against a committed reference
 *
 * Absolute figures differ from machine to machine and from hour to hour; the ratio of two relays
 * that took turns in one run hardly does.  The reference (harness/bench-reference.json) holds what
 * an idle machine measures, and how much less each profile lets pass.
 */
#ifndef HARNESS_BENCH_GATE_H
#define HARNESS_BENCH_GATE_H

#include "harness/bench/series.h"

#define BENCH_MAX_GATES 32

/**
 * struct bench_gate - a ratio of medians
 * @scenario:  index in bench_scenarios
 * @of, @to:   the median of the one over that of the other
 * @reference: measured on an idle machine
 * @tolerance: share of it that may be missing, 0 to 1
 * @lower:     less is better: the gate is reference / (1 - tolerance), and else
 *             reference * (1 - tolerance)
 */
struct bench_gate {
	unsigned scenario;
	enum bench_backend of;
	enum bench_backend to;
	enum bench_quantity quantity;
	bool lower;
	double reference;
	double tolerance;
};

struct bench_gates {
	unsigned n;
	struct bench_gate gates[BENCH_MAX_GATES];
};

enum bench_verdict {
	BENCH_PASSED,
	BENCH_MISSED,
	BENCH_UNKNOWN, /* one of the two was not measured */
};

/**
 * bench_gates_parse() - read a reference
 * @gates: filled on success
 * @text: NUL-terminated JSON
 * @profile: whose tolerance applies
 * @error: filled on failure: what is wrong, and in which ratio
 *
 * Return: 0 or -EINVAL.
 */
int bench_gates_parse(struct bench_gates *gates, const char *text, const char *profile,
		      struct lab_error *error);

/**
 * bench_gate_limit() - the ratio that just passes
 * @gate: borrowed
 */
double bench_gate_limit(const struct bench_gate *gate);

/**
 * bench_gate_judge() - compare one ratio with its gate
 * @gate:  borrowed
 * @of, @to: the series of the two relays in the gate's scenario
 * @ratio: filled; 0 when there is none
 *
 * Return: the verdict.
 */
enum bench_verdict bench_gate_judge(const struct bench_gate *gate, const struct bench_series *of,
				    const struct bench_series *to, double *ratio);

#endif
