// SPDX-License-Identifier: MIT
/* set.c - choose by name, and check that the choice fits together */
#include "harness/bench/set.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/decimal.h"
#include "harness/lab/state.h"
#include "harness/traffic/gen.h"

#define EVERY_BACKEND ((1u << BENCH_BACKENDS) - 1)

/* The choice, understood. */
struct wanted {
	bool scenarios[BENCH_MAX_SCENARIOS];
	unsigned backends;
	uint32_t bursts[BENCH_MAX_BURSTS];
	unsigned n_bursts;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct lab_error *error, const char *format,
							...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -EINVAL;
}

static int take_scenario(struct wanted *wanted, const char *name, struct lab_error *error)
{
	int found = bench_scenario_find(name);

	if (found < 0)
		return refuse(error, "--scenario: there is no '%.60s'; --list shows them", name);
	wanted->scenarios[found] = true;
	return 0;
}

static int take_backend(struct wanted *wanted, const char *name, struct lab_error *error)
{
	int found = bench_backend_find(name);
	char names[128] = "";
	size_t used = 0;

	if (found >= 0) {
		wanted->backends |= 1u << found;
		return 0;
	}
	for (int b = 0; b < BENCH_BACKENDS; b++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", b ? ", " : "",
					 bench_backend_name(b));
	return refuse(error, "--backend: '%.60s' is none of %s", name, names);
}

static int take_burst(struct wanted *wanted, const char *text, struct lab_error *error)
{
	uint64_t burst;

	if (decimal_whole(text, 1, GEN_MAX_SEGMENT, &burst) < 0)
		return refuse(error, "--burst: '%.60s' is not a number from 1 to %u", text,
			      GEN_MAX_SEGMENT);
	for (unsigned i = 0; i < wanted->n_bursts; i++)
		if (wanted->bursts[i] == burst)
			return 0;
	if (wanted->n_bursts == BENCH_MAX_BURSTS)
		return refuse(error, "--burst: more than %d sizes", BENCH_MAX_BURSTS);
	wanted->bursts[wanted->n_bursts++] = (uint32_t)burst;
	return 0;
}

static int take_list(struct wanted *wanted, const char *list,
		     int (*take)(struct wanted *wanted, const char *item, struct lab_error *error),
		     struct lab_error *error)
{
	char *copy = list ? strdup(list) : NULL;
	char *rest = copy;
	char *item;
	int ret = 0;

	if (list && !copy) {
		refuse(error, "out of memory");
		return -ENOMEM;
	}
	while (!ret && (item = strsep(&rest, ",")))
		ret = take(wanted, item, error);
	free(copy);
	return ret;
}

/* Scenarios without bursts, or with a size of their own, cannot be in a sweep. */
static int fit_bursts(struct wanted *wanted, bool named, struct lab_error *error)
{
	for (unsigned i = 0; i < bench_n_scenarios && wanted->n_bursts; i++) {
		const struct bench_scenario *scenario = &bench_scenarios[i];

		if (!wanted->scenarios[i] ||
		    (bench_scenario_has_bursts(scenario) && !scenario->burst))
			continue;
		if (named)
			return refuse(error, "--burst: '%s' has %s (%s)", scenario->name,
				      scenario->burst ? "a size of its own" : "no bursts",
				      scenario->what);
		wanted->scenarios[i] = false;
	}
	return 0;
}

static int fit_backends(struct wanted *wanted, const struct bench_choice *choice,
			struct lab_error *error)
{
	unsigned usable = 0;

	for (unsigned i = 0; i < bench_n_scenarios; i++)
		usable |= wanted->scenarios[i] ? bench_scenarios[i].backends : 0;
	for (int b = 0; b < BENCH_BACKENDS && choice->backends; b++)
		if (wanted->backends & ~usable & 1u << b)
			return refuse(error, "--backend: no scenario that is measured can use '%s'",
				      bench_backend_name(b));
	for (unsigned i = 0; i < bench_n_scenarios; i++) {
		if (!wanted->scenarios[i] || bench_scenarios[i].backends & wanted->backends)
			continue;
		if (choice->scenarios)
			return refuse(error, "--scenario: none of %.60s can carry '%s'",
				      choice->backends ? choice->backends : "the profile's relays",
				      bench_scenarios[i].name);
		wanted->scenarios[i] = false;
	}
	return 0;
}

/* The scenario with one burst size; its line tells the size that fits into a send. */
static void derive(struct bench_scenario *scenario, uint32_t burst)
{
	const struct bench_scenario origin = *scenario;

	scenario->burst = burst;
	snprintf(scenario->name, sizeof(scenario->name), "%.20s@%u", origin.name, burst);
	snprintf(scenario->what, sizeof(scenario->what), "%.64s, %u at a time", origin.what,
		 bench_scenario_burst(scenario, BENCH_FULL_PPS));
}

static void fill(struct bench_set *set, const struct wanted *wanted)
{
	*set = (struct bench_set){.sweep = wanted->n_bursts > 0};
	for (unsigned i = 0; i < bench_n_scenarios; i++) {
		if (!wanted->scenarios[i])
			continue;
		for (unsigned k = 0; k < (set->sweep ? wanted->n_bursts : 1); k++) {
			struct bench_scenario *scenario = &set->scenarios[set->n++];

			*scenario = bench_scenarios[i];
			scenario->backends &= wanted->backends;
			if (set->sweep)
				derive(scenario, wanted->bursts[k]);
		}
	}
}

static bool is_row(const struct bench_scenario *scenario, enum bench_rows rows)
{
	switch (rows) {
	case BENCH_ROWS_CLAIMS:
		return scenario->claimed;
	case BENCH_ROWS_TABLE:
		return scenario->of_table;
	case BENCH_ROWS_ALL:
		break;
	}
	return true;
}

int bench_set_choose(struct bench_set *set, const struct bench_choice *choice,
		     struct lab_error *error)
{
	struct wanted wanted = {.backends = choice->relays ? choice->relays : EVERY_BACKEND};
	int ret;

	if (choice->backends)
		wanted.backends = 0;
	for (unsigned i = 0; i < bench_n_scenarios && !choice->scenarios; i++)
		wanted.scenarios[i] = is_row(&bench_scenarios[i], choice->rows);
	ret = take_list(&wanted, choice->scenarios, take_scenario, error);
	if (ret == 0)
		ret = take_list(&wanted, choice->backends, take_backend, error);
	if (ret == 0)
		ret = take_list(&wanted, choice->bursts, take_burst, error);
	if (ret == 0)
		ret = fit_bursts(&wanted, choice->scenarios, error);
	if (ret == 0)
		ret = fit_backends(&wanted, choice, error);
	if (ret == 0)
		fill(set, &wanted);
	return ret;
}

int bench_set_find(const struct bench_set *set, const char *name)
{
	for (unsigned i = 0; i < set->n; i++)
		if (!strcmp(set->scenarios[i].name, name))
			return (int)i;
	return -ENOENT;
}

unsigned bench_set_backends(const struct bench_set *set)
{
	unsigned backends = 0;

	for (unsigned i = 0; i < set->n; i++)
		backends |= set->scenarios[i].backends;
	return backends;
}
