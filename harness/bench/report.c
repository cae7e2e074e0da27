// SPDX-License-Identifier: MIT
/* report.c - the table */
#include "harness/bench/report.h"

#include <stdio.h>

#include "harness/bench/machine.h"
#include "harness/bench/results.h"

#define LIMITED "; the generator could not offer more"

/* Two figures of one thing, see cost.h. */
static void print_added(const struct bench_series *s)
{
	const struct bench_spread machine = bench_series_spread(s, BENCH_Q_ADDED_NS);
	const struct bench_spread tasks = bench_series_spread(s, BENCH_Q_TASKS_NS);

	if (machine.n)
		printf(", adds %.0f ns (%.0f to %.0f)", machine.median, machine.low, machine.high);
	if (tasks.n)
		printf(", adds to its tasks %.0f ns (%.0f to %.0f)", tasks.median, tasks.low,
		       tasks.high);
}

static void print_rate(const struct bench_series *s, const char *name)
{
	struct bench_spread rate = bench_series_spread(s, BENCH_Q_RATE);
	struct bench_spread relay = bench_series_spread(s, BENCH_Q_RELAY_NS);
	struct bench_spread half = bench_series_spread(s, BENCH_Q_50_P50);
	struct bench_spread half99 = bench_series_spread(s, BENCH_Q_50_P99);

	printf("  %-14s %9.0f pps (%.0f to %.0f)", name, rate.median, rate.low, rate.high);
	if (relay.median > 0)
		printf(", relay %.0f", relay.median);
	printf(relay.median > 0 ? " and machine" : ", machine");
	printf(" %.0f ns per datagram", bench_series_spread(s, BENCH_Q_MACHINE_NS).median);
	print_added(s);
	if (half.n)
		printf(", at half the rate p50 %.1f (%.1f to %.1f) p99 %.1f us (%.1f to %.1f)",
		       half.median, half.low, half.high, half99.median, half99.low, half99.high);
	printf("%s\n", s->limited ? LIMITED : "");
}

static void print_latency(const struct bench_series *s, const char *name)
{
	struct bench_spread p50 = bench_series_spread(s, BENCH_Q_P50);
	struct bench_spread p99 = bench_series_spread(s, BENCH_Q_P99);

	printf("  %-14s latency p50 %.1f us (%.1f to %.1f), p99 %.1f (%.1f to %.1f), p99.9 %.1f, "
	       "max %.1f\n",
	       name, p50.median, p50.low, p50.high, p99.median, p99.low, p99.high,
	       bench_series_spread(s, BENCH_Q_P999).median,
	       bench_series_spread(s, BENCH_Q_MAX).median);
}

static void print_join(const struct bench_series *s, const char *name)
{
	struct bench_spread join = bench_series_spread(s, BENCH_Q_JOIN);
	struct bench_spread leave = bench_series_spread(s, BENCH_Q_LEAVE);
	struct bench_spread member = bench_series_spread(s, BENCH_Q_MEMBER);

	printf("  %-14s join %.2f ms (%.2f to %.2f), leave %.2f ms (%.2f to %.2f)", name,
	       join.median, join.low, join.high, leave.median, leave.low, leave.high);
	if (member.n)
		printf(", membership of the input %.2f ms (%.2f to %.2f)", member.median,
		       member.low, member.high);
	putchar('\n');
}

static void print_unwanted(const struct bench_series *s, const char *name)
{
	printf("  %-14s for a frame", name);
	print_added(s);
	putchar('\n');
}

static void print_series(const struct bench_scenario *scenario, enum bench_backend backend,
			 const struct bench_series *s)
{
	const char *name = bench_backend_name(backend);
	struct bench_spread groups = bench_series_spread(s, BENCH_Q_GROUPS);

	switch (scenario->kind) {
	case BENCH_RATE:
		if (s->n[BENCH_Q_RATE])
			print_rate(s, name);
		break;
	case BENCH_LATENCY:
		if (s->n[BENCH_Q_P50])
			print_latency(s, name);
		break;
	case BENCH_JOIN:
		if (s->n[BENCH_Q_JOIN])
			print_join(s, name);
		break;
	case BENCH_UNWANTED:
		if (s->n[BENCH_Q_ADDED_NS] || s->n[BENCH_Q_TASKS_NS])
			print_unwanted(s, name);
		break;
	case BENCH_CAPACITY:
		if (groups.n)
			printf("  %-14s %.0f groups (%.0f to %.0f)\n", name, groups.median,
			       groups.low, groups.high);
		break;
	}
}

