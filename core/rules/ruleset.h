/* SPDX-License-Identifier: MIT */
/*
 * ruleset.h - the authoritative set of rules
 *
 * Control owns the only one.  Each rule gets, for as long as it stays, a rule
 * slot and one output slot per output: indices into the tables of counters that
 * workers keep in shared memory.  A slot that is freed may be used again by a
 * later rule or output; the incarnation, which never repeats, tells the two apart.
 */
#ifndef CORE_RULES_RULESET_H
#define CORE_RULES_RULESET_H

#include <stddef.h>
#include <stdint.h>

#include "core/rules/ruleset_entry.h"

struct complaint;
struct wiring;

struct ruleset; /* on the heap; callers do not see its members */

struct ruleset *ruleset_new(void); /* NULL: out of memory */
void ruleset_free(struct ruleset *s);

enum ruleset_result { RULESET_UNCHANGED, RULESET_ADDED, RULESET_REPLACED };

/**
 * ruleset_add() - add a rule, or replace the one with the same input or id
 * @s:       the set
 * @rule:    borrowed, copied; an empty id is filled in by rule_make_id()
 * @replace: whether a rule with the same id or input but other outputs gives way
 * @out:     filled with the entry in the set when not negative; may be NULL
 * @c:       filled with field and reason when refused
 *
 * Adding the same rule twice changes nothing and succeeds.  A replaced rule keeps
 * its place and slot.  With the same input it also keeps its incarnation, and so do its
 * outputs to the same interface, group and port: their counters go on.  With another input all
 * counters start again.
 *
 * Return: an enum ruleset_result; -EINVAL (rule_check()); -EEXIST when the id or the
 * input is that of a rule that differs, which @replace would replace; -ENOTUNIQ when the
 * name is another rule's, or id and input belong to two different rules; -ELOOP when the
 * set would relay in a circle, the reason names every hop; -ENOSPC when a limit is
 * reached; -ENOMEM.
 */
int ruleset_add(struct ruleset *s, const struct rule *rule, bool replace,
		const struct ruleset_entry **out, struct complaint *c);

/*
 * ruleset_put() - the same without the search for circles, whose time grows with the rules
 * downstream; for many rules, followed by one ruleset_check_circles()
 */
int ruleset_put(struct ruleset *s, const struct rule *rule, bool replace,
		const struct ruleset_entry **out, struct complaint *c);

/*
 * Where what is sent comes back: @w is borrowed until another one is set or the set is
 * freed, also by clones.  NULL, as in a new set: only the loopback device is known.
 */
void ruleset_set_wiring(struct ruleset *s, const struct wiring *w);

/* Return: 0 or -ENOENT. */
int ruleset_remove(struct ruleset *s, const char *id);

/*
 * Entries in the order in which they were added; valid until the next change.
 * Lookups by id, name and input are O(1): 10,000 rules are normal.
 */
size_t ruleset_count(const struct ruleset *s);

/*
 * A number that every change makes another one, never 0.  A reader that takes the entries in parts
 * sees by it that the set has changed in between.  Of a set that was restored it begins with the
 * incarnation that ruleset_restored() was given.
 */
uint64_t ruleset_revision(const struct ruleset *s);
const struct ruleset_entry *ruleset_at(const struct ruleset *s, size_t i);

/* A deep copy with the same slots and incarnations: all-or-nothing edits work on it. */
struct ruleset *ruleset_clone(const struct ruleset *s);

#endif
