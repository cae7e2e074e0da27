/* SPDX-License-Identifier: MIT */
/*
 * snapshot.h - the rules as records of a snapshot for the workers, and back
 */
#ifndef DAEMON_CONTROL_SNAPSHOT_H
#define DAEMON_CONTROL_SNAPSHOT_H

#include <stdint.h>

#include "core/base/limits.h"
#include "core/rules/snapshot.h"

struct control;
struct ruleset_entry;

/**
 * control_snapshot_rule() - the records of a rule and its outputs, as they are now
 * @e: resolved (rule_change.h)
 */
void control_snapshot_rule(const struct control *c, const struct ruleset_entry *e,
			   struct snapshot_rule *rule,
			   struct snapshot_output outputs[static MCR_MAX_RULE_OUTPUTS]);

/* The records of all interfaces that have a slot.  Return: how many. */
uint32_t control_snapshot_ifaces(const struct control *c,
				 struct snapshot_iface ifaces[static MCR_MAX_IFACES]);

/**
 * control_restore() - take rules, slots and generation from the last snapshot
 * @fd:         of the whole one: sealed memfd, borrowed
 * @changes_fd: of its changes: the same, -1 for none
 *
 * Return: 0; -EBADMSG, -EPROTO for snapshots that cannot be; -ENOMEM; other negative errno.
 */
int control_restore(struct control *c, int fd, int changes_fd, uint64_t now_ns);

#endif
