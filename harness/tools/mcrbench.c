// SPDX-License-Identifier: MIT
/*
 * mcrbench - how fast the relay is, beside what else could do its work.
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
#include <unistd.h>

#include "harness/bench_measure.h"
#include "harness/bench_report.h"
#include "harness/cli.h"

#define SECOND_LOOKS 2 /* further rounds for a scenario that misses a gate */
#define ANY_CPU      "any"

struct profile {
	const char *name;
	unsigned int rounds;
	struct bench_plan plan;
	bool all; /* every scenario, not only those that carry claims */
};

static const struct profile profiles[] = {
	{"smoke", 1, {250, 1.15, false}, false},
	{"quick", 3, {500, 1.05, false}, false},
	{"full", 3, {1000, 1.03, true}, true},
};

struct options {
	const char *profile;
	const char *scenarios;
	const char *json;
	const char *svg;
	const char *reference;
	const char *mcr_extra;
	const char *gen_cpu;
	const char *sink_cpu;
	uint32_t rounds;
	uint32_t trial_ms;
	bool check;
	bool list;
};

struct bench {
	struct bench_results results;
	struct bench_settings settings;
	struct bench_plan plan;
	bool selected[BENCH_MAX_SCENARIOS];
	bool absent[BENCH_BACKENDS];
};

static const char usage[] = "mcrbench [options]";
static const char notes[] =
	"Exit status 1: something could not be measured, or with --check a ratio missed its gate.";

static volatile sig_atomic_t stop;

static void on_signal(int signo)
{
	stop = 1;
}

static const struct profile *find_profile(const char *name)
{
	for (unsigned int i = 0; i < sizeof(profiles) / sizeof(*profiles); i++)
		if (!strcmp(profiles[i].name, name))
			return &profiles[i];
	die("--profile: '%s' is none of smoke, quick, full", name);
}

static void select_scenarios(struct bench *bench, const struct profile *profile, const char *names)
{
	char *list = names ? strdup(names) : NULL;
	char *rest = list;
	char *name;

	for (unsigned int i = 0; i < bench_n_scenarios; i++)
		bench->selected[i] = !names && (profile->all || bench_scenarios[i].claimed);
	while ((name = strsep(&rest, ","))) {
		int found = bench_scenario_find(name);

		if (found < 0)
			die("--scenario: there is no '%s'; --list shows them", name);
		bench->selected[found] = true;
	}
	free(list);
}

static int read_cpu(const char *option, const char *text)
{
	if (!strcmp(text, ANY_CPU))
		return -1;
	return (int)cli_u64(option, text, 0, (uint64_t)sysconf(_SC_NPROCESSORS_ONLN) - 1);
}

static void print_list(void)
{
	for (unsigned int i = 0; i < bench_n_scenarios; i++)
		printf("%-12s %s%s\n", bench_scenarios[i].name, bench_scenarios[i].what,
		       bench_scenarios[i].claimed ? "" : " (full)");
	exit(0);
}

static void parse_options(struct options *opt, int argc, char **argv)
{
	const struct cli_option table[] = {
		{"profile", "NAME", CLI_TEXT, &opt->profile,
		 .help = "smoke (a minute), quick (default) or full (every scenario)"},
		{"scenario", "A[,B...]", CLI_TEXT, &opt->scenarios, .help = "only these"},
		{"list", NULL, CLI_FLAG, &opt->list, .help = "show the scenarios and end"},
		{"rounds", "N", CLI_U32, &opt->rounds, 1, BENCH_MAX_ROUNDS,
		 "in place of the profile's"},
		{"trial-ms", "N", CLI_U32, &opt->trial_ms, 50, 60000, "in place of the profile's"},
		{"json", "FILE", CLI_TEXT, &opt->json, .help = "write everything measured"},
		{"svg", "DIR", CLI_TEXT, &opt->svg, .help = "write charts"},
		{"check", NULL, CLI_FLAG, &opt->check,
		 .help = "hold the ratios to the reference; status 1 when one is missed"},
		{"reference", "FILE", CLI_TEXT, &opt->reference,
		 .help = "in place of harness/bench-reference.json"},
		{"mcr-config-extra", "JSON", CLI_TEXT, &opt->mcr_extra,
		 .help = "members put over the configuration of mcr, not of mcr-per-packet"},
		{"gen-cpu", "N|any", CLI_TEXT, &opt->gen_cpu,
		 .help = "where the generator stays (the last CPU)"},
		{"sink-cpu", "N|any", CLI_TEXT, &opt->sink_cpu,
		 .help = "where the sink stays (any)"},
	};
	int rest;

	*opt = (struct options){.profile = "quick", .sink_cpu = "0"};
	rest = cli_parse(table, sizeof(table) / sizeof(*table), usage, notes, argc, argv);
	if (rest < argc)
		die("unexpected argument '%s'", argv[rest]);
	if (opt->list)
		print_list();
}

/* The options as typed; the program's place on this machine is nobody's business. */
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

