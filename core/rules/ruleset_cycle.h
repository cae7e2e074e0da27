/* SPDX-License-Identifier: MIT */
/* ruleset_cycle.h - find rules that relay in a circle */
#ifndef CORE_RULES_RULESET_CYCLE_H
#define CORE_RULES_RULESET_CYCLE_H

#include <stddef.h>

#include "core/rules/ruleset_entry.h"

struct complaint;
struct ruleset;
struct ruleset_node;

/**
 * ruleset_check_circles() - does the set relay in a circle?
 * @s:      only marks change; takes time proportional to the number of outputs
 * @newest: filled with the newest rule of a circle when there is one
 * @c:      names every hop of it
 *
 * Return: 0 or -ELOOP.
 */
int ruleset_check_circles(struct ruleset *s, const struct ruleset_entry **newest,
			  struct complaint *c);

typedef void ruleset_each_fn(void *ctx, const struct ruleset_entry *e);

/**
 * ruleset_circles() - find every rule that closes a circle
 * @s:  the set, which @fn may not change; takes time proportional to the number of outputs
 * @fn: called for rules without which the others relay in no circle
 *
 * Return: how many there are, 0 for a set without circles.
 */
size_t ruleset_circles(struct ruleset *s, ruleset_each_fn *fn, void *ctx);

/* Names the shortest circle through @e, in @c.  Return: -ELOOP; 0 when there is none. */
int ruleset_name_circle(struct ruleset *s, const struct ruleset_entry *e, struct complaint *c);

/**
 * ruleset_check_cycle() - would @rule make the set relay in a circle?
 * @s:      only the marks of the walk change; circles without @rule are not looked for
 * @rule:   borrowed, passed rule_check()
 * @replaced: entry that @rule replaces, NULL for none
 * @c:      names every hop
 *
 * Return: 0 or -ELOOP.
 */
int ruleset_check_cycle(struct ruleset *s, const struct rule *rule,
			const struct ruleset_node *replaced, struct complaint *c);

#endif
