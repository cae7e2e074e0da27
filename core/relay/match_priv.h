/* SPDX-License-Identifier: MIT */
/* match_priv.h - inside of a worker's table, for core/relay/match*.c only */
#ifndef CORE_RELAY_MATCH_PRIV_H
#define CORE_RELAY_MATCH_PRIV_H

#include <stdint.h>

#include "core/relay/match.h"

struct index_entry {
	uint32_t source_be, group_be, iface;
	uint16_t port;
	struct match_rule *rule; /* NULL: the entry is free */
};

/**
 * struct match_table
 * @base:     generation of the whole snapshot that it was built from
 * @rules:    all of them, in any order; room for @room
 * @by_slot:  the same by their slots
 * @mask:     of the index
 * @hash_at:  the rule that is hashed next
 */
struct match_table {
	uint64_t generation, base;
	uint64_t hash;
	uint32_t hash_at;
	uint32_t n_rules, room;
	uint32_t mask;
	uint32_t source_specific;
	struct limit_page *limits;
	struct match_rule **rules;
	struct match_rule **by_slot;
	/* Outputs as snapshot_hash_rule() takes them are scattered through a rule's. */
	struct snapshot_output *hash_scratch;
	struct index_entry *index;
};

/* The index (match.c). */

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
