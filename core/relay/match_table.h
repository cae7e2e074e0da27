/* SPDX-License-Identifier: MIT */
/* match_table.h - inside of a worker's table, for core/relay/match*.c only */
#ifndef CORE_RELAY_MATCH_TABLE_H
#define CORE_RELAY_MATCH_TABLE_H

#include <stdint.h>

#include "core/rules/snapshot.h"

struct limit_page;
struct match_rule;

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

#endif
