// SPDX-License-Identifier: MIT
/* load.c - a new rule set is built beside the old one, and takes its place when it is whole */
#include "daemon/control/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/complaint.h"
#include "core/rules/ruleset.h"
#include "core/rules/ruleset_cycle.h"
#include "core/text/config.h"
#include "core/text/config_write.h"
#include "daemon/control/change.h"
#include "daemon/control/kernel_fit.h"
#include "daemon/control/output.h"
#include "daemon/control/wiring.h"

/* Makes a field of the rule a field of the configuration: "rules[3].outputs". */
static void name_rule(struct complaint *cpl, size_t i)
{
	char field[COMPLAINT_FIELD_MAX];

	if (!cpl)
		return;
	snprintf(field, sizeof(field), "rules[%zu]%s%.80s", i, cpl->field[0] ? "." : "",
		 cpl->field);
	memcpy(cpl->field, field, sizeof(field));
}

/* The rule that closes a circle may not be in @cfg: then the reason has its id. */
static int check_circles(struct ruleset *set, const struct config *cfg, struct complaint *cpl)
{
	const struct ruleset_entry *newest;
	char reason[COMPLAINT_REASON_MAX];
	struct complaint inner = {0};
	size_t i = 0;

	if (ruleset_check_circles(set, &newest, &inner) == 0)
		return 0;
	while (i < cfg->n_rules && strcmp(cfg->rules[i].id, newest->rule.id) != 0)
		i++;
	if (i < cfg->n_rules) {
		name_rule(&inner, i);
		complain(cpl, inner.field, "%s", inner.reason);
	} else {
		snprintf(reason, sizeof(reason), "rule %s %.180s", newest->rule.id, inner.reason);
		complain(cpl, "rules", "%s", reason);
	}
	return -ELOOP;
}

static int add_all(struct ruleset *set, const struct config *cfg, bool replace,
		   size_t counts[static LOAD_COUNTS], struct complaint *cpl)
{
	for (size_t i = 0; i < cfg->n_rules; i++) {
		int ret = ruleset_put(set, &cfg->rules[i], replace, NULL, cpl);

		if (ret < 0) {
			name_rule(cpl, i);
			return ret;
		}
		counts[LOAD_ADDED] += ret == RULESET_ADDED;
		counts[LOAD_REPLACED] += ret == RULESET_REPLACED;
		counts[LOAD_UNCHANGED] += ret == RULESET_UNCHANGED;
	}
	return check_circles(set, cfg, cpl);
}

static bool same_rule(const struct rule *a, const struct rule *b)
{
	return rule_same_input(&a->input, &b->input) && rule_same_action(a, b) &&
	       !strcmp(a->name, b->name);
}

static int by_id(const void *a, const void *b)
{
	const struct rule *const *x = a, *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

static const struct rule *find(const struct rule **sorted, size_t n, const struct rule *key)
{
	const struct rule **hit;

	hit = n ? bsearch(&key, sorted, n, sizeof(*sorted), by_id) : NULL;
	return hit ? *hit : NULL;
}

/*
 * Remove the rules that the configuration does not have, and with @differing also those that
 * differ from it.  It begins at the end, because a removal moves the entries behind it.
 * Return: how many rules the configuration does not have.
 */
static size_t remove_others(struct ruleset *set, const struct rule **sorted, size_t n,
			    bool differing, size_t *replaced)
{
	size_t removed = 0;

	for (size_t i = ruleset_count(set); i-- > 0;) {
		const struct rule *have = &ruleset_at(set, i)->rule;
		const struct rule *want = find(sorted, n, have);
		char id[MCR_ID_MAX];

		if (want && (!differing || same_rule(have, want)))
			continue;
		removed += !want;
		*replaced += want != NULL;
		memcpy(id, have->id, sizeof(id));
		ruleset_remove(set, id);
	}
	return removed;
}

/*
 * Make the new set.  Rules that are changed one after the other keep their slots, but may
 * conflict on the way where the result does not (two rules that exchange names).  @strict
 * removes all rules that differ before it adds any.
 */
static int build(const struct control *c, const struct config *cfg, const struct rule **sorted,
		 bool replace, bool strict, size_t counts[static LOAD_COUNTS], struct ruleset **out,
		 struct complaint *cpl)
{
	struct ruleset *set = ruleset_clone(c->rules);
	size_t replaced = 0;
	int ret;

	memset(counts, 0, LOAD_COUNTS * sizeof(counts[0]));
	if (!set)
		return -ENOMEM;
	if (replace)
		counts[LOAD_REMOVED] = remove_others(set, sorted, cfg->n_rules, strict, &replaced);
	ret = add_all(set, cfg, replace, counts, cpl);
	if (ret < 0) {
		ruleset_free(set);
		return ret;
	}
	counts[LOAD_ADDED] -= replaced;
	counts[LOAD_REPLACED] += replaced;
	*out = set;
	return 0;
}

int control_settings_merge(struct control *c, const struct config *cfg, bool replace)
{
	size_t old = replace ? 0 : c->settings.n_ifaces;
	struct config_iface *all = calloc(old + cfg->n_ifaces + 1, sizeof(*all));
	size_t n = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < cfg->n_ifaces; i++)
		all[n++] = cfg->ifaces[i];
	for (size_t i = 0; i < old; i++) {
		if (!config_find_iface(cfg, c->settings.ifaces[i].name))
			all[n++] = c->settings.ifaces[i];
	}
	free(c->settings.ifaces);
	c->settings.ifaces = all;
	c->settings.n_ifaces = n;
	return 0;
}

