/* SPDX-License-Identifier: MIT */
/*
 * rule_change.h - one rule more or less, without a look at the others
 *
 * control_reconcile() compares everything that should be with everything that is, and its
 * cost grows with the number of rules.  A rule that is added or removed, or gets other outputs,
 * next to others on the same interfaces concerns nobody else: what it needs is counted, and the
 * steps of reconcile.h are done for it alone.  The same holds for outputs that routes or neighbours
 * hold, or do not hold any more.  Where more than that is at stake (an interface that is not
 * open yet, or that loses its last rule; a circle; too many changes at once), control->dirty asks
 * for control_reconcile() instead.
 */
#ifndef DAEMON_CONTROL_RULE_CHANGE_H
#define DAEMON_CONTROL_RULE_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/rules/ruleset_entry.h"

struct control;

/* @e has been added to the set. */
void control_rule_added(struct control *c, const struct ruleset_entry *e);

/* @e is about to be removed from the set. */
void control_rule_removed(struct control *c, const struct ruleset_entry *e);

/**
 * struct rule_before - a rule that is about to be replaced
 * @entry: a copy; its slot is that of the rule that takes its place
 * @there: there is one
 */
struct rule_before {
	struct ruleset_entry entry;
	bool there;
};

/* Of the rule with the id or input of @r.  control_rule_forget() it in any case. */
void control_rule_remember(const struct control *c, const struct rule *r, struct rule_before *b);
void control_rule_forget(struct rule_before *b);

/* @e has been replaced; @b is from before that. */
void control_rule_replaced(struct control *c, const struct rule_before *b,
			   const struct ruleset_entry *e);

/* Call it when routes or neighbours have changed the hold of an output. */
void control_holds_changed(struct control *c);

/* Is control_rule_changes() to be called? */
bool control_rule_changes_due(const struct control *c);

/**
 * control_rule_changes() - act on the changes that were noted
 *
 * Not while c->dirty; it may be set instead of some of the work.
 * Return: 0; -ENOMEM or another negative errno of memfd_create(2): c->dirty is set then.
 */
int control_rule_changes(struct control *c, uint64_t now_ns);

#endif
