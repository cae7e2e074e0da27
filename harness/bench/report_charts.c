// SPDX-License-Identifier: MIT
/* report_charts.c - one SVG for each scenario and measure */
#include "harness/bench/report_charts.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/bench/chart.h"
#include "harness/bench/results.h"

#define N_PERCENTILE 5

/* Return: NULL with errno set. */
static FILE *open_chart(const char *directory, const struct bench_scenario *s, const char *kind)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s-%s.svg", directory, s->name, kind);

	if (n < 0 || (size_t)n >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	return fopen(path, "we");
}

static int close_chart(FILE *file, int ret)
{
	if (fclose(file) && ret == 0)
		ret = -errno;
	return ret;
}

/* One quantity, a bar for each relay; values below zero have none. */
static int chart_quantity(const char *directory, const struct bench_scenario *s,
			  const struct bench_series *row, enum bench_quantity quantity,
			  const char *kind, const char *unit)
{
	struct chart_bar bars[BENCH_BACKENDS];
	struct chart_bars chart = {.title = s->what, .unit = unit, .bars = bars};
	FILE *file;

	for (int b = 0; b < BENCH_BACKENDS; b++) {
		struct bench_spread value = bench_series_spread(&row[b], quantity);

		if (value.n && value.low >= 0)
			bars[chart.n++] = (struct chart_bar){bench_backend_name(b), value.median,
							     value.low, value.high, (unsigned)b};
	}
	if (!chart.n)
		return 0;
	file = open_chart(directory, s, kind);
	return file ? close_chart(file, chart_write_bars(file, &chart)) : -errno;
}

static int chart_rate(const char *directory, const struct bench_scenario *s,
		      const struct bench_series *row)
{
	return chart_quantity(directory, s, row, BENCH_Q_RATE, "rate",
			      "datagrams a second at the sink, highest rate without loss; median, "
			      "line: least to most");
}

/* That of the machine where every round has it, else that of the tasks. */
static int chart_added(const char *directory, const struct bench_scenario *s,
		       const struct bench_series *row)
{
	bool machine = true;

	for (int b = 0; b < BENCH_BACKENDS; b++)
		machine = machine && row[b].n[BENCH_Q_ADDED_NS] >= row[b].n[BENCH_Q_TASKS_NS];
	if (machine)
		return chart_quantity(directory, s, row, BENCH_Q_ADDED_NS, "added",
				      "ns of CPU time that the relay adds to the machine per "
				      "datagram; median, line: least to most");
	return chart_quantity(directory, s, row, BENCH_Q_TASKS_NS, "added",
			      "ns of CPU time that the relay adds to its tasks per datagram; "
			      "median, line: least to most");
}

static int by_rate(const void *a, const void *b)
{
	const struct bench_point *x = a, *y = b;

	return (x->offered_pps > y->offered_pps) - (x->offered_pps < y->offered_pps);
}

static int chart_loss(const char *directory, const struct bench_scenario *s,
		      const struct bench_series *row)
{
	struct chart_line lines[BENCH_BACKENDS];
	static double x[BENCH_BACKENDS][BENCH_MAX_POINTS], y[BENCH_BACKENDS][BENCH_MAX_POINTS];
	struct chart_lines chart = {.title = s->what,
				    .x_title = "offered, datagrams a second",
				    .y_title = "lost, %",
				    .log_x = true,
				    .lines = lines};
	FILE *file;

	for (int b = 0; b < BENCH_BACKENDS; b++) {
		struct bench_points points = row[b].points;

		if (!points.n)
			continue;
		qsort(points.points, points.n, sizeof(*points.points), by_rate);
		for (unsigned i = 0; i < points.n; i++) {
			x[b][i] = points.points[i].offered_pps;
			y[b][i] = points.points[i].loss * 100;
		}
		lines[chart.n++] = (struct chart_line){bench_backend_name(b), x[b], y[b], points.n,
						       (unsigned)b};
	}
	if (!chart.n)
		return 0;
	file = open_chart(directory, s, "loss");
	return file ? close_chart(file, chart_write_lines(file, &chart)) : -errno;
}

static int chart_latency(const char *directory, const struct bench_scenario *s,
			 const struct bench_series *row)
{
	static const char *const places[] = {"p50", "p90", "p99", "p99.9", "max"};
	enum bench_quantity first = s->kind == BENCH_LATENCY ? BENCH_Q_P50 : BENCH_Q_50_P50;
	double x[N_PERCENTILE] = {0, 1, 2, 3, 4}, y[BENCH_BACKENDS][N_PERCENTILE];
	struct chart_line lines[BENCH_BACKENDS];
	struct chart_lines chart = {.title = s->what,
				    .x_title = s->kind == BENCH_LATENCY
						       ? "share of the datagrams"
						       : "share of the datagrams, at half the rate",
				    .y_title = "one-way latency, microseconds",
				    .log_y = true,
				    .places = places,
				    .n_places = N_PERCENTILE,
				    .lines = lines};
	FILE *file;

	for (int b = 0; b < BENCH_BACKENDS; b++) {
		if (!row[b].n[first])
			continue;
		for (unsigned i = 0; i < N_PERCENTILE; i++)
			y[b][i] = bench_series_spread(&row[b], first + i).median;
		lines[chart.n++] = (struct chart_line){bench_backend_name(b), x, y[b], N_PERCENTILE,
						       (unsigned)b};
	}
	if (!chart.n)
		return 0;
	file = open_chart(directory, s, "latency");
	return file ? close_chart(file, chart_write_lines(file, &chart)) : -errno;
}

int bench_report_charts(const struct bench_results *results, const char *directory)
{
	int ret = mkdir(directory, 0777) < 0 && errno != EEXIST ? -errno : 0;

	for (unsigned i = 0; i < results->set.n && ret == 0; i++) {
		const struct bench_scenario *s = &results->set.scenarios[i];
		const struct bench_series *row = results->series[i];

		ret = chart_rate(directory, s, row);
		if (ret == 0)
			ret = chart_added(directory, s, row);
		if (ret == 0)
			ret = chart_loss(directory, s, row);
		if (ret == 0)
			ret = chart_latency(directory, s, row);
	}
	return ret;
}
