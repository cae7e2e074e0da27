// SPDX-License-Identifier: MIT
/*
 * mcrbench - how fast the relay is, beside what else could do its work
 *
 * Prints what it measured in this run and nothing else: highest loss-free rate, CPU time
 * and latency of each backend, medians over rounds with their spread, and the ratios
 * between backends that the project claims.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cJSON.h>

#include "harness/bench_scenario.h"

#define MAX_ROUNDS     31
#define MAX_SCENARIOS  16
#define LATENCY_PPS    1000
#define LATENCY_MS     2000

struct options {
	unsigned int rounds;
	uint32_t trial_ms;
	bool check;
	const char *only;
	const char *json_path;
};

/* What one backend did in one scenario, a value per round. */
struct series {
	unsigned int n;
	double pps[MAX_ROUNDS], cpu_ns[MAX_ROUNDS], p50_us[MAX_ROUNDS], p99_us[MAX_ROUNDS];
	bool limited;
	bool absent; /* not installed */
};

static struct series all[MAX_SCENARIOS][BENCH_BACKENDS];

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* @q: 0 least, 0.5 median, 1 largest. */
static double quantile(const double *values, unsigned int n, double q)
{
	double sorted[MAX_ROUNDS];

	if (!n)
		return 0;
	memcpy(sorted, values, n * sizeof(*values));
	qsort(sorted, n, sizeof(*sorted), compare);
	return sorted[(unsigned int)(q * (n - 1) + 0.5)];
}

static int measure_once(const struct bench_run *run, const struct options *opt, struct series *s,
			struct lab_error *error)
{
	struct bench_result r = {0};
	struct bench_trial t;
	int ret;

	if (run->scenario->kind == BENCH_RATE) {
		ret = bench_search(run, opt->trial_ms, &r, error);
	} else {
		ret = bench_trial_run(run, LATENCY_PPS, LATENCY_MS, &t, error);
		r = (struct bench_result){t.offered_pps, t.cpu_ns, t.p50_us, t.p99_us, false};
	}
	if (ret < 0)
		return ret;
	s->pps[s->n] = r.pps;
	s->cpu_ns[s->n] = r.cpu_ns;
	s->p50_us[s->n] = r.p50_us;
	s->p99_us[s->n] = r.p99_us;
	s->limited = s->limited || r.limited;
	s->n++;
	return 0;
}

static int measure(const struct bench_scenario *scenario, enum bench_backend_id backend,
		   const struct options *opt, struct series *s)
{
	struct lab_error error = {""};
	struct bench_run run;
	int ret;

	if (s->absent)
		return 0;
	ret = bench_run_start(&run, scenario, backend, &error);
	if (ret == 0)
		ret = measure_once(&run, opt, s, &error);
	bench_run_stop(&run);
	if (ret == -ENOENT && backend != BENCH_MCR) {
		s->absent = true;
		fprintf(stderr, "mcrbench: %s left out: %s\n", bench_backend_name(backend), error.text);
		return 0;
	}
	if (ret < 0)
		fprintf(stderr, "mcrbench: %s, %s: %s\n", scenario->name,
			bench_backend_name(backend), error.text);
	return ret;
}

static bool selected(const struct options *opt, const struct bench_scenario *s)
{
	return !opt->only || strcmp(opt->only, s->name) == 0;
}

static int measure_all(const struct options *opt)
{
	for (unsigned int round = 0; round < opt->rounds; round++) {
		for (unsigned int i = 0; i < bench_n_scenarios; i++) {
			const struct bench_scenario *s = &bench_scenarios[i];

			if (!selected(opt, s))
				continue;
			for (enum bench_backend_id b = 0; b < BENCH_BACKENDS; b++) {
				int ret = s->backends & 1u << b ? measure(s, b, opt, &all[i][b]) : 0;

				if (ret < 0)
					return ret;
			}
			fprintf(stderr, "round %u of %u: %s done\n", round + 1, opt->rounds, s->name);
		}
	}
	return 0;
}

/* --- what is printed --- */

