// SPDX-License-Identifier: MIT
/* gate.c - read the reference and judge a ratio */
#include "harness/bench/gate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const cJSON *get(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static int find_quantity(const char *name)
{
	for (int i = 0; i < BENCH_QUANTITIES; i++)
		if (!strcmp(bench_quantity_name(i), name))
			return i;
	return -ENOENT;
}

/* A member that names one of ours; its index. */
static int read_name(const cJSON *object, const char *member, int (*find)(const char *name),
		     unsigned *index, struct lab_error *error)
{
	const cJSON *item = get(object, member);
	int found = cJSON_IsString(item) ? find(item->valuestring) : -ENOENT;

	if (found < 0) {
		snprintf(error->text, sizeof(error->text), "%s: there is no '%.60s'", member,
			 cJSON_IsString(item) ? item->valuestring : "");
		return -EINVAL;
	}
	*index = (unsigned)found;
	return 0;
}

static int read_number(const cJSON *object, const char *member, double low, double high,
		       double *value, struct lab_error *error)
{
	const cJSON *item = get(object, member);

	if (!cJSON_IsNumber(item) || !(item->valuedouble > low && item->valuedouble < high)) {
		snprintf(error->text, sizeof(error->text),
			 "%.40s: must be a number above %g and below %g", member, low, high);
		return -EINVAL;
	}
	*value = item->valuedouble;
	return 0;
}

/* The tolerance of the profile: the ratio's own, or that of the file. */
static int read_tolerance(const cJSON *root, const cJSON *item, const char *profile, double *value,
			  struct lab_error *error)
{
	const cJSON *own = get(item, "tolerance");

	if (get(own, profile))
		return read_number(own, profile, 0, 1, value, error);
	return read_number(get(root, "tolerance"), profile, 0, 1, value, error);
}

static int read_gate(struct bench_gate *gate, const cJSON *root, const cJSON *item,
		     const char *profile, struct lab_error *error)
{
	unsigned of = 0, to = 0, quantity = 0;
	int ret = read_name(item, "scenario", bench_scenario_find, &gate->scenario, error);

	if (ret == 0)
		ret = read_name(item, "of", bench_backend_find, &of, error);
	if (ret == 0)
		ret = read_name(item, "to", bench_backend_find, &to, error);
	if (ret == 0)
		ret = read_name(item, "quantity", find_quantity, &quantity, error);
	if (ret == 0)
		ret = read_number(item, "reference", 0, 1e6, &gate->reference, error);
	if (ret == 0)
		ret = read_tolerance(root, item, profile, &gate->tolerance, error);
	if (ret < 0)
		return ret;
	gate->of = of;
	gate->to = to;
	gate->quantity = quantity;
	gate->lower = quantity != BENCH_Q_RATE && quantity != BENCH_Q_GROUPS;
	return 0;
}

int bench_gates_parse(struct bench_gates *gates, const char *text, const char *profile,
		      struct lab_error *error)
{
	cJSON *root = cJSON_Parse(text);
	const cJSON *list = get(root, "ratios");
	const cJSON *item;
	int ret = cJSON_IsArray(list) ? 0 : -EINVAL;

	*gates = (struct bench_gates){0};
	if (ret < 0)
		snprintf(error->text, sizeof(error->text), "no JSON object with a list 'ratios'");
	cJSON_ArrayForEach(item, list) {
		struct lab_error inner;

		if (gates->n == BENCH_MAX_GATES) {
			snprintf(error->text, sizeof(error->text), "more than %d ratios",
				 BENCH_MAX_GATES);
			ret = -EINVAL;
			break;
		}
		ret = read_gate(&gates->gates[gates->n], root, item, profile, &inner);
		if (ret < 0) {
			snprintf(error->text, sizeof(error->text), "ratios[%u].%.200s", gates->n,
				 inner.text);
			break;
		}
		gates->n++;
	}
	cJSON_Delete(root);
	return ret;
}

double bench_gate_limit(const struct bench_gate *gate)
{
	return gate->lower ? gate->reference / (1 - gate->tolerance)
			   : gate->reference * (1 - gate->tolerance);
}

enum bench_verdict bench_gate_judge(const struct bench_gate *gate, const struct bench_series *of,
				    const struct bench_series *to, double *ratio)
{
	const struct bench_spread a = bench_series_spread(of, gate->quantity);
	const struct bench_spread b = bench_series_spread(to, gate->quantity);

	*ratio = 0;
	/* Without figures of the rival there is no ratio; MCR without any datagram is a miss. */
	if (!a.n || !b.n || !(b.median > 0))
		return BENCH_UNKNOWN;
	*ratio = a.median / b.median;
	if (gate->lower)
		return *ratio > bench_gate_limit(gate) ? BENCH_MISSED : BENCH_PASSED;
	return *ratio < bench_gate_limit(gate) ? BENCH_MISSED : BENCH_PASSED;
}
