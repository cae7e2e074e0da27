/* SPDX-License-Identifier: MIT */
/* results.h - everything of one run, and its ratios */
#ifndef HARNESS_BENCH_RESULTS_H
#define HARNESS_BENCH_RESULTS_H

#include "harness/bench/gate.h"
#include "harness/bench/set.h"

/**
 * struct bench_results - what was asked and what was measured
 * @command:  as it was typed
 * @gates:    the ratios that are shown
 * @check:    and whether they are judged
 * @set:      what was to be measured
 * @series:   what was, for every scenario of the set; owned by whoever fills it
 * @left_out: why a relay was not measured although it was to be; "": it was
 */
struct bench_results {
	const char *command;
	const char *profile;
	unsigned rounds;
	uint32_t trial_ms;
	bool check;
	struct bench_gates gates;
	struct bench_set set;
	struct bench_series (*series)[BENCH_BACKENDS];
	char left_out[BENCH_BACKENDS][256];
};

/**
 * bench_results_measured() - has a scenario any figure?
 * @results: borrowed
 * @i:       scenario of the set
 */
bool bench_results_measured(const struct bench_results *results, unsigned i);

/**
 * bench_results_complete() - was no relay left out?
 * @results: borrowed
 */
bool bench_results_complete(const struct bench_results *results);

/**
 * bench_results_scenario() - find a gate's scenario in the set
 * @results: borrowed
 * @gate:    borrowed
 *
 * Return: its index; negative when it is not in the set.
 */
int bench_results_scenario(const struct bench_results *results, const struct bench_gate *gate);

/**
 * bench_results_shows() - has a gate's scenario any figure?
 * @results: borrowed
 * @gate:    borrowed
 */
bool bench_results_shows(const struct bench_results *results, const struct bench_gate *gate);

/**
 * bench_results_judge() - bench_gate_judge() with the figures of this run
 * @results: borrowed
 * @gate:    borrowed
 * @ratio:   filled; 0 when there is none
 *
 * Return: the verdict.
 */
enum bench_verdict bench_results_judge(const struct bench_results *results,
				       const struct bench_gate *gate, double *ratio);

/**
 * bench_results_count() - count the gates with a verdict
 * @results: borrowed
 * @verdict: which
 *
 * Return: how many.
 */
unsigned bench_results_count(const struct bench_results *results, enum bench_verdict verdict);

/**
 * bench_results_can_judge() - will a gate's scenario be measured with both of its relays?
 * @results: borrowed
 * @gate:    borrowed
 */
bool bench_results_can_judge(const struct bench_results *results, const struct bench_gate *gate);

/**
 * bench_results_pair() - is a path of MCR compared with another relay?
 * @of: a path of MCR, or none: either path stands beside every other relay
 * @to: the other relay
 */
bool bench_results_pair(enum bench_backend of, enum bench_backend to);

/**
 * bench_results_ratio() - a figure of one relay over that of another
 * @results:  borrowed
 * @i:        scenario of the set
 * @of:       the one
 * @to:       the other
 * @quantity: which figure
 *
 * Return: the ratio of medians; 0 when one was not measured or the other's is 0.
 */
double bench_results_ratio(const struct bench_results *results, unsigned i, enum bench_backend of,
			   enum bench_backend to, enum bench_quantity quantity);

/**
 * bench_results_basis() - the figure by which two relays are compared
 * @results: borrowed
 * @i:       scenario of the set, of the kind BENCH_RATE
 * @of:      the one
 * @to:      the other
 *
 * Return: BENCH_Q_RATE; when the generator limited one of the two rates, BENCH_Q_ADDED_NS, and in
 * its place BENCH_Q_TASKS_NS when the machine did something else in some round.
 */
enum bench_quantity bench_results_basis(const struct bench_results *results, unsigned i,
					enum bench_backend of, enum bench_backend to);

#endif
