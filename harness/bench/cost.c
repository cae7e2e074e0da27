// SPDX-License-Identifier: MIT
/* cost.c - a trial with a sink, one without, and one without the relay */
#include "harness/bench/cost.h"

#include <errno.h>
#include <signal.h>

#include "harness/bench/trial.h"

#define TRIES    3
#define STOP_MS  5000
#define LEAST_MS 1000 /* the clock of idle time has steps of 10 ms */

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

int bench_cost_measure(struct bench_run *run, double rate_pps, uint32_t ms, double *added_ns,
		       struct lab_error *error)
{
	const uint32_t send_ms = ms > LEAST_MS ? ms : LEAST_MS;
	double with_ns, without_ns;
	int status;
	int ret = find_rate(run, &rate_pps, ms, error);

	if (ret <= 0)
		return ret;
	ret = bench_trial_send(run, rate_pps, send_ms, &with_ns, error);
	if (ret == 0) {
		proc_stop(&run->relay, SIGTERM, deadline_in_ms(STOP_MS), &status);
		ret = bench_trial_send(run, rate_pps, send_ms, &without_ns, error);
	}
	if (ret < 0)
		return ret == -EBUSY ? 0 : ret;
	*added_ns = with_ns - without_ns;
	return *added_ns > 0;
}