static void set_up(struct bench *bench, const struct options *opt)
{
	const struct profile *profile = find_profile(opt->profile);
	struct lab_error error = {""};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	bench->settings.stop = &stop;
	bench->plan = profile->plan;
	if (opt->trial_ms)
		bench->plan.trial_ms = opt->trial_ms;
	bench->results.profile = profile->name;
	bench->results.rounds = opt->rounds ? opt->rounds : profile->rounds;
	bench->results.trial_ms = bench->plan.trial_ms;
	bench->results.check = opt->check;
	/* Worker 0 has CPU 0: the generator, which is heavier than the sink, gets the other end. */
	bench->settings.gen_cpu = opt->gen_cpu ? read_cpu("gen-cpu", opt->gen_cpu)
				  : cpus > 1   ? (int)cpus - 1
					       : -1;
	bench->settings.sink_cpu = read_cpu("sink-cpu", opt->sink_cpu);
	select_scenarios(bench, profile, opt->scenarios);
	if (opt->mcr_extra) {
		bench->settings.mcr_extra = cJSON_Parse(opt->mcr_extra);
		if (!cJSON_IsObject(bench->settings.mcr_extra))
			die("--mcr-config-extra: '%s' is not a JSON object", opt->mcr_extra);
	}
	/* Without a check the ratios are only a help for the reader. */
	if (bench_gates_load(&bench->results.gates, opt->reference, profile->name, &error) &&
	    (opt->check || opt->reference))
		die("--check: %s", error.text);
}

/* Return: 0, also when a rival is left out; -1 when the run is of no use. */
static int measure(struct bench *bench, unsigned int scenario, enum bench_backend backend)
{
	struct lab_error error = {""};
	bool started;
	int ret;

	if (!(bench_scenarios[scenario].backends & 1u << backend) || bench->absent[backend])
		return 0;
	ret = bench_measure(&bench_scenarios[scenario], backend, &bench->settings, &bench->plan,
			    &bench->results.series[scenario][backend], &started, &error);
	if (!ret)
		return 0;
	if (!started && !stop && backend != BENCH_MCR && backend != BENCH_PER_PACKET) {
		bench->absent[backend] = true;
		fprintf(stderr, "mcrbench: %s is left out: %s\n", bench_backend_name(backend),
			error.text);
		return 0;
	}
	fprintf(stderr, "mcrbench: %s, %s: %s\n", bench_scenarios[scenario].name,
		bench_backend_name(backend), error.text);
	return -1;
}

static int measure_round(struct bench *bench, const char *round,
			 const bool selected[static BENCH_MAX_SCENARIOS])
{
	for (unsigned int i = 0; i < bench_n_scenarios; i++) {
		if (!selected[i])
			continue;
		for (int b = 0; b < BENCH_BACKENDS; b++)
			if (measure(bench, i, b))
				return -1;
		fprintf(stderr, "%s: %s done\n", round, bench_scenarios[i].name);
	}
	return 0;
}

static bool find_missed(const struct bench *bench, bool selected[static BENCH_MAX_SCENARIOS])
{
	bool any = false;

	memset(selected, 0, BENCH_MAX_SCENARIOS * sizeof(*selected));
	for (unsigned int i = 0; i < bench->results.gates.n; i++) {
		const struct bench_gate *gate = &bench->results.gates.gates[i];
		const struct bench_series *row = bench->results.series[gate->scenario];
		double ratio;

		if (!bench->selected[gate->scenario] ||
		    bench_gate_judge(gate, &row[gate->of], &row[gate->to], &ratio) != BENCH_MISSED)
			continue;
		selected[gate->scenario] = true;
		any = true;
	}
	return any;
}

static int measure_all(struct bench *bench)
{
	bool selected[BENCH_MAX_SCENARIOS];
	char round[32];

	for (unsigned int i = 0; i < bench->results.rounds; i++) {
		snprintf(round, sizeof(round), "round %u of %u", i + 1, bench->results.rounds);
		if (measure_round(bench, round, bench->selected))
			return -1;
	}
	/* A gate missed in a short run on a busy machine deserves more rounds, not a verdict. */
	for (int i = 0; bench->results.check && i < SECOND_LOOKS; i++)
		if (find_missed(bench, selected) &&
		    measure_round(bench, "looked at again", selected))
			return -1;
	return 0;
}

int main(int argc, char **argv)
{
	const struct sigaction action = {.sa_handler = on_signal};
	static struct bench bench; /* holds every value measured: too large for the stack */
	struct options opt;
	unsigned int missed;
	int ret;

	parse_options(&opt, argc, argv);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	set_up(&bench, &opt);
	bench.results.command = join_words(argc, argv);
	if (measure_all(&bench))
		return 1;
	missed = bench_report_print(&bench.results);
	ret = opt.json ? bench_report_json(&bench.results, opt.json) : 0;
	if (ret)
		fprintf(stderr, "mcrbench: %s: %s\n", opt.json, strerror(-ret));
	if (!ret && opt.svg) {
		ret = bench_report_charts(&bench.results, opt.svg);
		if (ret)
			fprintf(stderr, "mcrbench: %s: %s\n", opt.svg, strerror(-ret));
	}
	return missed || ret ? 1 : 0;
}
