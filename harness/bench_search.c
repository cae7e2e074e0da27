// SPDX-License-Identifier: MIT
/*
 * bench_search.c - the highest rate of which nothing is lost and nothing piles up
 *
 * First the rate doubles until a trial loses something or the generator falls behind,
 * then the gap is halved on a logarithmic scale.  A trial that failed, or that the generator could not keep up, is tried a second
 * time before it counts, because one preemption on a shared machine is not a limit.
 */
#include "harness/bench.h"

#include <math.h>

#define START_PPS   20000
#define RESOLUTION  1.03
#define KEPT_UP	    0.95 /* the generator reached what was asked */
#define MOST_PPS    8000000
/* What arrives after the generator has ended stood in a queue. */
#define PILE_UP	    1.03
#define PILE_UP_S   0.010

struct searched {
	double good_pps;   /* offered */
	double bad_pps;
	struct bench_result result;
};

static bool carried(const struct bench_run *run, const struct bench_trial *t)
{
	return t->received >= t->sent * run->scenario->fanout && t->sink_drops == 0 &&
	       t->received_s <= t->sent_s * PILE_UP + PILE_UP_S;
}

/* Tries one rate.  Return: 1 when nothing was lost, 0 when something was, negative errno. */
static int attempt(const struct bench_run *run, double rate_pps, uint32_t ms, struct searched *s,
		   struct lab_error *error)
{
	struct bench_trial t;

	for (int tries = 0; tries < 2; tries++) {
		int ret = bench_trial_run(run, (uint64_t)rate_pps, ms, &t, error);

		if (ret < 0)
			return ret;
		if (carried(run, &t) && t.offered_pps >= rate_pps * KEPT_UP)
			break;
	}
	if (!carried(run, &t))
		return 0;
	if (t.offered_pps * run->scenario->fanout > s->result.pps) {
		s->result.pps = t.offered_pps * run->scenario->fanout;
		s->result.cpu_ns = t.cpu_ns;
		s->result.p50_us = t.p50_us;
		s->result.p99_us = t.p99_us;
	}
	s->result.limited = t.offered_pps < rate_pps * KEPT_UP;
	return 1;
}

int bench_search(const struct bench_run *run, uint32_t ms, struct bench_result *result,
		 struct lab_error *error)
{
	struct searched s = {.good_pps = 0};
	double rate_pps = START_PPS;
	int ret;

	for (; rate_pps < MOST_PPS; rate_pps *= 2) {
		ret = attempt(run, rate_pps, ms, &s, error);
		if (ret < 0)
			return ret;
		if (ret == 0) {
			s.bad_pps = rate_pps;
			break;
		}
		s.good_pps = rate_pps;
		if (s.result.limited)
			break;
	}
	while (s.bad_pps > 0 && s.good_pps > 0 && s.bad_pps / s.good_pps > RESOLUTION) {
		rate_pps = sqrt(s.good_pps * s.bad_pps);
		ret = attempt(run, rate_pps, ms, &s, error);
		if (ret < 0)
			return ret;
		if (ret == 0) {
			s.bad_pps = rate_pps;
			continue;
		}
		s.good_pps = rate_pps;
		if (s.result.limited)
			break;
	}
	*result = s.result;
	return 0;
}
