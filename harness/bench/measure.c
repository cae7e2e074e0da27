// SPDX-License-Identifier: MIT
/* measure.c - the steps of each kind of scenario */
#include "harness/bench/measure.h"

#include <errno.h>

#include "harness/bench/cost.h"
#include "harness/bench/join.h"
#include "harness/bench/relays.h"

#define TRICKLE_PPS    1000.0
#define TRICKLE_TRIALS 4    /* times the length of a trial: the tail needs many datagrams */
#define NEAR           0.85 /* of what an earlier round found, to begin with */
#define FEWEST_GROUPS  256u
#define MOST_GROUPS    16384u
#define JOINS          5
#define UNWANTED_PPS   200000.0

static int measure_loads(const struct bench_run *run, const struct bench_plan *plan,
			 double rate_pps, struct bench_series *series, struct lab_error *error)
{
	static const struct {
		double share;
		enum bench_quantity p50;
	} loads[] = {{0.1, BENCH_Q_10_P50}, {0.5, BENCH_Q_50_P50}, {0.9, BENCH_Q_90_P50}};
	struct bench_trial t;

	for (unsigned i = 0; i < sizeof(loads) / sizeof(*loads); i++) {
		int ret;

		if (plan->loads != BENCH_LOADS_ALL && loads[i].p50 != BENCH_Q_50_P50)
			continue;
		ret = bench_trial_run(run, rate_pps * loads[i].share, plan->trial_ms, &t, error);
		if (ret < 0)
			return ret;
		bench_series_latency(series, loads[i].p50, &t.latency);
	}
	return 0;
}

/* A relay costs something: less than nothing is what the machine did besides. */
static void add_cost(struct bench_series *series, const struct bench_spent *added)
{
	if (added->machine_ns > 0)
		bench_series_add(series, BENCH_Q_ADDED_NS, added->machine_ns);
	if (added->tasks_ns > 0)
		bench_series_add(series, BENCH_Q_TASKS_NS, added->tasks_ns);
}

static int measure_cost(struct bench_run *run, const struct bench_plan *plan, double rate_pps,
			struct bench_series *series, struct lab_error *error)
{
	struct bench_spent added;
	int ret;

	if (!plan->cost_ms)
		return 0;
	ret = bench_cost_measure(run, rate_pps, plan->trial_ms, plan->cost_ms, &added, error);
	if (ret == 0)
		add_cost(series, &added);
	return ret;
}

static int measure_rate(struct bench_run *run, const struct bench_plan *plan,
			struct bench_series *series, struct lab_error *error)
{
	const struct bench_search search = {
		.ms = plan->trial_ms,
		.resolution = plan->resolution,
		.guess_pps = bench_series_spread(series, BENCH_Q_RATE).median /
			     run->scenario->fanout * NEAR,
		.points = &series->points,
	};
	struct bench_found found;
	int ret = bench_search_run(run, &search, &found, error);

	if (ret < 0)
		return ret;
	bench_series_add(series, BENCH_Q_RATE, found.best.offered_pps * run->scenario->fanout);
	bench_series_latency(series, BENCH_Q_P50, &found.best.latency);
	bench_series_add(series, BENCH_Q_MACHINE_NS, found.best.machine_ns);
	if (found.best.relay_ns > 0)
		bench_series_add(series, BENCH_Q_RELAY_NS, found.best.relay_ns);
	series->limited = series->limited || found.limited;
	if (!(found.best.offered_pps > 0))
		return 0;
	if (plan->loads != BENCH_LOADS_NONE)
		ret = measure_loads(run, plan, found.best.offered_pps, series, error);
	/* Last, because the relay does not run afterwards. */
	return ret < 0 ? ret : measure_cost(run, plan, found.best.offered_pps, series, error);
}

static int measure_trickle(const struct bench_run *run, const struct bench_plan *plan,
			   struct bench_series *series, struct lab_error *error)
{
	struct bench_trial t;
	int ret = bench_trial_run(run, TRICKLE_PPS, plan->trial_ms * TRICKLE_TRIALS, &t, error);

