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

static double difference(double with_ns, double without_ns)
{
	return with_ns > 0 && without_ns > 0 ? with_ns - without_ns : 0;
}

static int measure_added(struct bench_run *run, double rate_pps, uint32_t ms,
			 struct bench_spent *added, struct lab_error *error)
{
	struct bench_spent with, without;
	int status;
	int ret = bench_trial_send(run, rate_pps, ms, &with, error);

	if (ret < 0)
		return ret;
	proc_stop(&run->relay, SIGTERM, deadline_in_ms(STOP_MS), &status);
	ret = bench_trial_send(run, rate_pps, ms, &without, error);
	if (ret < 0)
		return ret;
	added->machine_ns = difference(with.machine_ns, without.machine_ns);
	added->tasks_ns = difference(with.tasks_ns, without.tasks_ns);
	return 0;
}

int bench_cost_measure(struct bench_run *run, double rate_pps, uint32_t trial_ms, uint32_t ms,
		       struct bench_spent *added, struct lab_error *error)
{
	int ret = find_rate(run, &rate_pps, trial_ms, error);

	*added = (struct bench_spent){0};
	return ret > 0 ? measure_added(run, rate_pps, ms, added, error) : ret;
}

int bench_cost_unwanted(struct bench_run *run, double rate_pps, uint32_t ms,
			struct bench_spent *added, struct lab_error *error)
{
	return measure_added(run, rate_pps, ms, added, error);
}
