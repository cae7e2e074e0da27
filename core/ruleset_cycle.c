// SPDX-License-Identifier: MIT
/*
 * ruleset_cycle.c - would a rule make the set relay in a circle?
 *
 * The set has no cycle before, so a new one goes through the new rule: follow its
 * outputs to the rules that take them, and theirs, until an output feeds the new
 * rule's own input.  An output feeds an input when interface, group and port are
 * equal.  The source is left out: what a relay sends carries the relay's address,
 * which may be the very source that a rule asks for.
 *
 * Breadth first, so that the circle that is named is the shortest.  Every entry is
 * looked at once and the marks lie in the entries, so the walk needs no memory, and
 * for the usual rule, whose outputs feed nobody, it is one lookup per output.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/complaint.h"
#include "core/ruleset_priv.h"

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

	for (struct ruleset_node *n = last; n != NULL; n = n->parent) {
		n->pending = next;
		next = n;
	}
	return next;
}

/*
 * A reason holds about five hops; of a longer circle the first ones are written and
 * the number of the others.
 */
static void complain_cycle(struct complaint *c, const struct rule *rule, struct ruleset_node *last)
{
	const size_t tail = sizeof("... (16384 more) -> ") + HOP_MAX;
	struct ruleset_node *first = path_in_order(last);
	char path[COMPLAINT_REASON_MAX - sizeof("relays in a circle: ")];
	char field[COMPLAINT_FIELD_MAX];
	char start[HOP_MAX], hop[HOP_MAX];
	unsigned i = 0, left_out = 0;
	size_t len;

	while (!ruleset_feeds(&rule->outputs[i], &first->entry.rule.input))
		i++;
	snprintf(field, sizeof(field), "outputs[%u]", i);

	format_hop(start, &rule->input);
	len = (size_t)snprintf(path, sizeof(path), "%s", start);
	for (struct ruleset_node *n = first; n != NULL; n = n->pending) {
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
 * Entries that take what @out sends join the queue.  They were all reached together,
 * so one that was met before means that all were.
 */
static void reach(struct ruleset *s, struct queue *q, const struct rule_output *out,
		  struct ruleset_node *parent, const struct ruleset_node *leaves)
{
	struct ruleset_node *n;

	for (n = ruleset_fed_by(s, out); n != NULL; n = ruleset_fed_next(n, out)) {
		if (n == leaves)
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

int ruleset_check_cycle(struct ruleset *s, const struct rule *rule,
			const struct ruleset_node *leaves, struct complaint *c)
{
	struct queue q = {.end = &q.first};

	s->walks++;
	for (unsigned i = 0; i < rule->n_outputs; i++)
		reach(s, &q, &rule->outputs[i], NULL, leaves);
	for (struct ruleset_node *n = q.first; n != NULL; n = n->pending) {
		const struct rule *r = &n->entry.rule;

		for (unsigned i = 0; i < r->n_outputs; i++) {
			if (ruleset_feeds(&r->outputs[i], &rule->input)) {
				complain_cycle(c, rule, n);
				return -ELOOP;
			}
			reach(s, &q, &r->outputs[i], n, leaves);
		}
	}
	return 0;
}
