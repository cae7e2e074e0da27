// SPDX-License-Identifier: MIT
/*
 * ruleset.c - add, replace and remove rules
 *
 * ruleset_add() first answers every question that may refuse the rule, then gets the
 * memory, and changes the set last, where nothing can fail any more: a refused rule
 * leaves no trace.
 */
#include "core/rules/ruleset.h"

#include "core/rules/ruleset_cycle.h"
#include "core/rules/ruleset_ifaces.h"
#include "core/rules/ruleset_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bitset.h"
#include "core/base/complaint.h"
#include "core/rules/ruleset_state.h"

struct ruleset *ruleset_new(void)
{
	struct ruleset *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->revision = 1;
	if (slot_pool_init(&s->rule_slots, MCR_MAX_RULES) < 0 ||
	    slot_pool_init(&s->output_slots, MCR_MAX_OUTPUTS) < 0) {
		ruleset_free(s);
		return NULL;
	}
	return s;
}

static void node_free(struct ruleset_node *node)
{
	if (!node)
		return;
	rule_fini(&node->entry.rule);
	free(node->entry.output_slots);
	free(node->entry.output_incarnations);
	free(node);
}

/* Return: a node with a copy of @rule and unfilled slots of its outputs; NULL: out of memory. */
static struct ruleset_node *node_new(const struct rule *rule)
{
	struct ruleset_node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->entry.output_slots = calloc(rule->n_outputs, sizeof(*node->entry.output_slots));
	node->entry.output_incarnations =
		calloc(rule->n_outputs, sizeof(*node->entry.output_incarnations));
	if (!node->entry.output_slots || !node->entry.output_incarnations ||
	    rule_copy(&node->entry.rule, rule) < 0) {
		node_free(node);
		return NULL;
	}
	return node;
}

void ruleset_free(struct ruleset *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++)
		node_free(s->order[i]);
	slot_pool_fini(&s->rule_slots);
	slot_pool_fini(&s->output_slots);
	free(s);
}

/*
 * Finds the entry that @want is about: the one with its id or its input.  An empty id
 * becomes that of the rule with the same input, or a made one.
 */
static int find_place(const struct ruleset *s, struct rule *want, struct ruleset_node **place,
		      struct complaint *c)
{
	struct ruleset_node *same_input = ruleset_by_input(s, &want->input);
	struct ruleset_node *same_id;
	bool id_given = want->id[0] != '\0';

	if (!id_given && same_input)
		memcpy(want->id, same_input->entry.rule.id, sizeof(want->id));
	else if (!id_given)
		rule_make_id(want);
	same_id = ruleset_by_id(s, want->id);

	/* An id that was made here is no request to replace another rule that has it. */
	if (same_id && same_id != same_input && (same_input || !id_given)) {
		complain(c, "id", "%s belongs to another rule, with another input", want->id);
		return -ENOTUNIQ;
	}
	*place = same_id ? same_id : same_input;
	return 0;
}

/* Is @want the rule that is there?  Without @replace any name matches one that was not given. */
static bool unchanged(const struct rule *have, const struct rule *want, bool replace)
{
	bool same_name = strcmp(have->name, want->name) == 0 || (!replace && want->name[0] == '\0');

	return same_name && strcmp(have->id, want->id) == 0 &&
	       rule_same_input(&have->input, &want->input) && rule_same_action(have, want);
}

/* Says in what @want differs from the rule that is there; only @replace may change it. */
static int refuse_to_replace(const struct rule *have, const struct rule *want, struct complaint *c)
{
	if (!rule_same_input(&have->input, &want->input))
		complain(c, "id", "%s is taken by a rule with another input", have->id);
	else if (strcmp(have->id, want->id) != 0)
		complain(c, "input", "is taken by rule %s", have->id);
	else if (!rule_same_action(have, want))
		complain(c, "input", "is taken by rule %s, which has other outputs or settings",
			 have->id);
	else
		complain(c, "name", "rule %s has another name: \"%s\"", have->id, have->name);
	return -EEXIST;
}

static int check_name(const struct ruleset *s, const struct rule *want,
		      const struct ruleset_node *place, struct complaint *c)
{
	const struct ruleset_node *other;

	other = want->name[0] != '\0' ? ruleset_by_name(s, want->name) : NULL;
	if (!other || other == place)
		return 0;
	complain(c, "name", "\"%s\" is taken by rule %s", want->name, other->entry.rule.id);
	return -ENOTUNIQ;
}

