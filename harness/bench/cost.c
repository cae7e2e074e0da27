// SPDX-License-Identifier: MIT
/* cost.c - a trial with a sink, one without, and one without the relay */
#include "harness/bench/cost.h"

#include <errno.h>
#include <signal.h>

#include "harness/bench/trial.h"

#define TRIES   3
#define STOP_MS 5000

/* The highest of a few rates at which bursts are carried; 0: none. */
static int find_rate(const struct bench_run *run, double *rate_pps, uint32_t ms,
		     struct lab_error *error)
{
	struct bench_trial trial;

	for (int i = 0; i < TRIES; i++) {
		int ret;

		*rate_pps /= 2;
		ret = bench_trial_in_bursts(run, *rate_pps, ms, &trial, error);
		if (ret < 0)
			return ret;
		if (bench_trial_carried(run, &trial))
			return 1;
	}
	return 0;
}

/* Return: 1; 0 when the machine had no idle time; negative errno. */
static int measure_added(struct bench_run *run, double rate_pps, uint32_t ms, double *added_ns,
			 struct lab_error *error)
{
	double with_ns, without_ns;
	int status;
	int ret = bench_trial_send(run, rate_pps, ms, &with_ns, error);

	if (ret == 0) {
		proc_stop(&run->relay, SIGTERM, deadline_in_ms(STOP_MS), &status);
		ret = bench_trial_send(run, rate_pps, ms, &without_ns, error);
	}
	if (ret < 0)
		return ret == -EBUSY ? 0 : ret;
	*added_ns = with_ns - without_ns;
	return 1;
}

int bench_cost_measure(struct bench_run *run, double rate_pps, uint32_t trial_ms, uint32_t ms,
		       double *added_ns, struct lab_error *error)
{
	int ret = find_rate(run, &rate_pps, trial_ms, error);

	if (ret > 0)
		ret = measure_added(run, rate_pps, ms, added_ns, error);
	/* A relay costs something: less than nothing is what the machine did besides. */
	return ret == 1 && *added_ns <= 0 ? 0 : ret;
}

int bench_cost_unwanted(struct bench_run *run, double rate_pps, uint32_t ms, double *added_ns,
			struct lab_error *error)
{
	return measure_added(run, rate_pps, ms, added_ns, error);
}
