/* SPDX-License-Identifier: MIT */
/* report_json.h - the JSON of a run: every figure of every round, and each trial */
#ifndef HARNESS_BENCH_REPORT_JSON_H
#define HARNESS_BENCH_REPORT_JSON_H

struct bench_results;

/**
 * bench_report_json() - write the results to a file
 * @results: borrowed
 * @path:    the file, made or overwritten
 *
 * Return: 0; -EIO; negative errno when the file cannot be made or closed.
 */
int bench_report_json(const struct bench_results *results, const char *path);

#endif