static void print_series(const struct bench_scenario *sc, enum bench_backend_id b)
{
	const struct series *s = &all[sc - bench_scenarios][b];

	if (!s->n)
		return;
	if (sc->kind == BENCH_LATENCY)
		printf("  %-16s latency p50 %6.1f us (%.1f to %.1f), p99 %6.1f us\n",
		       bench_backend_name(b), quantile(s->p50_us, s->n, 0.5),
		       quantile(s->p50_us, s->n, 0), quantile(s->p50_us, s->n, 1),
		       quantile(s->p99_us, s->n, 0.5));
	else
		printf("  %-16s %9.0f pps (%.0f to %.0f), machine %5.0f ns per datagram, p50 %.0f us%s\n",
		       bench_backend_name(b), quantile(s->pps, s->n, 0.5), quantile(s->pps, s->n, 0),
		       quantile(s->pps, s->n, 1), quantile(s->cpu_ns, s->n, 0.5),
		       quantile(s->p50_us, s->n, 0.5),
		       s->limited ? "; the generator could not offer more" : "");
}

static double ratio_of(const struct bench_gate *g, bool *known)
{
	const struct bench_scenario *sc = bench_scenario_find(g->scenario);
	const struct series *of = &all[sc - bench_scenarios][g->of], *to;
	double a, b;

	to = &all[sc - bench_scenarios][g->to];
	a = sc->kind == BENCH_LATENCY ? quantile(of->p50_us, of->n, 0.5) : quantile(of->pps, of->n, 0.5);
	b = sc->kind == BENCH_LATENCY ? quantile(to->p50_us, to->n, 0.5) : quantile(to->pps, to->n, 0.5);
	*known = of->n && to->n && b > 0;
	return *known ? a / b : 0;
}

/* Returns how many gates were missed. */
static unsigned int print_ratios(const struct options *opt)
{
	unsigned int missed = 0;

	printf("\nratios of medians, this run\n");
	for (unsigned int i = 0; i < bench_n_gates; i++) {
		const struct bench_gate *g = &bench_gates[i];
		const bool lower = bench_scenario_find(g->scenario)->kind == BENCH_LATENCY;
		bool known, bad;
		double ratio = ratio_of(g, &known);

		if (!known)
			continue;
		bad = lower ? ratio > g->gate : ratio < g->gate;
		printf("  %-8s %s / %-16s %6.2f  (claimed: at %s %.1f", g->scenario,
		       bench_backend_name(g->of), bench_backend_name(g->to), ratio,
		       lower ? "most" : "least", g->target);
		if (opt->check)
			printf("; gate %.1f: %s", g->gate, bad ? "MISSED" : "passed");
		printf(")\n");
		missed += bad;
	}
	return opt->check ? missed : 0;
}

static unsigned int print_all(const struct options *opt)
{
	struct utsname u;

	uname(&u);
	printf("Linux %s, %ld CPUs; %u rounds, trials of %u ms; median (least to most)\n", u.release,
	       sysconf(_SC_NPROCESSORS_ONLN), opt->rounds, opt->trial_ms);
	for (unsigned int i = 0; i < bench_n_scenarios; i++) {
		if (!selected(opt, &bench_scenarios[i]))
			continue;
		printf("\n%s: %s\n", bench_scenarios[i].name, bench_scenarios[i].what);
		for (enum bench_backend_id b = 0; b < BENCH_BACKENDS; b++)
			print_series(&bench_scenarios[i], b);
	}
	return print_ratios(opt);
}

static void add_series(cJSON *json, const struct series *s, enum bench_backend_id b)
{
	cJSON *item = cJSON_AddObjectToObject(json, bench_backend_name(b));

	cJSON_AddItemToObject(item, "pps", cJSON_CreateDoubleArray(s->pps, (int)s->n));
	cJSON_AddItemToObject(item, "cpu_ns", cJSON_CreateDoubleArray(s->cpu_ns, (int)s->n));
	cJSON_AddItemToObject(item, "p50_us", cJSON_CreateDoubleArray(s->p50_us, (int)s->n));
	cJSON_AddItemToObject(item, "p99_us", cJSON_CreateDoubleArray(s->p99_us, (int)s->n));
	cJSON_AddBoolToObject(item, "generator_limited", s->limited);
}

