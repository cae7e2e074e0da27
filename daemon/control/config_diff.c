// SPDX-License-Identifier: MIT
/* config_diff.c - a rule is the same as long as it has its incarnation, or its id */
#include "daemon/control/config_diff.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bitset.h"
#include "core/rules/ruleset.h"
#include "core/rules/ruleset_index.h"

/**
 * struct diff - the list in the making
 * @by_slot: the entries of @would
 * @met:     their slots, if the set in force has the rule
 */
struct diff {
	const struct ruleset *is, *would;
	cJSON *changes;
	unsigned left_out;
	const struct ruleset_entry *by_slot[MCR_MAX_RULES];
	uint64_t met[MCR_MAX_RULES / 64];
};

/* NULL: the list is full. */
static cJSON *add_change(struct diff *d, const char *change, const struct rule *r)
{
	cJSON *o;

	if (cJSON_GetArraySize(d->changes) >= CONFIG_DIFF_MAX) {
		d->left_out++;
		return NULL;
	}
	o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "change", change);
	cJSON_AddStringToObject(o, "rule_id", r->id);
	cJSON_AddStringToObject(o, "name", r->name);
	cJSON_AddItemToArray(d->changes, o);
	return o;
}

static const struct ruleset_entry *partner_of(const struct diff *d, const struct ruleset_entry *e)
{
	const struct ruleset_entry *same = d->by_slot[e->slot];

	return same && same->incarnation == e->incarnation ? same
							   : ruleset_find_id(d->would, e->rule.id);
}

static void add_text(cJSON *list, bool differs, const char *text)
{
	if (differs)
		cJSON_AddItemToArray(list, cJSON_CreateString(text));
}

/* As mcrctl takes it. */
static void add_output(cJSON *list, const char *what, const struct rule_output *o)
{
	char text[96], group[ADDR_TEXT_MAX];

	snprintf(text, sizeof(text), "output %s:%u:%s %s", addr_format(&o->group, group), o->port,
		 o->interface, what);
	cJSON_AddItemToArray(list, cJSON_CreateString(text));
}

static bool same_settings(const struct rule_output *a, const struct rule_output *b)
{
	return a->ttl == b->ttl && a->ttl_decrement == b->ttl_decrement && a->dscp == b->dscp &&
	       a->source_port == b->source_port && addr_equal(&a->source, &b->source);
}

static void add_outputs(cJSON *list, const struct rule *is, const struct rule *would)
{
	for (unsigned i = 0; i < is->n_outputs; i++) {
		const int at = rule_find_output(would, &is->outputs[i]);

		if (at < 0)
			add_output(list, "removed", &is->outputs[i]);
		else if (!same_settings(&is->outputs[i], &would->outputs[at]))
			add_output(list, "changed", &is->outputs[i]);
	}
	for (unsigned i = 0; i < would->n_outputs; i++)
		if (rule_find_output(is, &would->outputs[i]) < 0)
			add_output(list, "added", &would->outputs[i]);
}

static void add_differences(cJSON *list, const struct rule *is, const struct rule *would)
{
	add_text(list, strcmp(is->id, would->id) != 0, "id");
	add_text(list, strcmp(is->name, would->name) != 0, "name");
	add_text(list, strcmp(is->description, would->description) != 0, "description");
	add_text(list, !is->disabled && would->disabled, "disabled");
	add_text(list, is->disabled && !would->disabled, "enabled");
	add_text(list, !rule_same_input(&is->input, &would->input), "input");
	add_text(list, is->limit_pps != would->limit_pps || is->limit_bps != would->limit_bps,
		 "rate_limit");
	add_text(list, is->priority != would->priority, "priority");
	add_text(list, is->path != would->path, "path");
	add_text(list, is->consume != would->consume, "consume");
	add_outputs(list, is, would);
	/* Nothing but this is left. */
	add_text(list, cJSON_GetArraySize(list) == 0, "order of the outputs");
}

static bool is_changed(const struct rule *is, const struct rule *would)
{
	return strcmp(is->id, would->id) != 0 || strcmp(is->name, would->name) != 0 ||
	       !rule_same_input(&is->input, &would->input) || !rule_same_action(is, would);
}

static void add_removed(struct diff *d)
{
	for (size_t i = 0; i < ruleset_count(d->is); i++) {
		const struct ruleset_entry *e = ruleset_at(d->is, i);
		const struct ruleset_entry *now = partner_of(d, e);

		if (now)
			bitset_add(d->met, now->slot);
		else
			add_change(d, "removed", &e->rule);
	}
}

static void add_changed(struct diff *d)
{
	for (size_t i = 0; i < ruleset_count(d->is); i++) {
		const struct ruleset_entry *e = ruleset_at(d->is, i);
		const struct ruleset_entry *now = partner_of(d, e);
		cJSON *o;

		if (!now || !is_changed(&e->rule, &now->rule))
			continue;
		o = add_change(d, "changed", &now->rule);
		if (!o)
			continue;
		add_differences(cJSON_AddArrayToObject(o, "differs"), &e->rule, &now->rule);
		cJSON_AddBoolToObject(o, "counts_anew", e->incarnation != now->incarnation);
	}
}

static void add_added(struct diff *d)
{
	for (size_t i = 0; i < ruleset_count(d->would); i++) {
		const struct ruleset_entry *e = ruleset_at(d->would, i);

		if (!bitset_has(d->met, e->slot))
			add_change(d, "added", &e->rule);
	}
}

void config_diff_rules(const struct ruleset *is, const struct ruleset *would, cJSON *result)
{
	struct diff *d = calloc(1, sizeof(*d));

	if (!d)
		return;
	d->is = is;
	d->would = would;
	d->changes = cJSON_AddArrayToObject(result, "changes");
	for (size_t i = 0; i < ruleset_count(would); i++)
		d->by_slot[ruleset_at(would, i)->slot] = ruleset_at(would, i);
	add_removed(d);
	add_changed(d);
	add_added(d);
	cJSON_AddNumberToObject(result, "left_out", d->left_out);
	free(d);
}