	if (ret < 0)
		return ret;
	bench_series_latency(series, BENCH_Q_P50, &t.latency);
	bench_series_add(series, BENCH_Q_MACHINE_NS, t.machine_ns);
	if (t.relay_ns > 0)
		bench_series_add(series, BENCH_Q_RELAY_NS, t.relay_ns);
	return 0;
}

static int measure_join(struct bench_run *run, struct bench_series *series, struct lab_error *error)
{
	if (!run->kind->rule_add || !run->kind->rule_remove)
		return bench_fail(error, EOPNOTSUPP, "changing rules of this relay");
	for (int i = 0; i < JOINS; i++) {
		struct bench_delays delays;
		int ret = bench_join_run(run, &delays, error);

		if (ret < 0)
			return ret;
		bench_series_add(series, BENCH_Q_JOIN, delays.join_ms);
		bench_series_add(series, BENCH_Q_LEAVE, delays.leave_ms);
		if (delays.member_ms >= 0)
			bench_series_add(series, BENCH_Q_MEMBER, delays.member_ms);
	}
	return 0;
}

/* A relay of its own for every number of groups. */
static int measure_capacity(const struct bench_run *like, struct bench_series *series,
			    bool *started, struct lab_error *error)
{
	uint32_t most = 0;
	int ret = 1;

	for (uint32_t groups = FEWEST_GROUPS; groups <= MOST_GROUPS && ret == 1; groups *= 2) {
		struct bench_run run = {
			.scenario = like->scenario,
			.settings = like->settings,
			.kind = like->kind,
			.groups = groups,
		};

		ret = bench_run_start(&run, error);
		*started = *started || !ret;
		if (ret == 0)
			ret = bench_capacity_try(&run, error);
		bench_run_stop(&run);
		if (ret == 1)
			most = groups;
	}
	if (ret < 0)
		return ret;
	bench_series_add(series, BENCH_Q_GROUPS, most);
	return 0;
}

static int measure_unwanted(struct bench_run *run, const struct bench_plan *plan,
			    struct bench_series *series, struct lab_error *error)
{
	const uint32_t ms = plan->cost_ms ? plan->cost_ms : plan->trial_ms;
	struct bench_spent added;
	int ret = bench_cost_unwanted(run, UNWANTED_PPS, ms, &added, error);

	if (ret < 0)
		return ret;
	/* A frame may cost next to nothing, and noise makes less than that of it. */
	if (added.machine_ns != 0)
		bench_series_add(series, BENCH_Q_ADDED_NS, added.machine_ns);
	if (added.tasks_ns != 0)
		bench_series_add(series, BENCH_Q_TASKS_NS, added.tasks_ns);
	return 0;
}

static int measure_running(struct bench_run *run, const struct bench_plan *plan,
			   struct bench_series *series, struct lab_error *error)
{
	switch (run->scenario->kind) {
	case BENCH_RATE:
		return measure_rate(run, plan, series, error);
	case BENCH_LATENCY:
		return measure_trickle(run, plan, series, error);
	case BENCH_JOIN:
		return measure_join(run, series, error);
	case BENCH_UNWANTED:
		return measure_unwanted(run, plan, series, error);
	case BENCH_CAPACITY:
		break;
	}
	return -EINVAL;
}

int bench_measure(const struct bench_scenario *scenario, enum bench_backend backend,
		  const struct bench_settings *settings, const struct bench_plan *plan,
		  struct bench_series *series, bool *started, struct lab_error *error)
{
	struct bench_run run = {
		.scenario = scenario,
		.settings = settings,
		.kind = bench_relay(backend),
		.no_rule = scenario->kind == BENCH_JOIN,
	};
	int ret;

	*started = false;
	if (scenario->kind == BENCH_CAPACITY)
		return measure_capacity(&run, series, started, error);
	ret = bench_run_start(&run, error);
	*started = !ret;
	if (ret == 0)
		ret = measure_running(&run, plan, series, error);
	bench_run_stop(&run);
	return ret;
}
