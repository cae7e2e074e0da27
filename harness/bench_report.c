// SPDX-License-Identifier: MIT
/* What a bench says: table and JSON. */
#include "harness/bench_report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

struct machine {
	struct utsname kernel;
	long cpus;
	double memory_gb;
	char cpu[80];
};

static void describe(struct machine *machine)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];

	*machine = (struct machine){.cpu = "unknown"};
	uname(&machine->kernel);
	machine->cpus = sysconf(_SC_NPROCESSORS_ONLN);
	machine->memory_gb =
		(double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGE_SIZE) / (1 << 30);
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "model name : %79[^\n]", machine->cpu) == 1)
			break;
	if (file)
		fclose(file);
}

/* --- table --- */

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
	if (half.n)
		printf(", at half the rate p50 %.1f p99 %.1f us", half.median, half99.median);
	printf("%s\n", s->limited ? "; the generator could not offer more" : "");
}

static void print_latency(const struct bench_series *s, const char *name)
{
	struct bench_spread p50 = bench_series_spread(s, BENCH_Q_P50);

	printf("  %-14s latency p50 %.1f us (%.1f to %.1f), p99 %.1f, p99.9 %.1f, max %.1f\n", name,
	       p50.median, p50.low, p50.high, bench_series_spread(s, BENCH_Q_P99).median,
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
	case BENCH_CAPACITY:
		if (groups.n)
			printf("  %-14s %.0f groups (%.0f to %.0f)\n", name, groups.median,
			       groups.low, groups.high);
		break;
	}
}

static bool measured(const struct bench_series *series)
{
	for (int q = 0; q < BENCH_QUANTITIES; q++)
		if (series->n[q])
			return true;
	return false;
}

static bool scenario_measured(const struct bench_results *results, unsigned int i)
{
	for (int b = 0; b < BENCH_BACKENDS; b++)
		if (measured(&results->series[i][b]))
			return true;
	return false;
}

static enum bench_verdict judge(const struct bench_results *results, const struct bench_gate *gate,
				double *ratio)
{
	const struct bench_series *row = results->series[gate->scenario];

	return bench_gate_judge(gate, &row[gate->of], &row[gate->to], ratio);
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
	printf("  (reference %.2f", gate->reference);
	if (check)
		printf("; gate: at %s %.2f: %s", gate->lower ? "most" : "least",
		       bench_gate_limit(gate), verdicts[verdict]);
	printf(")\n");
}

static unsigned int print_gates(const struct bench_results *results)
{
	unsigned int missed = 0;

	for (unsigned int i = 0; i < results->gates.n; i++) {
		const struct bench_gate *gate = &results->gates.gates[i];
		enum bench_verdict verdict;
		double ratio;

		if (!scenario_measured(results, gate->scenario))
			continue;
		verdict = judge(results, gate, &ratio);
		print_gate(gate, verdict, ratio, results->check);
		missed += results->check && verdict == BENCH_MISSED;
	}
	return missed;
}

unsigned int bench_report_print(const struct bench_results *results)
{
	struct machine machine;

	describe(&machine);
	printf("%s\nLinux %s %s, %ld CPUs (%s), %.0f GB; profile %s: %u rounds, trials of %u ms; "
	       "median (least to most)\n",
	       results->command, machine.kernel.release, machine.kernel.machine, machine.cpus,
	       machine.cpu, machine.memory_gb, results->profile, results->rounds,
	       results->trial_ms);
	for (unsigned int i = 0; i < bench_n_scenarios; i++) {
		if (!scenario_measured(results, i))
			continue;
		printf("\n%s: %s\n", bench_scenarios[i].name, bench_scenarios[i].what);
		for (int b = 0; b < BENCH_BACKENDS; b++)
			print_series(&bench_scenarios[i], b, &results->series[i][b]);
	}
	printf("\nratios of medians, this run\n");
	return print_gates(results);
}

/* --- JSON --- */

static void add_spread(cJSON *json, const struct bench_series *s, enum bench_quantity quantity)
{
	struct bench_spread spread = bench_series_spread(s, quantity);
	cJSON *item;

	if (!spread.n)
		return;
	item = cJSON_AddObjectToObject(json, bench_quantity_name(quantity));
	cJSON_AddNumberToObject(item, "median", spread.median);
	cJSON_AddNumberToObject(item, "min", spread.low);
	cJSON_AddNumberToObject(item, "max", spread.high);
	cJSON_AddItemToObject(item, "rounds",
			      cJSON_CreateDoubleArray(s->values[quantity], (int)spread.n));
}

