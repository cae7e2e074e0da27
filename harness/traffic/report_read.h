/* SPDX-License-Identifier: MIT */
/*
 * report_read.h - read the JSON reports of mcrgen and mcrsink, for programs that run them
 *
 * Only totals are read, not flows and streams.
 */
#ifndef HARNESS_TRAFFIC_REPORT_READ_H
#define HARNESS_TRAFFIC_REPORT_READ_H

#include <stdint.h>

struct report_latency {
	double p50_us;
	double p90_us;
	double p99_us;
	double p999_us;
	double max_us;
};

struct report_sink {
	uint64_t received;
	uint64_t unique;
	uint64_t lost;
	uint64_t duplicated;
	uint64_t reordered;
	uint64_t corrupt;
	uint64_t too_short;
	uint64_t sink_drops;
	uint64_t bytes;
	double elapsed_s;
	double pps;
	double longest_gap_ms;
	struct report_latency latency;
};

struct report_gen {
	uint64_t sent;
	uint64_t send_errors;
	uint64_t bytes;
	double elapsed_s;
	double pps;
};

/**
 * report_read_sink() - read the output of mcrsink --json
 * @report: filled on success
 * @text:   its standard output; the last line counts, earlier ones are those of intervals
 *
 * Return: 0, or -EBADMSG when a field is missing or is not a number.
 */
int report_read_sink(struct report_sink *report, const char *text);

/**
 * report_read_gen() - read the output of mcrgen --json
 * @report: filled on success
 * @text:   its standard output; the last line counts
 *
 * Return: 0, or -EBADMSG when a field is missing or is not a number.
 */
int report_read_gen(struct report_gen *report, const char *text);

#endif
