/* SPDX-License-Identifier: MIT */
/* ruleset_index.h - rules by id, name, input and target */
#ifndef CORE_RULES_RULESET_INDEX_H
#define CORE_RULES_RULESET_INDEX_H

#include <stdbool.h>

#include "core/rules/ruleset_entry.h"

struct ruleset;
struct ruleset_node;

const struct ruleset_entry *ruleset_find_id(const struct ruleset *s, const char *id);
/* The rule with this interface, group, port and source. */
const struct ruleset_entry *ruleset_find_input(const struct ruleset *s,
					       const struct rule_input *in);
const struct ruleset_entry *ruleset_find_name(const struct ruleset *s, const char *name);
/* By its id, else by its name. */
const struct ruleset_entry *ruleset_find(const struct ruleset *s, const char *text);

/* --- for core/rules/ruleset*.c --- */

void ruleset_link(struct ruleset *s, struct ruleset_node *node);
void ruleset_unlink(struct ruleset *s, struct ruleset_node *node);
struct ruleset_node *ruleset_by_id(const struct ruleset *s, const char *id);
struct ruleset_node *ruleset_by_name(const struct ruleset *s, const char *name);
struct ruleset_node *ruleset_by_input(const struct ruleset *s, const struct rule_input *in);
/* First entry with the target of @in, which may be one with another source. */
struct ruleset_node *ruleset_by_target(const struct ruleset *s, const struct rule_input *in);
/*
 * First entry that takes what @out sends where it arrives at @interface, and the next one
 * with the same target.
 */
struct ruleset_node *ruleset_fed_by(const struct ruleset *s, const char *interface,
				    const struct rule_output *out);
struct ruleset_node *ruleset_fed_next(const struct ruleset_node *node);
/* Does @out send what @in takes, whatever the source? */
bool ruleset_feeds(const struct ruleset *s, const struct rule_output *out,
		   const struct rule_input *in);

#endif