static int write_json(const struct options *opt)
{
	cJSON *json = cJSON_CreateObject();
	char *text;
	FILE *f;
	int ret = 0;

	for (unsigned int i = 0; i < bench_n_scenarios; i++) {
		cJSON *sc = cJSON_AddObjectToObject(json, bench_scenarios[i].name);

		for (enum bench_backend_id b = 0; b < BENCH_BACKENDS; b++)
			if (all[i][b].n)
				add_series(sc, &all[i][b], b);
	}
	text = cJSON_Print(json);
	f = fopen(opt->json_path, "we");
	if (!f || fputs(text, f) < 0 || fclose(f)) {
		fprintf(stderr, "mcrbench: %s: %s\n", opt->json_path, strerror(errno));
		ret = -1;
	}
	free(text);
	cJSON_Delete(json);
	return ret;
}

/* --- command line --- */

static void usage(FILE *f)
{
	fprintf(f, "usage: mcrbench [--profile smoke|quick|full] [--scenario NAME] [--rounds N]\n"
		   "                [--trial-ms MS] [--json FILE] [--check]\n\n"
		   "  --check  exit with 1 when a ratio misses its gate\n\nscenarios:\n");
	for (unsigned int i = 0; i < bench_n_scenarios; i++)
		fprintf(f, "  %-8s %s\n", bench_scenarios[i].name, bench_scenarios[i].what);
}

static int set_profile(struct options *opt, const char *name)
{
	static const struct {
		const char *name;
		unsigned int rounds;
		uint32_t trial_ms;
	} profiles[] = {{"smoke", 1, 500}, {"quick", 3, 1000}, {"full", 5, 2000}};

	for (unsigned int i = 0; i < sizeof(profiles) / sizeof(*profiles); i++) {
		if (strcmp(profiles[i].name, name) == 0) {
			opt->rounds = profiles[i].rounds;
			opt->trial_ms = profiles[i].trial_ms;
			return 0;
		}
	}
	fprintf(stderr, "mcrbench: --profile: '%s' is none of smoke, quick, full\n", name);
	return -1;
}

static int number(const char *option, const char *text, unsigned long most, unsigned long *value)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 10);
	if (!errno && *text && !*end && *value >= 1 && *value <= most)
		return 0;
	fprintf(stderr, "mcrbench: %s: '%s' is not a number from 1 to %lu\n", option, text, most);
	return -1;
}

static int parse(int argc, char **argv, struct options *opt)
{
	static const struct option longs[] = {
		{"profile", required_argument, NULL, 'p'}, {"scenario", required_argument, NULL, 's'},
		{"rounds", required_argument, NULL, 'r'},  {"trial-ms", required_argument, NULL, 't'},
		{"json", required_argument, NULL, 'j'},	   {"check", no_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},	   {NULL, 0, NULL, 0}};
	unsigned long value = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			exit(0);
		}
		if (c == '?' || (c == 'p' && set_profile(opt, optarg) < 0) ||
		    (c == 'r' && number("--rounds", optarg, MAX_ROUNDS, &value) < 0) ||
		    (c == 't' && number("--trial-ms", optarg, 60000, &value) < 0))
			return -1;
		if (c == 'r')
			opt->rounds = (unsigned int)value;
		if (c == 't')
			opt->trial_ms = (uint32_t)value;
		if (c == 's')
			opt->only = optarg;
		if (c == 'j')
			opt->json_path = optarg;
		if (c == 'c')
			opt->check = true;
	}
	if (optind < argc) {
		fprintf(stderr, "mcrbench: '%s' is not an option\n", argv[optind]);
		return -1;
	}
	if (opt->only && !bench_scenario_find(opt->only)) {
		fprintf(stderr, "mcrbench: --scenario: there is no '%s'\n", opt->only);
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct options opt = {.rounds = 3, .trial_ms = 500};
	unsigned int missed;

	if (parse(argc, argv, &opt) < 0) {
		usage(stderr);
		return 2;
	}
	if (measure_all(&opt) < 0)
		return 1;
	missed = print_all(&opt);
	if (opt.json_path && write_json(&opt) < 0)
		return 1;
	return missed ? 1 : 0;
}
