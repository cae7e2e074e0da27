/* SPDX-License-Identifier: MIT */
/*
 * search.h - the highest rate without loss and without a growing queue (RFC 2544, 26.1)
 *
 * From a first guess the rate grows or shrinks until one trial carries and one does not; then the
 * gap is halved until it is small enough.  Nothing may pile up either: large socket queues would
 * otherwise carry a short trial through.  A trial that failed is tried once more before it counts,
 * because one preemption on a shared machine is not a limit of the relay.
 */
#ifndef HARNESS_BENCH_SEARCH_H
#define HARNESS_BENCH_SEARCH_H

#include "harness/bench/trial.h"

#define BENCH_MAX_POINTS 512

/* One trial of a search, for the chart of loss against offered rate. */
struct bench_point {
	double offered_pps;
	double loss; /* 0 to 1 */
};

struct bench_points {
	unsigned n;
	struct bench_point points[BENCH_MAX_POINTS];
};

/**
 * struct bench_search - how to search
 * @ms:         length of a trial
 * @resolution: highest rate that failed over highest that was carried, at which it ends
 * @guess_pps:  offered, to begin with; 0: none
 * @points:     every trial is added; or NULL
 */
struct bench_search {
	uint32_t ms;
	double resolution;
	double guess_pps;
	struct bench_points *points;
};

/**
 * struct bench_found - the outcome
 * @best: the trial with the highest rate that was carried; zero when none was
 * @limited: the generator could not offer more: the relay may be faster
 */
struct bench_found {
	struct bench_trial best;
	bool limited;
};

/**
 * bench_search_run() - search
 * @run:    started
 * @search: borrowed
 * @found:  filled
 * @error:  filled on failure
 *
 * Return: 0, or negative errno of bench_trial_run().
 */
int bench_search_run(const struct bench_run *run, const struct bench_search *search,
		     struct bench_found *found, struct lab_error *error);

#endif
