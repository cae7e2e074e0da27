/* SPDX-License-Identifier: MIT */
/*
 * ruleset_state.h - inside of the rule set, for core/ruleset*.c only
 *
 * Entries are chained into one hash table per key.  Chains are intrusive, so that
 * an entry is in all tables or in none, and taking it out cannot fail.
 */
#ifndef CORE_RULES_RULESET_STATE_H
#define CORE_RULES_RULESET_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rules/ruleset_entry.h"
#include "core/rules/slot_pool.h"

struct wiring;

enum ruleset_key {
	KEY_ID,
	KEY_NAME,   /* entries that have a name */
	KEY_INPUT,  /* interface, group, port, source: at most one entry each */
	KEY_TARGET, /* interface, group, port: what an output may feed, any source */
	RULESET_KEYS
};

#define RULESET_BUCKETS 16384 /* a power of two near MCR_MAX_RULES */

/**
 * struct ruleset_node - an entry with its links
 * @entry:   what callers see
 * @chain:   next in the bucket, per key
 * @walk:    number of the last loop check that reached this entry
 * @parent:  in that check: the entry whose output feeds this one; NULL: the new rule
 * @pending: in that check: next entry to look at
 * @open:    in a check of all: what this entry feeds is being looked at
 * @at, @output, @arrival: how far that has got; @at is an entry with the same target
 */
struct ruleset_node {
	struct ruleset_entry entry;
	struct ruleset_node *chain[RULESET_KEYS];
	uint64_t walk;
	struct ruleset_node *parent;
	struct ruleset_node *pending;
	bool open;
	struct ruleset_node *at;
	unsigned output;
	size_t arrival;
};

/* An interface name and how many inputs and outputs use it; 0: free. */
struct ruleset_iface {
	char name[MCR_IFNAME_MAX];
	uint32_t users;
};

struct ruleset {
	const struct wiring *wiring; /* borrowed; NULL: not known */
	struct ruleset_node *bucket[RULESET_KEYS][RULESET_BUCKETS];
	struct ruleset_node *order[MCR_MAX_RULES];
	size_t count;
	uint64_t last_incarnation;
	uint64_t revision;
	uint64_t walks;
	struct slot_pool rule_slots;
	struct slot_pool output_slots;
	struct ruleset_iface ifaces[MCR_MAX_IFACES];
};

#endif
