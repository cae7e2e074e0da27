// SPDX-License-Identifier: MIT
/* select.c - a look at every rule of an answer */
#include "daemon/mcrctl/select.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/mcrctl/args.h"
#include "daemon/mcrctl/pages.h"
#include "daemon/mcrctl/result.h"
#include "daemon/mcrctl/suggest.h"

typedef int compare_fn(const cJSON *a, const cJSON *b);

static bool has(const cJSON *object, const char *member, const char *text)
{
	return strcmp(ctl_text(object, member), text) == 0;
}

static bool any_has(const cJSON *rule, const char *member, const char *text)
{
	const cJSON *output;

	if (!text || has(rule, member, text) || has(ctl_member(rule, "input"), member, text))
		return true;
	cJSON_ArrayForEach(output, ctl_member(rule, "outputs"))
		if (has(output, member, text))
			return true;
	return false;
}

static bool is_wanted(const struct ctl *ctl, const cJSON *rule)
{
	return any_has(rule, "state", ctl_value(ctl, "--state")) &&
	       any_has(rule, "interface", ctl_value(ctl, "--interface")) &&
	       any_has(rule, "group", ctl_value(ctl, "--group"));
}

static int by_text(const cJSON *a, const cJSON *b, const char *member)
{
	return strcmp(ctl_text(a, member), ctl_text(b, member));
}

/* The greatest first. */
static int by_number(const cJSON *a, const cJSON *b, const char *member)
{
	const double x = ctl_number(a, member), y = ctl_number(b, member);

	return (x < y) - (x > y);
}

static int by_name(const cJSON *a, const cJSON *b)
{
	return by_text(a, b, "name");
}

static int by_id(const cJSON *a, const cJSON *b)
{
	return by_text(a, b, "rule_id");
}

static int by_state(const cJSON *a, const cJSON *b)
{
	return by_text(a, b, "state");
}

static int by_matched(const cJSON *a, const cJSON *b)
{
	return by_number(a, b, "matched");
}

static int by_pps(const cJSON *a, const cJSON *b)
{
	return by_number(a, b, "pps");
}

/* The longest silent rules come first. */
static int by_last(const cJSON *a, const cJSON *b)
{
	return -by_number(a, b, "last_at");
}

static const struct {
	const char *name;
	compare_fn *compare;
} keys[] = {{"id", by_id},           {"name", by_name}, {"state", by_state},
	    {"matched", by_matched}, {"pps", by_pps},   {"last", by_last}};
#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

struct ranked {
	cJSON *rule;
	size_t at;
	compare_fn *compare;
};

/* Equal ones stay in the order of the daemon. */
static int compare_ranks(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	const int c = x->compare(x->rule, y->rule);

	return c ? c : (x->at > y->at) - (x->at < y->at);
}

static void sort(cJSON *rules, compare_fn *compare)
{
	const size_t n = (size_t)cJSON_GetArraySize(rules);
	struct ranked *places = calloc(n + 1, sizeof(*places));

	if (!places)
		return;
	for (size_t i = 0; i < n; i++)
		places[i] = (struct ranked){cJSON_DetachItemViaPointer(rules, rules->child), i,
					    compare};
	qsort(places, n, sizeof(*places), compare_ranks);
	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToArray(rules, places[i].rule);
	free(places);
}

/* Return: CTL_USAGE: there is no such key. */
static enum ctl_status find_key(const struct ctl *ctl, compare_fn **compare)
{
	const char *key = ctl_value(ctl, "--sort");
	struct suggestion s;
	char hint[SUGGEST_MAX];

	*compare = NULL;
	if (!key)
		return CTL_OK;
	s = suggest_for(key, strlen(key));
	for (size_t i = 0; i < N_KEYS; i++) {
		if (strcmp(key, keys[i].name) == 0)
			*compare = keys[i].compare;
		suggest_consider(&s, keys[i].name);
	}
	if (*compare)
		return CTL_OK;
	return ctl_usage_error(ctl, "--sort",
			       "\"%s\" is none of id, name, state, matched, pps, last%s", key,
			       suggest_text(&s, hint));
}

enum ctl_status select_rules(const struct ctl *ctl, struct ctl_reply *reply)
{
	cJSON *rules = (cJSON *)ctl_member(reply->result, "rules");
	compare_fn *compare;
	const enum ctl_status ret = find_key(ctl, &compare);
	cJSON *next;

	if (ret != CTL_OK)
		return ret;
	if (!compare && !ctl_value(ctl, "--state") && !ctl_value(ctl, "--interface") &&
	    !ctl_value(ctl, "--group"))
		return CTL_OK;
	for (cJSON *rule = rules->child; rule; rule = next) {
		next = rule->next;
		if (!is_wanted(ctl, rule))
			cJSON_Delete(cJSON_DetachItemViaPointer(rules, rule));
	}
	if (compare)
		sort(rules, compare);
	if (ctl->json) {
		free(reply->text);
		reply->text = cJSON_PrintUnformatted(reply->result);
	}
	return CTL_OK;
}

enum ctl_status select_run(const struct ctl *ctl, const char *method, ctl_print_fn *print)
{
	struct ctl_reply reply;
	compare_fn *compare;
	enum ctl_status ret = find_key(ctl, &compare);

	if (ret != CTL_OK)
		return ret;
	ret = ctl_call_pages(ctl, method, ctl_value(ctl, "--rule"), &reply);
	if (ret == CTL_OK)
		ret = select_rules(ctl, &reply);
	ctl_report(ctl, ret, &reply, print);
	ctl_reply_fini(&reply);
	return ret;
}