/* A rate that the generator limits says little of the relay, so the added CPU time is compared. */
static void print_comparison(const struct bench_results *results, unsigned i, int of, int to)
{
	enum bench_quantity basis = bench_results_basis(results, i, of, to);
	double ratio = bench_results_ratio(results, i, of, to, basis);

	if (bench_results_pair(of, to) && ratio > 0 && basis != BENCH_Q_RATE)
		printf("  compared by %s, as the generator limits a rate: %s / %s %.2f\n",
		       basis == BENCH_Q_ADDED_NS ? "added CPU time" : "CPU time added to tasks",
		       bench_backend_name(of), bench_backend_name(to), ratio);
}

static void print_comparisons(const struct bench_results *results, unsigned i)
{
	for (int of = 0; of < BENCH_BACKENDS; of++)
		for (int to = 0; to < BENCH_BACKENDS; to++)
			print_comparison(results, i, of, to);
}

static void print_gate(const struct bench_gate *gate, enum bench_verdict verdict, double ratio,
		       bool check)
{
	static const char *const verdicts[] = {"passed", "MISSED", "not measured"};

	printf("  %-10s %-8s %s / %-14s ", bench_scenarios[gate->scenario].name,
	       bench_quantity_name(gate->quantity), bench_backend_name(gate->of),
	       bench_backend_name(gate->to));
	if (verdict != BENCH_UNKNOWN)
		printf("%6.2f", ratio);
	else
		printf("%6s", "-");
	printf("  (reference %.2f", gate->reference);
	if (check)
		printf("; gate: at %s %.2f: %s", gate->lower ? "most" : "least",
		       bench_gate_limit(gate), verdicts[verdict]);
	printf(")\n");
}

static void print_gates(const struct bench_results *results)
{
	const char *head = "\nratios of medians, this run\n";

	for (unsigned i = 0; i < results->gates.n; i++) {
		const struct bench_gate *gate = &results->gates.gates[i];
		enum bench_verdict verdict;
		double ratio;

		if (!bench_results_shows(results, gate))
			continue;
		printf("%s", head);
		head = "";
		verdict = bench_results_judge(results, gate, &ratio);
		print_gate(gate, verdict, ratio, results->check);
	}
}

/* How a path stands beside every other relay; @head stands above the first line there is. */
static bool print_burst(const struct bench_results *results, unsigned i, int of, const char *head)
{
	const struct bench_series *row = results->series[i];
	bool limited = row[of].limited;
	bool any = false;

	for (int b = 0; b < BENCH_BACKENDS; b++) {
		double ratio = bench_results_ratio(results, i, of, b, BENCH_Q_RATE);

		if (!bench_results_pair(of, b) || !(ratio > 0))
			continue;
		if (!any)
			printf("%s  %-14s ", head, results->set.scenarios[i].name);
		printf("%s%s / %s %5.2f", any ? ", " : "", bench_backend_name(of),
		       bench_backend_name(b), ratio);
		limited = limited || row[b].limited;
		any = true;
	}
	if (any)
		printf("%s\n", limited ? LIMITED : "");
	return any;
}

static void print_sweep(const struct bench_results *results)
{
	const char *head = "\nratios of median rates by burst, this run\n";

	for (unsigned i = 0; i < results->set.n; i++)
		for (int of = 0; of < BENCH_BACKENDS; of++)
			if (print_burst(results, i, of, head))
				head = "";
}

static void print_head(const struct bench_results *results)
{
	struct bench_machine machine;

	bench_machine_describe(&machine);
	printf("%s\nLinux %s %s, %ld CPUs (%s), %.0f GB; profile %s: %u rounds, trials of %u ms; "
	       "median (least to most)\n",
	       results->command, machine.kernel.release, machine.kernel.machine, machine.cpus,
	       machine.cpu, machine.memory_gb, results->profile, results->rounds,
	       results->trial_ms);
	for (int b = 0; b < BENCH_BACKENDS; b++)
		if (*results->left_out[b])
			printf("left out: %s (%s)\n", bench_backend_name(b), results->left_out[b]);
}

void bench_report_print(const struct bench_results *results)
{
	print_head(results);
	for (unsigned i = 0; i < results->set.n; i++) {
		const struct bench_scenario *scenario = &results->set.scenarios[i];

		if (!bench_results_measured(results, i))
			continue;
		printf("\n%s: %s\n", scenario->name, scenario->what);
		for (int b = 0; b < BENCH_BACKENDS; b++)
			print_series(scenario, b, &results->series[i][b]);
		if (scenario->kind == BENCH_RATE)
			print_comparisons(results, i);
	}
	if (results->set.sweep)
		print_sweep(results);
	print_gates(results);
}
