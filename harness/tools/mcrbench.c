// SPDX-License-Identifier: MIT
/*
 * mcrbench.c - measure relays side by side
 *
 * Prints what it measured in this run and nothing else.  Relays take turns within a round, so that
 * whatever else the machine does meets them alike; figures are medians over rounds with their
 * spread, and between machines only their ratios mean anything.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/cli.h"
#include "harness/bench/gate_file.h"
#include "harness/bench/options.h"
#include "harness/bench/program.h"
#include "harness/bench/report.h"
#include "harness/bench/report_charts.h"
#include "harness/bench/report_json.h"
#include "harness/bench/results.h"

#define EXTRA_ROUNDS 2 /* for a scenario that misses a gate */

struct bench {
	struct bench_options opt;
	struct bench_results results;
};

static volatile sig_atomic_t stop;

static void on_signal(int signo)
{
	stop = 1;
}

/* The options as typed, without the path of the program. */
static const char *join_words(int argc, char **argv)
{
	size_t bytes = sizeof("mcrbench");
	char *text, *end;

	for (int i = 1; i < argc; i++)
		bytes += strlen(argv[i]) + 3;
	text = malloc(bytes);
	if (!text)
		die("out of memory");
	end = stpcpy(text, "mcrbench");
	for (int i = 1; i < argc; i++)
		end += sprintf(end, strpbrk(argv[i], " {\"") ? " '%s'" : " %s", argv[i]);
	return text;
}

static void leave_out(struct bench_results *results, enum bench_backend backend, const char *why)
{
	snprintf(results->left_out[backend], sizeof(results->left_out[backend]), "%s", why);
	fprintf(stderr, "mcrbench: %s is left out: %s\n", bench_backend_name(backend), why);
}

/* Done before the first measurement, so that a missing relay is known at once. */
static void find_absent(struct bench_results *results)
{
	unsigned backends = bench_set_backends(&results->set);

	for (int b = 0; b < BENCH_BACKENDS; b++) {
		const char *program = backends & 1u << b ? bench_program_missing(b) : NULL;
		char why[128];

		if (!program)
			continue;
		backends &= ~(1u << b);
		snprintf(why, sizeof(why), "%s: %s", program, strerror(ENOENT));
		leave_out(results, b, why);
	}
	if (!backends)
		die("none of the relays to be measured is installed");
}

static void load_gates(struct bench_results *results, const char *reference)
{
	struct lab_error error = {""};
	unsigned n = 0;

	/* Without --check the ratios are shown and not judged. */
	if (bench_gates_load(&results->gates, reference, results->profile, &error) &&
	    (results->check || reference))
		die("--check: %s", error.text);
	for (unsigned i = 0; i < results->gates.n; i++)
		n += bench_results_can_judge(results, &results->gates.gates[i]);
	if (results->check && !n)
		die("--check: no ratio of the reference is between two relays that are measured");
}

static void set_up(struct bench *bench, int argc, char **argv)
{
	struct bench_results *results = &bench->results;

	bench_options_parse(&bench->opt, argc, argv);
	bench->opt.settings.stop = &stop;
	results->command = join_words(argc, argv);
	results->profile = bench->opt.profile;
	results->rounds = bench->opt.rounds;
	results->trial_ms = bench->opt.plan.trial_ms;
	results->check = bench->opt.check;
	results->set = bench->opt.set;
	results->series = calloc(results->set.n, sizeof(*results->series));
	if (!results->series)
		die("out of memory");
	find_absent(results);
	load_gates(results, bench->opt.reference);
}

/* Return: 0, also when a rival is left out; -1 when the run is of no use. */
static int measure(struct bench *bench, unsigned i, enum bench_backend backend)
{
	const struct bench_scenario *scenario = &bench->results.set.scenarios[i];
	struct lab_error error = {""};
	bool started;

	if (!(scenario->backends & 1u << backend) || *bench->results.left_out[backend])
		return 0;
	if (!bench_measure(scenario, backend, &bench->opt.settings, &bench->opt.plan,
			   &bench->results.series[i][backend], &started, &error))
		return 0;
	if (!started && !stop && backend != BENCH_MCR && backend != BENCH_PER_PACKET) {
		leave_out(&bench->results, backend, error.text);
		return 0;
	}
	fprintf(stderr, "mcrbench: %s, %s: %s\n", scenario->name, bench_backend_name(backend),
		error.text);
	return -1;
}

static int measure_round(struct bench *bench, const char *round,
			 const bool selected[static BENCH_MAX_SET])
{
	for (unsigned i = 0; i < bench->results.set.n; i++) {
		if (!selected[i])
			continue;
		for (int b = 0; b < BENCH_BACKENDS; b++)
			if (measure(bench, i, b))
				return -1;
		fprintf(stderr, "%s: %s done\n", round, bench->results.set.scenarios[i].name);
	}
	return 0;
}

static bool find_missed(const struct bench_results *results, bool selected[static BENCH_MAX_SET])
{
	bool any = false;

	memset(selected, 0, BENCH_MAX_SET * sizeof(*selected));
	for (unsigned i = 0; i < results->gates.n; i++) {
		const struct bench_gate *gate = &results->gates.gates[i];
		double ratio;

		if (bench_results_judge(results, gate, &ratio) != BENCH_MISSED)
			continue;
		selected[bench_results_scenario(results, gate)] = true;
		any = true;
	}
	return any;
}

static int measure_all(struct bench *bench)
{
	bool selected[BENCH_MAX_SET];
	char round[32];

	memset(selected, true, sizeof(selected));
	for (unsigned i = 0; i < bench->results.rounds; i++) {
		snprintf(round, sizeof(round), "round %u of %u", i + 1, bench->results.rounds);
		if (measure_round(bench, round, selected))
			return -1;
	}
	/* On a busy machine a short run may miss a gate: more rounds decide. */
	for (int i = 0; bench->results.check && i < EXTRA_ROUNDS; i++)
		if (find_missed(&bench->results, selected) &&
		    measure_round(bench, "looked at again", selected))
			return -1;
	return 0;
}

/* Return: true when it was written or was not to be. */
static bool write_out(int (*write_to)(const struct bench_results *results, const char *path),
		      const struct bench_results *results, const char *path)
{
	int ret = path ? write_to(results, path) : 0;

	if (ret < 0)
		fprintf(stderr, "mcrbench: %s: %s\n", path, strerror(-ret));
	return !ret;
}

/* Return: did every gate that has figures pass, and has any? */
static bool passes(const struct bench_results *results)
{
	if (bench_results_count(results, BENCH_MISSED))
		return false;
	if (bench_results_count(results, BENCH_PASSED))
		return true;
	fprintf(stderr, "mcrbench: --check: no ratio could be judged\n");
	return false;
}

int main(int argc, char **argv)
{
	const struct sigaction action = {.sa_handler = on_signal};
	static struct bench bench; /* too large for the stack */
	const struct bench_results *results = &bench.results;
	bool good;

	set_up(&bench, argc, argv);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (measure_all(&bench))
		return 1;
	bench_report_print(results);
	good = write_out(bench_report_json, results, bench.opt.json);
	good = write_out(bench_report_charts, results, bench.opt.svg) && good;
	good = bench_results_complete(results) && good;
	good = (!results->check || passes(results)) && good;
	return good ? 0 : 1;
}
