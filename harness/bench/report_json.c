// SPDX-License-Identifier: MIT
/* report_json.c - the JSON of a run */
#include "harness/bench/report_json.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>

#include "harness/bench/machine.h"
#include "harness/bench/results.h"

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
	for (unsigned i = 0; i < s->points.n; i++) {
		const double pair[] = {s->points.points[i].offered_pps, s->points.points[i].loss};

		cJSON_AddItemToArray(points, cJSON_CreateDoubleArray(pair, 2));
	}
}

static void add_comparison(cJSON *list, const struct bench_results *results, unsigned i, int of,
			   int to)
{
	enum bench_quantity basis = bench_results_basis(results, i, of, to);
	double ratio = bench_results_ratio(results, i, of, to, basis);
	cJSON *item;

	if (!bench_results_pair(of, to) || !(ratio > 0))
		return;
	item = cJSON_CreateObject();
	cJSON_AddStringToObject(item, "of", bench_backend_name(of));
	cJSON_AddStringToObject(item, "to", bench_backend_name(to));
	cJSON_AddStringToObject(item, "quantity", bench_quantity_name(basis));
	cJSON_AddNumberToObject(item, "ratio", ratio);
	cJSON_AddItemToArray(list, item);
}

static void add_comparisons(cJSON *list, const struct bench_results *results, unsigned i)
{
	for (int of = 0; of < BENCH_BACKENDS; of++)
		for (int to = 0; to < BENCH_BACKENDS; to++)
			add_comparison(list, results, i, of, to);
}

static cJSON *scenario_json(const struct bench_results *results, unsigned i)
{
	const struct bench_scenario *s = &results->set.scenarios[i];
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
	cJSON_AddNumberToObject(json, "interfaces", s->interfaces ? s->interfaces : 1);
	cJSON_AddBoolToObject(json, "unicast", s->unicast);
	cJSON_AddBoolToObject(json, "super_datagrams", s->super);
	cJSON_AddBoolToObject(json, "consume", s->consume);
	cJSON_AddNumberToObject(json, "burst", bench_scenario_burst(s, BENCH_FULL_PPS));
	backends = cJSON_AddObjectToObject(json, "backends");
	for (int b = 0; b < BENCH_BACKENDS; b++)
		if (bench_series_any(&results->series[i][b]))
			add_series(cJSON_AddObjectToObject(backends, bench_backend_name(b)),
				   &results->series[i][b]);
	if (s->kind == BENCH_RATE)
		add_comparisons(cJSON_AddArrayToObject(json, "compared"), results, i);
	return json;
}

static cJSON *gate_json(const struct bench_results *results, const struct bench_gate *gate)
{
	static const char *const verdicts[] = {"passed", "missed", "not measured"};
	cJSON *json = cJSON_CreateObject();
	double ratio;
	enum bench_verdict verdict = bench_results_judge(results, gate, &ratio);

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

static void add_gates(cJSON *list, const struct bench_results *results)
{
	for (unsigned i = 0; i < results->gates.n; i++) {
		const struct bench_gate *gate = &results->gates.gates[i];

		if (bench_results_shows(results, gate))
			cJSON_AddItemToArray(list, gate_json(results, gate));
	}
}

static cJSON *burst_json(const struct bench_results *results, unsigned i, enum bench_backend of,
			 enum bench_backend to)
{
	const struct bench_scenario *scenario = &results->set.scenarios[i];
	const struct bench_series *row = results->series[i];
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "scenario", scenario->name);
	cJSON_AddNumberToObject(json, "burst", bench_scenario_burst(scenario, BENCH_FULL_PPS));
	cJSON_AddStringToObject(json, "of", bench_backend_name(of));
	cJSON_AddStringToObject(json, "to", bench_backend_name(to));
	cJSON_AddNumberToObject(json, "ratio",
				bench_results_ratio(results, i, of, to, BENCH_Q_RATE));
	cJSON_AddBoolToObject(json, "generator_limited", row[of].limited || row[to].limited);
	return json;
}

static void add_bursts(cJSON *list, const struct bench_results *results, unsigned i, int of)
{
	for (int to = 0; to < BENCH_BACKENDS; to++)
		if (bench_results_pair(of, to) &&
		    bench_results_ratio(results, i, of, to, BENCH_Q_RATE) > 0)
			cJSON_AddItemToArray(list, burst_json(results, i, of, to));
}

static void add_sweep(cJSON *list, const struct bench_results *results)
{
	for (unsigned i = 0; i < results->set.n; i++)
		for (int of = 0; of < BENCH_BACKENDS; of++)
			add_bursts(list, results, i, of);
}

static void add_left_out(cJSON *list, const struct bench_results *results)
{
	for (int b = 0; b < BENCH_BACKENDS; b++) {
		cJSON *item;

		if (!*results->left_out[b])
			continue;
		item = cJSON_CreateObject();
		cJSON_AddStringToObject(item, "backend", bench_backend_name(b));
		cJSON_AddStringToObject(item, "reason", results->left_out[b]);
		cJSON_AddItemToArray(list, item);
	}
}

static cJSON *results_json(const struct bench_results *results)
{
	cJSON *json = cJSON_CreateObject();
	cJSON *list, *item;
	struct bench_machine machine;

	bench_machine_describe(&machine);
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
	add_left_out(cJSON_AddArrayToObject(json, "left_out"), results);
	list = cJSON_AddArrayToObject(json, "scenarios");
	for (unsigned i = 0; i < results->set.n; i++)
		if (bench_results_measured(results, i))
			cJSON_AddItemToArray(list, scenario_json(results, i));
	add_gates(cJSON_AddArrayToObject(json, "ratios"), results);
	if (results->set.sweep)
		add_sweep(cJSON_AddArrayToObject(json, "rate_by_burst"), results);
	return json;
}

int bench_report_json(const struct bench_results *results, const char *path)
{
	cJSON *json = results_json(results);
	char *text = cJSON_Print(json);
	FILE *file = fopen(path, "we");
	int ret = file ? 0 : -errno;

	if (ret == 0 && (!text || fputs(text, file) < 0 || fputc('\n', file) < 0))
		ret = -EIO;
	if (file && fclose(file) && ret == 0)
		ret = -errno;
	cJSON_free(text);
	cJSON_Delete(json);
	return ret;
}
