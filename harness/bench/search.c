// SPDX-License-Identifier: MIT
/* search.c - double, then halve the interval */
#include "harness/bench/search.h"

#define START_PPS 40000.0
#define LEAST_PPS 500.0
#define MOST_PPS  8e6
#define GROW      2.0  /* without a guess */
#define GROW_NEAR 1.25 /* with one */
#define KEPT_UP   0.95 /* the generator reached what was asked */

static void note_point(const struct bench_run *run, const struct bench_search *search,
		       const struct bench_trial *trial)
{
	struct bench_points *points = search->points;

	if (points && points->n < BENCH_MAX_POINTS)
		points->points[points->n++] =
			(struct bench_point){trial->offered_pps, bench_trial_loss(run, trial)};
}

/* Tries one rate.  Return: 1 when it was carried, 0 when not, negative errno. */
static int attempt(const struct bench_run *run, const struct bench_search *search, double rate_pps,
		   struct bench_found *found, struct lab_error *error)
{
	struct bench_trial t;
	bool carried = false;

	for (int tries = 0; tries < 2; tries++) {
		int ret = bench_trial_run(run, rate_pps, search->ms, &t, error);

		if (ret < 0)
			return ret;
		note_point(run, search, &t);
		carried = bench_trial_carried(run, &t);
		if (carried && t.offered_pps > found->best.offered_pps)
			found->best = t;
		if (carried && t.offered_pps >= rate_pps * KEPT_UP)
			break;
	}
	found->limited = carried && t.offered_pps < rate_pps * KEPT_UP;
	return carried;
}

/* Finds one rate that is carried and one that is not, or how far the generator goes. */
static int bracket(const struct bench_run *run, const struct bench_search *search, double *good_pps,
		   double *bad_pps, struct bench_found *found, struct lab_error *error)
{
	double factor = search->guess_pps > 0 ? GROW_NEAR : GROW;
	double rate_pps = search->guess_pps > 0 ? search->guess_pps : START_PPS;

	while (rate_pps <= MOST_PPS && rate_pps >= LEAST_PPS) {
		int ret = attempt(run, search, rate_pps, found, error);

		if (ret < 0)
			return ret;
		*(ret ? good_pps : bad_pps) = rate_pps;
		if ((*good_pps > 0 && *bad_pps > 0) || found->limited)
			break;
		rate_pps = ret ? rate_pps * factor : rate_pps / factor;
		/* A guess that was far off, as when the machine is busy: longer steps. */
		factor = factor * factor < 4 ? factor * factor : 4;
	}
	return 0;
}

int bench_search_run(const struct bench_run *run, const struct bench_search *search,
		     struct bench_found *found, struct lab_error *error)
{
	double good_pps = 0, bad_pps = 0;
	int ret;

	*found = (struct bench_found){.limited = false};
	ret = bracket(run, search, &good_pps, &bad_pps, found, error);
	while (ret >= 0 && good_pps > 0 && bad_pps > 0 && !found->limited &&
	       bad_pps / good_pps > search->resolution) {
		double rate_pps = (good_pps + bad_pps) / 2;

		ret = attempt(run, search, rate_pps, found, error);
		if (ret >= 0)
			*(ret ? &good_pps : &bad_pps) = rate_pps;
	}
	return ret < 0 ? ret : 0;
}
