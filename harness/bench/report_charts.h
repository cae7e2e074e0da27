/* SPDX-License-Identifier: MIT */
/* report_charts.h - the charts of a run */
#ifndef HARNESS_BENCH_REPORT_CHARTS_H
#define HARNESS_BENCH_REPORT_CHARTS_H

struct bench_results;

/**
 * bench_report_charts() - write SCENARIO-rate.svg, SCENARIO-loss.svg and SCENARIO-latency.svg
 * @results:   borrowed; what was not measured has no chart
 * @directory: made if need be
 *
 * Return: 0; -ENAMETOOLONG; -EIO; negative errno when a file cannot be made or closed.
 */
int bench_report_charts(const struct bench_results *results, const char *directory);

#endif
