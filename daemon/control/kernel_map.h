/* SPDX-License-Identifier: MIT */
/*
 * kernel_map.h - the maps of the kernel path: references, blocks and counters
 *
 * Each rule says what there should be for it, and only what differs is changed:
 *
 *   kernel_map_set() or kernel_map_set_user() for a rule that is new or has changed,
 *   kernel_map_clear() for one that has gone
 *
 * Their cost depends on the rule, not on how many there are.  A run over all rules goes between
 * kernel_map_begin() and kernel_map_end(): rules that were not set in between have gone.
 *
 * A rule that is to be another way gets other blocks, then its reference is exchanged.  The
 * blocks of before rest for KERNEL_REST_NS, because the program may just be reading
 * them; so do their counters, unless the rule is still the same.
 *
 * kernel_map_load() takes what the kernel holds for what there is.  That is how a fresh
 * control takes over: what no rule has asked for stays until kernel_map_end().
 */
#ifndef DAEMON_CONTROL_KERNEL_MAP_H
#define DAEMON_CONTROL_KERNEL_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/control/kernel_map_rule.h"

struct kernel_map;
struct ruleset_entry;

/* Return: NULL: out of memory. */
struct kernel_map *kernel_map_new(void);
void kernel_map_free(struct kernel_map *m);

/* Descriptors of the maps, taken; the arrays are mapped.  Return: 0 or negative errno. */
int kernel_map_take_rules(struct kernel_map *m, int fd);
int kernel_map_take_blocks(struct kernel_map *m, int fd);
int kernel_map_take_counters(struct kernel_map *m, int fd, unsigned lanes);

/* Have all three been given? */
bool kernel_map_is_whole(const struct kernel_map *m);

/**
 * kernel_map_load() - take what the kernel holds for what there is, before the first rule
 * @same_rules: slots and incarnations are those with which the maps were written, so counters
 *              go on; else they do for a rule whose key and outputs are in the maps
 *
 * Return: 0; negative errno of bpf(2).
 */
int kernel_map_load(struct kernel_map *m, bool same_rules, uint64_t now_ns);

/* Has the kernel's map no element? */
bool kernel_map_is_empty(const struct kernel_map *m);

void kernel_map_begin(struct kernel_map *m);

/**
 * kernel_map_set() - the kernel is to relay for a rule
 *
 * A rule with the incarnation of before, or one that is left from before
 * kernel_map_load(), goes on counting; another one begins with zeroes.
 *
 * Return: 0; -EBUSY or -ENOSPC: what is free rests, or all is used: nothing has changed, and the
 * caller says kernel_map_set_user(); other negative errno of bpf(2): workers relay for it.
 */
int kernel_map_set(struct kernel_map *m, const struct kernel_map_rule *r, uint64_t now_ns);

/**
 * kernel_map_set_user() - workers relay for a rule, also where one for any source is not
 * @r: key, slot and flags are read.  With KERNEL_PATH_BLOCK_CONSUME there is always an element.
 *
 * Return: 0 or negative errno of bpf(2).
 */
int kernel_map_set_user(struct kernel_map *m, const struct kernel_map_rule *r, uint64_t now_ns);

/* No rule is in the slot any more.  Return: 0 or negative errno of bpf(2). */
int kernel_map_clear(struct kernel_map *m, uint32_t slot, uint64_t now_ns);

/* Return: 0; the first error of bpf(2), after which what can be is as asked for. */
int kernel_map_end(struct kernel_map *m, uint64_t now_ns);

/* Does the program relay for the rule in that slot? */
bool kernel_map_relays(const struct kernel_map *m, uint32_t slot);

/* Of a rule that it relays: do workers have some of its outputs? */
bool kernel_map_is_divided(const struct kernel_map *m, uint32_t slot);

/* The division of the blocks to which the key leads; 0: it has none. */
uint32_t kernel_map_division(const struct kernel_map *m, const struct kernel_path_key *key);

/* Do they have an output with its device, destination and port? */
bool kernel_map_has_output(const struct kernel_map *m, const struct kernel_path_key *key,
			   const struct kernel_path_output *like);

/* The greatest division in all blocks, also in those that are free. */
uint32_t kernel_map_last_division(const struct kernel_map *m);

/* When what rests has rested, UINT64_MAX: nothing was refused for it. */
uint64_t kernel_map_due_ns(const struct kernel_map *m);

/**
 * struct kernel_map_summary - what the maps hold, as last written or read
 * @references, @blocks: elements, and blocks to which they lead
 * @hash: of all of it
 * @as_written: no change has failed since
 */
struct kernel_map_summary {
	uint32_t references, blocks;
	uint64_t hash;
	bool as_written;
};

struct kernel_map_summary kernel_map_summary(const struct kernel_map *m);

#endif