static void add_series(cJSON *json, const struct bench_series *s)
{
	cJSON *points;

	for (int q = 0; q < BENCH_QUANTITIES; q++)
		add_spread(json, s, q);
	cJSON_AddBoolToObject(json, "generator_limited", s->limited);
	points = cJSON_AddArrayToObject(json, "offered_pps_and_loss");
	for (unsigned int i = 0; i < s->points.n; i++) {
		const double pair[] = {s->points.points[i].offered_pps, s->points.points[i].loss};

		cJSON_AddItemToArray(points, cJSON_CreateDoubleArray(pair, 2));
	}
}

static cJSON *scenario_json(const struct bench_results *results, unsigned int i)
{
	const struct bench_scenario *s = &bench_scenarios[i];
	cJSON *json = cJSON_CreateObject();
	cJSON *backends;

	cJSON_AddStringToObject(json, "name", s->name);
	cJSON_AddStringToObject(json, "what", s->what);
	cJSON_AddNumberToObject(json, "payload_bytes", s->payload_bytes);
	cJSON_AddNumberToObject(json, "flows", s->flows);
	cJSON_AddNumberToObject(json, "fanout", s->fanout);
	cJSON_AddNumberToObject(json, "workers", s->workers);
	cJSON_AddNumberToObject(json, "idle_rules", s->idle_rules);
	cJSON_AddNumberToObject(json, "noise_pps", s->noise_pps);
	cJSON_AddBoolToObject(json, "gro", s->gro);
	backends = cJSON_AddObjectToObject(json, "backends");
	for (int b = 0; b < BENCH_BACKENDS; b++)
		if (measured(&results->series[i][b]))
			add_series(cJSON_AddObjectToObject(backends, bench_backend_name(b)),
				   &results->series[i][b]);
	return json;
}

static cJSON *gate_json(const struct bench_results *results, const struct bench_gate *gate)
{
	static const char *const verdicts[] = {"passed", "missed", "not measured"};
	cJSON *json = cJSON_CreateObject();
	double ratio;
	enum bench_verdict verdict = judge(results, gate, &ratio);

	cJSON_AddStringToObject(json, "scenario", bench_scenarios[gate->scenario].name);
	cJSON_AddStringToObject(json, "quantity", bench_quantity_name(gate->quantity));
	cJSON_AddStringToObject(json, "of", bench_backend_name(gate->of));
	cJSON_AddStringToObject(json, "to", bench_backend_name(gate->to));
	cJSON_AddNumberToObject(json, "ratio", ratio);
	cJSON_AddNumberToObject(json, "reference", gate->reference);
	cJSON_AddNumberToObject(json, "gate", bench_gate_limit(gate));
	cJSON_AddStringToObject(json, "verdict", verdicts[verdict]);
	return json;
}

static cJSON *results_json(const struct bench_results *results)
{
	cJSON *json = cJSON_CreateObject();
	cJSON *list, *item;
	struct machine machine;

	describe(&machine);
	cJSON_AddStringToObject(json, "tool", "mcrbench");
	cJSON_AddStringToObject(json, "command", results->command);
	item = cJSON_AddObjectToObject(json, "machine");
	cJSON_AddStringToObject(item, "kernel", machine.kernel.release);
	cJSON_AddStringToObject(item, "architecture", machine.kernel.machine);
	cJSON_AddStringToObject(item, "cpu", machine.cpu);
	cJSON_AddNumberToObject(item, "cpus", (double)machine.cpus);
	cJSON_AddNumberToObject(item, "memory_gb", machine.memory_gb);
	cJSON_AddStringToObject(json, "profile", results->profile);
	cJSON_AddNumberToObject(json, "rounds", results->rounds);
	cJSON_AddNumberToObject(json, "trial_ms", results->trial_ms);
	list = cJSON_AddArrayToObject(json, "scenarios");
	for (unsigned int i = 0; i < bench_n_scenarios; i++)
		if (scenario_measured(results, i))
			cJSON_AddItemToArray(list, scenario_json(results, i));
	list = cJSON_AddArrayToObject(json, "ratios");
	for (unsigned int i = 0; i < results->gates.n; i++)
		if (scenario_measured(results, results->gates.gates[i].scenario))
			cJSON_AddItemToArray(list, gate_json(results, &results->gates.gates[i]));
	return json;
}

int bench_report_json(const struct bench_results *results, const char *path)
{
	cJSON *json = results_json(results);
	char *text = cJSON_Print(json);
	FILE *file = fopen(path, "we");
	int ret = file ? 0 : -errno;

	if (!ret && (!text || fputs(text, file) < 0 || fputc('\n', file) < 0))
		ret = -EIO;
	if (file && fclose(file) && !ret)
		ret = -errno;
	cJSON_free(text);
	cJSON_Delete(json);
	return ret;
}
