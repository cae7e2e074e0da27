// SPDX-License-Identifier: MIT
/* options.c - options, profiles and the choice of scenarios */
#include "harness/bench/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/cli.h"

#define ANY_CPU "any"

static const char usage[] = "mcrbench [options]";
static const char notes[] = "Exit status 1: something could not be measured, a relay that is not "
			    "installed included, or\n"
			    "with --check a ratio missed its gate.  2: the options make no sense.";

struct profile {
	const char *name;
	unsigned rounds;
	struct bench_plan plan;
	enum bench_rows rows;
	unsigned relays; /* a bit mask; 0: every one */
};

static const struct profile profiles[] = {
	{"smoke", 1, {250, 1.15, 1000, BENCH_LOADS_NONE}, BENCH_ROWS_CLAIMS, 0},
	{"quick", 3, {500, 1.05, 1000, BENCH_LOADS_NONE}, BENCH_ROWS_CLAIMS, 0},
	{"full", 3, {1000, 1.03, 1000, BENCH_LOADS_ALL}, BENCH_ROWS_ALL, 0},
	{"kernel-path",
	 5,
	 {250, 1.05, 1500, BENCH_LOADS_HALF},
	 BENCH_ROWS_TABLE,
	 1u << BENCH_MCR | 1u << BENCH_MCR_KERNEL | 1u << BENCH_KERNEL | 1u << BENCH_NFTABLES},
	{"check",
	 3,
	 {250, 1.1, 0, BENCH_LOADS_NONE},
	 BENCH_ROWS_CLAIMS,
	 1u << BENCH_MCR | 1u << BENCH_PER_PACKET | 1u << BENCH_SOCAT | 1u << BENCH_KERNEL |
		 1u << BENCH_MCR_KERNEL},
};

/* As typed. */
struct typed {
	const char *profile;
	struct bench_choice choice;
	const char *mcr_extra;
	const char *gen_cpu;
	const char *sink_cpu;
	uint32_t rounds;
	uint32_t trial_ms;
	bool list;
};

static const struct profile *find_profile(const char *name)
{
	for (unsigned i = 0; i < sizeof(profiles) / sizeof(*profiles); i++)
		if (!strcmp(profiles[i].name, name))
			return &profiles[i];
	die("--profile: '%s' is none of smoke, quick, full, kernel-path, check", name);
}

static int read_cpu(const char *option, const char *text)
{
	if (!strcmp(text, ANY_CPU))
		return -1;
	return (int)cli_u64(option, text, 0, (uint64_t)sysconf(_SC_NPROCESSORS_ONLN) - 1);
}

/* Worker 0 has CPU 0: the generator, which is heavier than the sink, gets the other end. */
static int usual_gen_cpu(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus > 1 ? (int)cpus - 1 : -1;
}

static void print_list(void)
{
	for (unsigned i = 0; i < bench_n_scenarios; i++)
		printf("%-16s %s%s\n", bench_scenarios[i].name, bench_scenarios[i].what,
		       bench_scenarios[i].claimed    ? ""
		       : bench_scenarios[i].of_table ? " (full, kernel-path)"
						     : " (full)");
	exit(0);
}

static void read_words(struct typed *typed, struct bench_options *opt, int argc, char **argv)
{
	const struct cli_option table[] = {
		{"profile", "NAME", CLI_TEXT, &typed->profile,
		 .help = "smoke (two minutes), quick (default), full (every scenario), kernel-path "
			 "(beside the kernel's own forwarding) or check (the gate)"},
		{"scenario", "A[,B...]", CLI_TEXT, &typed->choice.scenarios, .help = "only these"},
		{"list", NULL, CLI_FLAG, &typed->list, .help = "show the scenarios and end"},
		{"backend", "A[,B...]", CLI_TEXT, &typed->choice.backends,
		 .help = "only these relays: mcr, mcr-per-packet, recv-send, socat, kernel, "
			 "mcr-kernel, nftables"},
		{"burst", "N[,N...]", CLI_TEXT, &typed->choice.bursts,
		 .help = "datagrams the generator hands over at a time: every scenario with each"},
		{"rounds", "N", CLI_U32, &typed->rounds, 1, BENCH_MAX_ROUNDS,
		 "in place of the profile's"},
		{"trial-ms", "N", CLI_U32, &typed->trial_ms, 50, 60000,
		 "in place of the profile's"},
		{"json", "FILE", CLI_TEXT, &opt->json, .help = "write everything measured"},
		{"svg", "DIR", CLI_TEXT, &opt->svg, .help = "write charts"},
		{"check", NULL, CLI_FLAG, &opt->check,
		 .help = "hold the ratios to the reference; status 1 when one is missed"},
		{"reference", "FILE", CLI_TEXT, &opt->reference,
		 .help = "in place of harness/bench-reference.json"},
		{"mcr-config-extra", "JSON", CLI_TEXT, &typed->mcr_extra,
		 .help = "members put over the configuration of mcr, not of mcr-per-packet"},
		{"gen-cpu", "N|any", CLI_TEXT, &typed->gen_cpu,
		 .help = "where the generator stays (the last CPU)"},
		{"sink-cpu", "N|any", CLI_TEXT, &typed->sink_cpu,
		 .help = "where the sink stays (CPU 0)"},
	};
	int rest = cli_parse(table, sizeof(table) / sizeof(*table), usage, notes, argc, argv);

	if (rest < argc)
		die("unexpected argument '%s'", argv[rest]);
}

void bench_options_parse(struct bench_options *options, int argc, char **argv)
{
	struct typed typed = {.profile = "quick", .sink_cpu = "0"};
	struct lab_error error = {""};
	const struct profile *profile;

	*options = (struct bench_options){.check = false};
	read_words(&typed, options, argc, argv);
	if (typed.list)
		print_list();
	profile = find_profile(typed.profile);
	options->profile = profile->name;
	options->rounds = typed.rounds ? typed.rounds : profile->rounds;
	options->plan = profile->plan;
	if (typed.trial_ms)
		options->plan.trial_ms = typed.trial_ms;
	options->settings.gen_cpu =
		typed.gen_cpu ? read_cpu("gen-cpu", typed.gen_cpu) : usual_gen_cpu();
	options->settings.sink_cpu = read_cpu("sink-cpu", typed.sink_cpu);
	if (typed.mcr_extra) {
		options->settings.mcr_extra = cJSON_Parse(typed.mcr_extra);
		if (!cJSON_IsObject(options->settings.mcr_extra))
			die("--mcr-config-extra: '%s' is not a JSON object", typed.mcr_extra);
	}
	typed.choice.rows = profile->rows;
	typed.choice.relays = profile->relays;
	if (bench_set_choose(&options->set, &typed.choice, &error))
		die("%s", error.text);
}
