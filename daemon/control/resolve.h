/* SPDX-License-Identifier: MIT */
/*
 * resolve.h - what a rule needs: its interfaces, membership, destinations, egress sockets
 *
 * A rule's names are looked up once, when it is resolved.  It keeps its slots until links,
 * workers or settings change; then all rules are resolved anew.
 */
#ifndef DAEMON_CONTROL_RESOLVE_H
#define DAEMON_CONTROL_RESOLVE_H

#include <stdbool.h>

struct control;
struct ruleset_entry;

/* Resolve all rules; what no rule needs has no user afterwards.  Return: 0; -ENOMEM. */
int control_resolve_all(struct control *c);

/**
 * control_resolve() - resolve one rule more, and count what it needs
 *
 * Return: 0; -ENOMEM.
 */
int control_resolve(struct control *c, const struct ruleset_entry *e);

/*
 * control_resolve_outputs() - the same for a rule that is resolved and has other outputs now
 *
 * The needs of its earlier outputs are not counted any more.  Return: 0; -ENOMEM.
 */
int control_resolve_outputs(struct control *c, const struct ruleset_entry *e);

/* An input is about to be served by other workers: which serve each rule meanwhile? */
void control_resolve_workers(struct control *c);

/* Is the rule resolved?  Replacing a rule makes another one, which is not. */
bool control_is_resolved(const struct control *c, const struct ruleset_entry *e);

#endif
