/* SPDX-License-Identifier: MIT */
/*
 * change.h - what must follow when something has changed or was refused
 */
#ifndef DAEMON_CONTROL_CHANGE_H
#define DAEMON_CONTROL_CHANGE_H

#include "daemon/control/state.h"

/* Found by a reconcile itself, or before one that comes anyway: it publishes at its end. */
static inline void control_publish_due(struct control *c)
{
	c->rec.publish = true;
}

/* The rules or interfaces of the workers have changed: the next reconcile publishes them. */
static inline void control_rules_changed(struct control *c)
{
	control_publish_due(c);
	c->dirty = true;
}

/* The record of the rule in the slot is to be published, or that it has gone. */
static inline void control_rule_note(struct control *c, uint32_t slot)
{
	struct control_rule_changes *ch = &c->changes;

	if (ch->n_slots == RULE_CHANGES_MAX)
		control_rules_changed(c);
	else
		ch->slots[ch->n_slots++] = slot;
}

/* Workers are to build their tables anew: the next publication has all rules. */
static inline void control_rules_republish(struct control *c)
{
	c->pub.whole = 0;
	control_rules_changed(c);
}

/* Something was refused: a reconcile tries it again, within a second. */
static inline void control_retry_later(struct control *c)
{
	c->rec.failed = true;
}

#endif
