/* SPDX-License-Identifier: MIT */
/* chart.h - charts as SVG: horizontal bars with their spread, and lines */
#ifndef HARNESS_BENCH_CHART_H
#define HARNESS_BENCH_CHART_H

#include <stdbool.h>
#include <stdio.h>

#define CHART_MAX_SERIES 8

struct chart_bar {
	const char *label;
	double value;
	double low; /* the spread; equal to value for none */
	double high;
	unsigned color; /* the same number is the same colour in every chart */
};

struct chart_bars {
	const char *title;
	const char *unit;
	const struct chart_bar *bars;
	unsigned n;
};

struct chart_line {
	const char *label;
	const double *x;
	const double *y;
	unsigned n;
	unsigned color;
};

struct chart_lines {
	const char *title;
	const char *x_title;
	const char *y_title;
	bool log_x;
	bool log_y; /* values below 1 are drawn at 1 */
	/* Names of the places 0, 1, 2 ... on the x axis, in place of numbers; or NULL. */
	const char *const *places;
	unsigned n_places;
	const struct chart_line *lines;
	unsigned n;
};

/**
 * chart_write_bars() - write bars as a whole SVG document
 * @file:  open for writing
 * @chart: borrowed
 *
 * Return: 0 or -EIO.
 */
int chart_write_bars(FILE *file, const struct chart_bars *chart);

/**
 * chart_write_lines() - write lines as a whole SVG document
 * @file:  open for writing
 * @chart: borrowed
 *
 * Return: 0 or -EIO.
 */
int chart_write_lines(FILE *file, const struct chart_lines *chart);

/**
 * chart_number() - write a number with three digits and a unit, such as 1.23M
 * @value: any
 * @text:  filled
 *
 * Return: @text.
 */
const char *chart_number(double value, char text[static 16]);

#endif