static int check_room(const struct ruleset *s, const struct rule *want,
		      const struct ruleset_node *place, struct complaint *c)
{
	uint32_t outputs = slot_pool_available(&s->output_slots);

	if (place)
		outputs += place->entry.rule.n_outputs;
	else if (s->count == MCR_MAX_RULES) {
		complain(c, "", "there are %d rules already, the most there can be", MCR_MAX_RULES);
		return -ENOSPC;
	}
	if (want->n_outputs > outputs) {
		complain(c, "outputs", "all rules together can have %d outputs, %u are left",
			 MCR_MAX_OUTPUTS, outputs);
		return -ENOSPC;
	}
	return 0;
}

/* The last check that may refuse a rule.  The interfaces of @place are given back first. */
static int exchange_ifaces(struct ruleset *s, const struct ruleset_node *place,
			   const struct rule *want, struct complaint *c)
{
	if (place)
		ruleset_leave_ifaces(s, &place->entry.rule);
	if (ruleset_use_ifaces(s, want) == 0)
		return 0;
	if (place)
		ruleset_use_ifaces(s, &place->entry.rule); /* cannot fail: they fitted before */
	complain(c, "", "the rules would name more than %d interfaces", MCR_MAX_IFACES);
	return -ENOSPC;
}

static void append(struct ruleset *s, struct ruleset_node *node)
{
	struct ruleset_entry *e = &node->entry;

	e->incarnation = ++s->last_incarnation;
	e->slot = slot_pool_take(&s->rule_slots);
	for (unsigned i = 0; i < e->rule.n_outputs; i++) {
		e->output_slots[i] = slot_pool_take(&s->output_slots);
		e->output_incarnations[i] = e->incarnation;
	}
	s->order[s->count++] = node;
	ruleset_link(s, node);
}

/*
 * Outputs that both have keep their slots and counters.  New ones get slots, and those of outputs
 * that only @before has are freed.
 */
static void inherit_outputs(struct ruleset *s, struct ruleset_entry *e,
			    const struct ruleset_entry *before)
{
	const uint64_t fresh = ++s->last_incarnation;
	uint64_t kept[MCR_MAX_RULE_OUTPUTS / 64] = {0};

	for (unsigned i = 0; i < e->rule.n_outputs; i++) {
		const int was = rule_find_output(&before->rule, &e->rule.outputs[i]);

		e->output_slots[i] = MCR_NO_SLOT;
		e->output_incarnations[i] = fresh;
		if (was < 0)
			continue;
		bitset_add(kept, (uint32_t)was);
		e->output_slots[i] = before->output_slots[was];
		e->output_incarnations[i] = before->output_incarnations[was];
	}
	for (unsigned i = 0; i < before->rule.n_outputs; i++)
		if (!bitset_has(kept, i))
			slot_pool_put(&s->output_slots, before->output_slots[i]);
	for (unsigned i = 0; i < e->rule.n_outputs; i++)
		if (e->output_slots[i] == MCR_NO_SLOT)
			e->output_slots[i] = slot_pool_take(&s->output_slots);
}

/* With another input everything is counted from the beginning. */
static void renew_outputs(struct ruleset *s, struct ruleset_entry *e,
			  const struct ruleset_entry *before)
{
	unsigned i;

	e->incarnation = ++s->last_incarnation;
	for (i = 0; i < e->rule.n_outputs && i < before->rule.n_outputs; i++)
		e->output_slots[i] = before->output_slots[i];
	for (unsigned j = i; j < before->rule.n_outputs; j++)
		slot_pool_put(&s->output_slots, before->output_slots[j]);
	for (; i < e->rule.n_outputs; i++)
		e->output_slots[i] = slot_pool_take(&s->output_slots);
	for (i = 0; i < e->rule.n_outputs; i++)
		e->output_incarnations[i] = e->incarnation;
}

/* @old keeps its place and slot and gets the rule of @fresh; @fresh is freed with the old rule. */
static void replace_content(struct ruleset *s, struct ruleset_node *old, struct ruleset_node *fresh)
{
	struct ruleset_entry before = old->entry;
	struct ruleset_entry *e = &fresh->entry;

	ruleset_unlink(s, old);
	e->slot = before.slot;
	e->incarnation = before.incarnation;
	if (rule_same_input(&before.rule.input, &e->rule.input))
		inherit_outputs(s, e, &before);
	else
		renew_outputs(s, e, &before);
	old->entry = fresh->entry;
	fresh->entry = before;
	ruleset_link(s, old);
}

