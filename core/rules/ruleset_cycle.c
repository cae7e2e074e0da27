// SPDX-License-Identifier: MIT
/*
 * ruleset_cycle.c - does the set relay in a circle?
 *
 * An output feeds an input when what it sends arrives there (wiring.h), for the same
 * group and port.  The source is left out: what a relay sends carries the relay's address,
 * which may be the very source that a rule asks for.  Entries that differ in the source
 * only are one target, and every output leads to targets.
 *
 * One rule: a circle that it closes goes through it.  Follow its outputs to the rules that
 * take them, and theirs, until an output feeds the rule's own input; breadth first, so
 * that the circle that is named is the shortest.
 *
 * All rules: depth first, from the oldest on.  An output that leads to a target which is
 * still being looked at closes a circle, and without its rule there is none.
 *
 * Either way every target and every output is looked at once and the marks lie in the
 * entries, so a walk needs no memory and is linear: for a set of 16,384 rules some
 * milliseconds.
 */
#include "core/rules/ruleset_cycle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/complaint.h"
#include "core/rules/ruleset_index.h"
#include "core/rules/ruleset_state.h"
#include "core/rules/wiring.h"

#define HOP_MAX (MCR_IFNAME_MAX + ADDR_TEXT_MAX + sizeof(" :65535 -> "))

static void format_hop(char hop[static HOP_MAX], const struct rule_input *in)
{
	char text[ADDR_TEXT_MAX];

	snprintf(hop, HOP_MAX, "%s %s:%u -> ", in->interface, addr_format(&in->group, text),
		 in->port);
}

/* Links the path from the new rule to @last in order, through @pending. */
static struct ruleset_node *path_in_order(struct ruleset_node *last)
{
	struct ruleset_node *next = NULL;

	for (struct ruleset_node *n = last; n; n = n->parent) {
		n->pending = next;
		next = n;
	}
	return next;
}

/*
 * @last: the entry that feeds @rule, NULL: @rule feeds itself
 *
 * A reason holds about five hops; of a longer circle the first ones are written and
 * the number of the others.
 */
static void complain_cycle(const struct ruleset *s, struct complaint *c, const struct rule *rule,
			   struct ruleset_node *last)
{
	const size_t tail = sizeof("... (16384 more) -> ") + HOP_MAX;
	struct ruleset_node *first = path_in_order(last);
	char path[COMPLAINT_REASON_MAX - sizeof("relays in a circle: ")];
	char field[COMPLAINT_FIELD_MAX];
	char start[HOP_MAX], hop[HOP_MAX];
	unsigned i = 0, left_out = 0;
	size_t len;

	while (!ruleset_feeds(s, &rule->outputs[i],
			      first ? &first->entry.rule.input : &rule->input))
		i++;
	snprintf(field, sizeof(field), "outputs[%u]", i);

	format_hop(start, &rule->input);
	len = (size_t)snprintf(path, sizeof(path), "%s", start);
	for (struct ruleset_node *n = first; n; n = n->pending) {
		format_hop(hop, &n->entry.rule.input);
		if (left_out > 0 || len + strlen(hop) + tail > sizeof(path))
			left_out++;
		else
			len += (size_t)snprintf(path + len, sizeof(path) - len, "%s", hop);
	}
	if (left_out > 0)
		len += (size_t)snprintf(path + len, sizeof(path) - len, "... (%u more) -> ",
					left_out);
	start[strlen(start) - strlen(" -> ")] = '\0';
	complain(c, field, "relays in a circle: %s%s", path, start);
}

/* Entries that are reached and not yet looked at, oldest first. */
struct queue {
	struct ruleset_node *first;
	struct ruleset_node **end;
};

/*
 * Entries that take what @out sends at @interface join the queue.  They are always reached
 * together, so if one has been met before, all have.
 */
static void reach_at(struct ruleset *s, struct queue *q, const char *interface,
		     const struct rule_output *out, struct ruleset_node *parent,
		     const struct ruleset_node *replaced)
{
	struct ruleset_node *n = ruleset_fed_by(s, interface, out);

	for (; n; n = ruleset_fed_next(n)) {
		if (n == replaced)
			continue;
		if (n->walk == s->walks)
			return;
		n->walk = s->walks;
		n->parent = parent;
		n->pending = NULL;
		*q->end = n;
		q->end = &n->pending;
	}
}

static void reach(struct ruleset *s, struct queue *q, const struct rule_output *out,
		  struct ruleset_node *parent, const struct ruleset_node *replaced)
{
	const char *name;

	for (size_t i = 0; (name = wiring_arrival(s->wiring, out, i)); i++)
		reach_at(s, q, name, out, parent, replaced);
}