static int check_pinning(const struct control *c, const struct config_iface *f,
			 struct complaint *cpl)
{
	char field[COMPLAINT_FIELD_MAX];

	for (unsigned i = 0; i < f->n_cpus; i++) {
		if ((unsigned)f->cpus[i] < c->cpus)
			continue;
		snprintf(field, sizeof(field), "pinning.%s[%u]", f->name, i);
		complain(cpl, field, "this host has no CPU %d", f->cpus[i]);
		return -EINVAL;
	}
	return 0;
}

/* Refuses a configuration that asks for something this host can never have. */
static int check_host(const struct control *c, const struct config *cfg, struct complaint *cpl)
{
	for (size_t i = 0; i < cfg->n_ifaces; i++) {
		int ret = check_pinning(c, &cfg->ifaces[i], cpl);

		if (ret < 0)
			return ret;
	}
	for (size_t i = 0; i < cfg->n_rules; i++) {
		int ret = control_check_outputs(c, &cfg->rules[i], cpl);

		if (ret < 0) {
			name_rule(cpl, i);
			return ret;
		}
	}
	return 0;
}

int control_load_check_paths(const struct control *c, const struct config *cfg,
			     struct complaint *cpl)
{
	for (size_t i = 0; i < cfg->n_rules; i++) {
		if (control_kernel_fit_refuse(c, &cfg->rules[i], cpl) < 0) {
			name_rule(cpl, i);
			return -EINVAL;
		}
	}
	return 0;
}

int control_load_try(struct control *c, const struct config *cfg, bool replace,
		     size_t counts[static LOAD_COUNTS], struct ruleset **set, struct complaint *cpl)
{
	const struct rule **sorted = malloc((cfg->n_rules + 1) * sizeof(*sorted));
	struct complaint ignored = {0};
	int ret = control_wiring_update(c, cfg->rules, cfg->n_rules);

	if (ret == 0)
		ret = check_host(c, cfg, cpl);
	if (ret < 0 || !sorted) {
		free(sorted);
		return ret < 0 ? ret : -ENOMEM;
	}
	for (size_t i = 0; i < cfg->n_rules; i++)
		sorted[i] = &cfg->rules[i];
	qsort(sorted, cfg->n_rules, sizeof(*sorted), by_id);
	ret = build(c, cfg, sorted, replace, false, counts, set, replace ? &ignored : cpl);
	if (ret < 0 && replace)
		ret = build(c, cfg, sorted, true, true, counts, set, cpl);
	free(sorted);
	return ret;
}

int control_load(struct control *c, const struct config *cfg, bool replace,
		 size_t counts[static LOAD_COUNTS], struct complaint *cpl)
{
	struct ruleset *set = NULL;
	int ret = control_load_try(c, cfg, replace, counts, &set, cpl);

	if (ret == 0)
		ret = control_settings_merge(c, cfg, replace);
	if (ret < 0) {
		ruleset_free(set);
		return ret;
	}
	ruleset_free(c->rules);
	c->rules = set;
	if (counts[LOAD_ADDED] || counts[LOAD_REPLACED] || counts[LOAD_REMOVED])
		control_rules_changed(c);
	c->dirty = true; /* for the settings */
	return 0;
}

int control_load_check(struct control *c, const struct config *cfg, struct complaint *cpl)
{
	size_t counts[LOAD_COUNTS] = {0};
	struct ruleset *set = ruleset_new();
	int ret = check_host(c, cfg, cpl);

	if (ret == 0)
		ret = control_load_check_paths(c, cfg, cpl);
	if (ret == 0)
		ret = set ? control_wiring_update(c, cfg->rules, cfg->n_rules) : -ENOMEM;
	if (ret == 0 && c->wiring.n_names)
		ruleset_set_wiring(set, &c->wiring.wiring);
	if (ret == 0)
		ret = add_all(set, cfg, false, counts, cpl);
	ruleset_free(set);
	return ret;
}

char *control_config_part(const struct control *c, size_t first, size_t bytes, size_t *next)
{
	struct config cfg = {
		.workers = c->workers,
		.per_packet = c->per_packet,
		.busy_poll_us = c->busy_poll_us,
		.n_ifaces = c->settings.n_ifaces,
		.ifaces = c->settings.ifaces,
		.n_rules = ruleset_count(c->rules),
	};
	char *text;

	/* The rules stay the set's: this is a list of them, not a copy. */
	cfg.rules = calloc(cfg.n_rules + 1, sizeof(*cfg.rules));
	if (!cfg.rules)
		return NULL;
	for (size_t i = 0; i < cfg.n_rules; i++)
		cfg.rules[i] = ruleset_at(c->rules, i)->rule;
	text = config_format_part(&cfg, first, bytes, next);
	free(cfg.rules);
	return text;
}
