/* SPDX-License-Identifier: MIT */
/*
 * match.h - a worker's live table: which rule takes a datagram
 *
 * A whole snapshot makes a new table, which is swapped in between two batches.  A snapshot of
 * changes alters the table in use, also between two batches; its time depends on the number of
 * changes, not on the number of rules.
 *
 * The hash covers the records of the table itself, and leaves out a rule whose index
 * entry, destination or control messages no longer follow from its record: a damaged
 * table shows in its hash (drift).
 *
 * Most specific first: (interface, source, group, port), then (interface, any
 * source, group, port).
 */
#ifndef CORE_RELAY_MATCH_H
#define CORE_RELAY_MATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/relay/match_rule.h"

struct index_entry;
struct match_table;

/* The rule that takes it, or NULL. Addresses in network order, port in host order. */
struct match_rule *match_lookup(const struct match_table *t, uint32_t iface, uint32_t source_be,
				uint32_t group_be, uint16_t port);

/*
 * A rule that would take the datagram whose fragment this is: that of @port, or for port 0,
 * which a fragment other than the first shows, any of the group.
 */
struct match_rule *match_lookup_fragment(const struct match_table *t, uint32_t iface,
					 uint32_t source_be, uint32_t group_be, uint16_t port);

/* How many rules it has: those of its worker. */
uint32_t match_rules(const struct match_table *t);

/* Of the snapshot that it has taken last. */
uint64_t match_generation(const struct match_table *t);

/**
 * match_hash_step() - recompute the hash over the live table, a slice at a time
 * @t: table
 * @n: rules to cover in this step
 *
 * A pass over 10,000 rules at once would delay the datagrams behind it.
 *
 * Return: true when a pass is complete.
 */
bool match_hash_step(struct match_table *t, uint32_t n);

/* Sum over all rules, each as it was when it was covered last. */
uint64_t match_hash(const struct match_table *t);

/* --- for match_build.c --- */

/* For so many rules.  NULL: out of memory. */
struct index_entry *match_index_new(uint32_t rules, uint32_t *mask);
void match_index_add(struct match_table *t, struct match_rule *r, enum match_key key);
void match_index_remove(struct match_table *t, struct match_rule *r, enum match_key key);
/* Moves the entries to a larger index. */
void match_index_move(struct match_table *t, struct index_entry *index, uint32_t mask);

/* Fills what follows from the record: where to, and what travels with each message. */
void match_derive(struct match_output *o);

/* Of a rule as it lies there; one that is not sound is missing from the sum. */
uint64_t match_hash_of(const struct match_table *t, const struct match_rule *r);

#endif
