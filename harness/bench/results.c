// SPDX-License-Identifier: MIT
/* results.c - which ratios can be judged, and how they come out */
#include "harness/bench/results.h"

bool bench_results_measured(const struct bench_results *results, unsigned i)
{
	for (int b = 0; b < BENCH_BACKENDS; b++)
		if (bench_series_any(&results->series[i][b]))
			return true;
	return false;
}

bool bench_results_complete(const struct bench_results *results)
{
	for (int b = 0; b < BENCH_BACKENDS; b++)
		if (*results->left_out[b])
			return false;
	return true;
}

int bench_results_scenario(const struct bench_results *results, const struct bench_gate *gate)
{
	return bench_set_find(&results->set, bench_scenarios[gate->scenario].name);
}

bool bench_results_shows(const struct bench_results *results, const struct bench_gate *gate)
{
	int i = bench_results_scenario(results, gate);

	return i >= 0 && bench_results_measured(results, (unsigned)i);
}

enum bench_verdict bench_results_judge(const struct bench_results *results,
				       const struct bench_gate *gate, double *ratio)
{
	int i = bench_results_scenario(results, gate);

	*ratio = 0;
	if (i < 0)
		return BENCH_UNKNOWN;
	return bench_gate_judge(gate, &results->series[i][gate->of], &results->series[i][gate->to],
				ratio);
}

unsigned bench_results_count(const struct bench_results *results, enum bench_verdict verdict)
{
	unsigned n = 0;
	double ratio;

	for (unsigned i = 0; i < results->gates.n; i++)
		n += bench_results_judge(results, &results->gates.gates[i], &ratio) == verdict;
	return n;
}

bool bench_results_can_judge(const struct bench_results *results, const struct bench_gate *gate)
{
	const unsigned both = 1u << gate->of | 1u << gate->to;
	int i = bench_results_scenario(results, gate);

	return i >= 0 && (results->set.scenarios[i].backends & both) == both &&
	       !*results->left_out[gate->of] && !*results->left_out[gate->to];
}

bool bench_results_pair(enum bench_backend of, enum bench_backend to)
{
	return of != to && ((of == BENCH_MCR && to != BENCH_MCR_KERNEL) || of == BENCH_MCR_KERNEL);
}

double bench_results_ratio(const struct bench_results *results, unsigned i, enum bench_backend of,
			   enum bench_backend to, enum bench_quantity quantity)
{
	const struct bench_series *row = results->series[i];
	const struct bench_spread one = bench_series_spread(&row[of], quantity);
	const struct bench_spread other = bench_series_spread(&row[to], quantity);

	return one.n && other.median > 0 ? one.median / other.median : 0;
}

/* Has every round that counted tasks the figure of the whole machine, too? */
static bool has_machine(const struct bench_series *series)
{
	return series->n[BENCH_Q_ADDED_NS] >= series->n[BENCH_Q_TASKS_NS];
}

enum bench_quantity bench_results_basis(const struct bench_results *results, unsigned i,
					enum bench_backend of, enum bench_backend to)
{
	const struct bench_series *row = results->series[i];

	if (!row[of].limited && !row[to].limited)
		return BENCH_Q_RATE;
	return has_machine(&row[of]) && has_machine(&row[to]) ? BENCH_Q_ADDED_NS : BENCH_Q_TASKS_NS;
}