int ruleset_check_cycle(struct ruleset *s, const struct rule *rule,
			const struct ruleset_node *replaced, struct complaint *c)
{
	struct queue q = {.end = &q.first};

	s->walks++;
	for (unsigned i = 0; i < rule->n_outputs; i++) {
		if (ruleset_feeds(s, &rule->outputs[i], &rule->input)) {
			complain_cycle(s, c, rule, NULL);
			return -ELOOP;
		}
		reach(s, &q, &rule->outputs[i], NULL, replaced);
	}
	for (struct ruleset_node *n = q.first; n; n = n->pending) {
		const struct rule *r = &n->entry.rule;

		for (unsigned i = 0; i < r->n_outputs; i++) {
			if (ruleset_feeds(s, &r->outputs[i], &rule->input)) {
				complain_cycle(s, c, rule, n);
				return -ELOOP;
			}
			reach(s, &q, &r->outputs[i], n, replaced);
		}
	}
	return 0;
}

/* --- all rules --- */

static void next_rule(struct ruleset_node *target)
{
	target->at = ruleset_fed_next(target->at);
	target->output = 0;
	target->arrival = 0;
}

/* The next target that a rule with the target @t feeds, NULL when all have been looked at. */
static struct ruleset_node *next_target(const struct ruleset *s, struct ruleset_node *t)
{
	for (; t->at; next_rule(t)) {
		const struct rule *r = &t->at->entry.rule;

		for (; t->output < r->n_outputs; t->output++, t->arrival = 0) {
			const struct rule_output *o = &r->outputs[t->output];
			const char *name;

			while ((name = wiring_arrival(s->wiring, o, t->arrival))) {
				struct ruleset_node *fed = ruleset_fed_by(s, name, o);

				t->arrival++;
				if (fed)
					return fed;
			}
		}
	}
	return NULL;
}

/* @from: the target from which it was reached, NULL: it is the first */
static void open_target(struct ruleset *s, struct ruleset_node *t, struct ruleset_node *from)
{
	t->walk = s->walks;
	t->open = true;
	t->parent = from;
	t->at = t;
	t->output = 0;
	t->arrival = 0;
}

/* Of the entries on the way from @first to the one that closes the circle, in @last. */
static struct ruleset_node *newest_on_circle(const struct ruleset_node *first,
					     const struct ruleset_node *last)
{
	struct ruleset_node *newest = last->at;

	for (const struct ruleset_node *t = last; t != first;) {
		t = t->parent;
		if (t->at->entry.incarnation > newest->entry.incarnation)
			newest = t->at;
	}
	return newest;
}

/**
 * struct search - a walk over all rules
 * @fn, @ctx: told each entry that closes a circle; NULL: the first one ends the walk
 * @newest:   the newest entry of the first circle
 */
struct search {
	ruleset_each_fn *fn;
	void *ctx;
	struct ruleset_node *newest;
	size_t circles;
};

static void walk_from(struct ruleset *s, struct ruleset_node *t, struct search *found)
{
	struct ruleset_node *fed;

	open_target(s, t, NULL);
	while (t) {
		fed = next_target(s, t);
		if (!fed) {
			t->open = false;
			t = t->parent;
		} else if (fed->walk != s->walks) {
			open_target(s, fed, t);
			t = fed;
		} else if (fed->open) {
			if (found->circles++ == 0)
				found->newest = newest_on_circle(fed, t);
			if (!found->fn)
				return;
			found->fn(found->ctx, &t->at->entry);
			next_rule(t);
		}
	}
}

static void search(struct ruleset *s, struct search *found)
{
	s->walks++;
	for (size_t i = 0; i < s->count; i++) {
		struct ruleset_node *t = ruleset_by_target(s, &s->order[i]->entry.rule.input);

		if (t && t->walk != s->walks)
			walk_from(s, t, found);
		if (found->circles > 0 && !found->fn)
			return;
	}
}

size_t ruleset_circles(struct ruleset *s, ruleset_each_fn *fn, void *ctx)
{
	struct search found = {.fn = fn, .ctx = ctx};

	search(s, &found);
	return found.circles;
}

int ruleset_check_circles(struct ruleset *s, const struct ruleset_entry **newest,
			  struct complaint *c)
{
	struct search found = {0};

	search(s, &found);
	if (found.circles == 0)
		return 0;
	*newest = &found.newest->entry;
	ruleset_check_cycle(s, &found.newest->entry.rule, found.newest, c);
	return -ELOOP;
}

int ruleset_name_circle(struct ruleset *s, const struct ruleset_entry *e, struct complaint *c)
{
	const struct ruleset_node *node = ruleset_by_id(s, e->rule.id);

	return ruleset_check_cycle(s, &node->entry.rule, node, c);
}
