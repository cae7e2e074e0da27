/* SPDX-License-Identifier: MIT */
/*
 * report.h - the report of a run: a table, JSON and charts
 *
 * It holds all that was measured in this run, and says which relays were left out.
 */
#ifndef HARNESS_BENCH_REPORT_H
#define HARNESS_BENCH_REPORT_H

#include "harness/bench/results.h"

/** bench_report_print() - the table, to standard output (report.c). */
void bench_report_print(const struct bench_results *results);

/**
 * bench_report_json() - write the results to a file (report_json.c).
 *
 * Return: 0; -EIO; negative errno when the file cannot be made or closed.
 */
int bench_report_json(const struct bench_results *results, const char *path);

/**
 * bench_report_charts() - write charts into a directory, which is made if need be: for every
 * scenario SCENARIO-rate.svg, SCENARIO-loss.svg and SCENARIO-latency.svg, as far as measured
 * (report_charts.c).
 *
 * Return: 0; -ENAMETOOLONG; -EIO; negative errno when a file cannot be made or closed.
 */
int bench_report_charts(const struct bench_results *results, const char *directory);

#endif
