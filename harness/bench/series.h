/* SPDX-License-Identifier: MIT */
/* series.h - the measured values: for every scenario and relay one of each quantity per round */
#ifndef HARNESS_BENCH_SERIES_H
#define HARNESS_BENCH_SERIES_H

#include "harness/bench/search.h"

#define BENCH_MAX_ROUNDS 31

/* Percentiles stand in the order of struct report_latency, five in a row. */
enum bench_quantity {
	BENCH_Q_RATE,       /* datagrams that arrive a second, over all outputs */
	BENCH_Q_RELAY_NS,   /* CPU time of the relay's processes per datagram sent, at that rate */
	BENCH_Q_MACHINE_NS, /* the same of the whole machine, generator and sink included */
	BENCH_Q_P50,        /* latency at that rate, or of the trickle */
	BENCH_Q_P90,
	BENCH_Q_P99,
	BENCH_Q_P999,
	BENCH_Q_MAX,
	BENCH_Q_10_P50, /* latency at 10 % of the rate */
	BENCH_Q_10_P90,
	BENCH_Q_10_P99,
	BENCH_Q_10_P999,
	BENCH_Q_10_MAX,
	BENCH_Q_50_P50, /* at 50 % */
	BENCH_Q_50_P90,
	BENCH_Q_50_P99,
	BENCH_Q_50_P999,
	BENCH_Q_50_MAX,
	BENCH_Q_90_P50, /* at 90 % */
	BENCH_Q_90_P90,
	BENCH_Q_90_P99,
	BENCH_Q_90_P999,
	BENCH_Q_90_MAX,
	BENCH_Q_JOIN,     /* ms from asking for a rule to its first datagram out */
	BENCH_Q_LEAVE,    /* ms from asking for its removal to its last datagram out */
	BENCH_Q_MEMBER,   /* ms from asking for a rule to the membership of the input interface */
	BENCH_Q_GROUPS,   /* groups forwarded at once */
	BENCH_Q_ADDED_NS, /* CPU time that the relay adds to the machine per datagram (cost.h) */
	BENCH_Q_TASKS_NS, /* the same of the tasks that work for the stream */
	BENCH_QUANTITIES
};

/* Of one relay in one scenario; all zero to begin with. */
struct bench_series {
	unsigned n[BENCH_QUANTITIES];
	double values[BENCH_QUANTITIES][BENCH_MAX_ROUNDS];
	struct bench_points points;
	bool limited; /* in some round the generator could not offer more */
};

/* Median, least and most of some values. */
struct bench_spread {
	unsigned n;
	double median;
	double low;
	double high;
};

/**
 * bench_quantity_name() - the name of a quantity in the JSON and the reference
 * @quantity: not BENCH_QUANTITIES
 *
 * Return: the name, which ends with the unit.
 */
const char *bench_quantity_name(enum bench_quantity quantity);

/**
 * bench_series_add() - add a value
 * @series:   to be added to
 * @quantity: which
 * @value:    ignored beyond BENCH_MAX_ROUNDS
 */
void bench_series_add(struct bench_series *series, enum bench_quantity quantity, double value);

/**
 * bench_series_latency() - add five values, from the median to the most
 * @series:  to be added to
 * @p50:     the first of the five quantities
 * @latency: borrowed
 */
void bench_series_latency(struct bench_series *series, enum bench_quantity p50,
			  const struct report_latency *latency);

/**
 * bench_series_any() - has any quantity a value?
 * @series: borrowed
 */
bool bench_series_any(const struct bench_series *series);

/**
 * bench_series_spread() - median, least and most over the rounds
 * @series:   borrowed
 * @quantity: which
 *
 * Return: all zero when there is no value.
 */
struct bench_spread bench_series_spread(const struct bench_series *series,
					enum bench_quantity quantity);

#endif
