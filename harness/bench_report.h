/* SPDX-License-Identifier: MIT */
/* What a bench says: a table, JSON and charts, of all that was measured in this run. */
#ifndef HARNESS_BENCH_REPORT_H
#define HARNESS_BENCH_REPORT_H

#include "harness/bench_gate.h"

/**
 * struct bench_results - everything of a run
 * @command: as it was typed
 * @gates:   the ratios that are shown
 * @check:   and whether they are judged
 */
struct bench_results {
	const char *command;
	const char *profile;
	unsigned int rounds;
	uint32_t trial_ms;
	bool check;
	struct bench_gates gates;
	struct bench_series series[BENCH_MAX_SCENARIOS][BENCH_BACKENDS];
};

/** bench_report_print() - the table.  Return: how many gates were missed. */
unsigned int bench_report_print(const struct bench_results *results);

/** bench_report_json() - write the results to a file.  Return: 0 or negative errno. */
int bench_report_json(const struct bench_results *results, const char *path);

/**
 * bench_report_charts() - write charts into a directory, which is made if need be: for every
 * scenario SCENARIO-rate.svg, SCENARIO-loss.svg and SCENARIO-latency.svg, as far as measured.
 *
 * Return: 0 or negative errno.
 */
int bench_report_charts(const struct bench_results *results, const char *directory);

#endif
