/* SPDX-License-Identifier: MIT */
/*
 * loop.h - rules that are held because what they send comes back to them
 *
 * There are two causes.  The wiring of this host has changed since rules were added, so that
 * some close a circle now: control publishes them as looping.  Or datagrams come back over
 * another relay: a worker's storm guard (core/relay/guard.h) reports it in its status page.
 */
#ifndef DAEMON_CONTROL_LOOP_H
#define DAEMON_CONTROL_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/rules/rule.h"

struct control;
struct ruleset_entry;

/* Before a publication: look for circles if wiring or rules have changed. */
void control_loop_update(struct control *c);

/* Log the rules that workers' guards have held since the last call; no kernel path for them. */
void control_loop_check(struct control *c, uint64_t now_ns);

/* Does the rule in that slot close a circle? */
bool control_loop_closes(const struct control *c, uint32_t slot);

/*
 * The state of a rule in the set: looping, or as control_rule_state() says.  @reason: as there.
 * @now_ns 0: for a publication; ignores the workers' guards.
 */
enum rule_state control_entry_state(const struct control *c, const struct ruleset_entry *e,
				    uint64_t now_ns, char *reason);

#endif
