/* SPDX-License-Identifier: MIT */
/*
 * report.h - the table of a run
 *
 * It holds all that was measured in this run, and says which relays were left out.
 */
#ifndef HARNESS_BENCH_REPORT_H
#define HARNESS_BENCH_REPORT_H

struct bench_results;

/**
 * bench_report_print() - print the table to standard output
 * @results: borrowed
 */
void bench_report_print(const struct bench_results *results);

#endif
