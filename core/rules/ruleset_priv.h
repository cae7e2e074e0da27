/* SPDX-License-Identifier: MIT */
/*
 * ruleset_priv.h - inside of the rule set, for core/ruleset*.c only
 *
 * Entries are chained into one hash table per key.  Chains are intrusive, so that
 * an entry is in all tables or in none, and taking it out cannot fail.
 */
#ifndef CORE_RULES_RULESET_PRIV_H
#define CORE_RULES_RULESET_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rules/ruleset.h"
#include "core/rules/slot_pool.h"
#include "core/rules/wiring.h"

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

/* The indices (ruleset_index.c). */
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

/* The interfaces that rules name (ruleset_ifaces.c). */
int ruleset_use_ifaces(struct ruleset *s, const struct rule *r); /* 0, or -ENOSPC: none used */
void ruleset_leave_ifaces(struct ruleset *s, const struct rule *r);

/**
 * ruleset_check_cycle() - would @rule make the set relay in a circle?
 * @s:      only the marks of the walk change; circles without @rule are not looked for
 * @rule:   borrowed, passed rule_check()
 * @replaced: entry that @rule replaces, NULL for none
 * @c:      names every hop
 *
 * Return: 0 or -ELOOP.
 */
int ruleset_check_cycle(struct ruleset *s, const struct rule *rule,
			const struct ruleset_node *replaced, struct complaint *c);

#endif