static int commit(struct ruleset *s, const struct rule *want, struct ruleset_node **place,
		  struct complaint *c)
{
	struct ruleset_node *node = node_new(want);
	int ret;

	if (!node) {
		complain(c, "", "out of memory");
		return -ENOMEM;
	}
	ret = exchange_ifaces(s, *place, want, c);
	if (ret < 0) {
		node_free(node);
		return ret;
	}
	s->revision++;
	if (!*place) {
		append(s, node);
		*place = node;
		return RULESET_ADDED;
	}
	replace_content(s, *place, node);
	node_free(node);
	return RULESET_REPLACED;
}

static int add(struct ruleset *s, const struct rule *rule, bool replace, bool may_circle,
	       const struct ruleset_entry **out, struct complaint *c)
{
	struct ruleset_node *place = NULL;
	struct rule want = *rule; /* shares the outputs, which stay the caller's */
	int ret;

	ret = rule_check(rule, c);
	if (ret == 0)
		ret = find_place(s, &want, &place, c);
	if (ret < 0)
		return ret;
	if (place && unchanged(&place->entry.rule, &want, replace)) {
		if (out)
			*out = &place->entry;
		return RULESET_UNCHANGED;
	}
	if (place && !replace)
		return refuse_to_replace(&place->entry.rule, &want, c);
	ret = check_name(s, &want, place, c);
	if (ret == 0)
		ret = check_room(s, &want, place, c);
	if (ret == 0 && !may_circle && !want.disabled)
		ret = ruleset_check_cycle(s, &want, place, c);
	if (ret == 0)
		ret = commit(s, &want, &place, c);
	if (ret >= 0 && out)
		*out = &place->entry;
	return ret;
}

int ruleset_add(struct ruleset *s, const struct rule *rule, bool replace,
		const struct ruleset_entry **out, struct complaint *c)
{
	return add(s, rule, replace, false, out, c);
}

int ruleset_put(struct ruleset *s, const struct rule *rule, bool replace,
		const struct ruleset_entry **out, struct complaint *c)
{
	return add(s, rule, replace, true, out, c);
}

void ruleset_set_wiring(struct ruleset *s, const struct wiring *w)
{
	s->wiring = w;
}

int ruleset_remove(struct ruleset *s, const char *id)
{
	struct ruleset_node *node = ruleset_by_id(s, id);
	const struct ruleset_entry *e;
	size_t i = 0;

	if (!node)
		return -ENOENT;
	e = &node->entry;
	while (s->order[i] != node)
		i++;
	s->revision++;
	s->count--;
	memmove(&s->order[i], &s->order[i + 1], (s->count - i) * sizeof(s->order[0]));
	ruleset_unlink(s, node);
	ruleset_leave_ifaces(s, &e->rule);
	slot_pool_put(&s->rule_slots, e->slot);
	for (unsigned k = 0; k < e->rule.n_outputs; k++)
		slot_pool_put(&s->output_slots, e->output_slots[k]);
	node_free(node);
	return 0;
}

size_t ruleset_count(const struct ruleset *s)
{
	return s->count;
}

uint64_t ruleset_revision(const struct ruleset *s)
{
	return s->revision;
}

const struct ruleset_entry *ruleset_at(const struct ruleset *s, size_t i)
{
	return &s->order[i]->entry;
}

struct ruleset *ruleset_clone(const struct ruleset *s)
{
	struct ruleset *to = calloc(1, sizeof(*to));

	if (!to)
		return NULL;
	if (slot_pool_copy(&to->rule_slots, &s->rule_slots) < 0 ||
	    slot_pool_copy(&to->output_slots, &s->output_slots) < 0)
		goto fail;
	memcpy(to->ifaces, s->ifaces, sizeof(to->ifaces));
	to->wiring = s->wiring;
	to->last_incarnation = s->last_incarnation;
	to->revision = s->revision;
	for (size_t i = 0; i < s->count; i++) {
		const struct ruleset_entry *e = &s->order[i]->entry;
		struct ruleset_node *node = node_new(&e->rule);

		if (!node)
			goto fail;
		node->entry.slot = e->slot;
		node->entry.incarnation = e->incarnation;
		memcpy(node->entry.output_slots, e->output_slots,
		       e->rule.n_outputs * sizeof(e->output_slots[0]));
		memcpy(node->entry.output_incarnations, e->output_incarnations,
		       e->rule.n_outputs * sizeof(e->output_incarnations[0]));
		to->order[to->count++] = node;
		ruleset_link(to, node);
	}
	return to;
fail:
	ruleset_free(to);
	return NULL;
}
