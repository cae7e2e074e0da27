/* SPDX-License-Identifier: MIT */
/*
 * kernel_map.h - the maps of the kernel path: references, blocks and counters
 *
 * One run says what there should be, and changes the difference:
 *
 *   kernel_map_begin(), kernel_map_want() or kernel_map_want_user() for each rule,
 *   kernel_map_commit()
 *
 * A rule that is to be another way gets other blocks, then its reference is exchanged.  The
 * blocks of before rest for KERNEL_MAP_REST_NS, because the program may just be reading
 * them; so do the counters of slots that no block names any more.
 *
 * kernel_map_reload() takes what the kernel holds for what there is.  That is how a fresh
 * control takes over, and how damage is repaired: the next run changes the difference.
 */
#ifndef DAEMON_CONTROL_KERNEL_MAP_H
#define DAEMON_CONTROL_KERNEL_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/clock.h"
#include "core/rules/kernel_path_map.h"

struct kernel_map;
struct ruleset_entry;

#define KERNEL_MAP_REST_NS NS_PER_S

/**
 * struct kernel_map_rule - a rule as the program reads it
 * @output: n_outputs of them, borrowed
 * @output_incarnation: of each of them, for its counters
 */
struct kernel_map_rule {
	struct kernel_path_key key;
	uint64_t incarnation;
	uint32_t slot;
	uint32_t iface;
	uint32_t mtu;
	uint32_t division;
	uint32_t flags; /* KERNEL_PATH_BLOCK_* */
	uint32_t n_outputs;
	const struct kernel_path_output *output;
	const uint64_t *output_incarnation;
};

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
 * kernel_map_reload() - read what the kernel holds
 * @changed: filled: it is not what the last commit left
 *
 * Return: 0; negative errno of bpf(2).
 */
int kernel_map_reload(struct kernel_map *m, uint64_t now_ns, bool *changed);

bool kernel_map_is_empty(const struct kernel_map *m);

void kernel_map_begin(struct kernel_map *m);

/* -EBUSY: its slots' counters rest, -ENOSPC: no blocks are free. */
int kernel_map_want(struct kernel_map *m, const struct kernel_map_rule *r, uint64_t now_ns);

/* Its frames are the user path's, also where a rule for any source is not. */
void kernel_map_want_user(struct kernel_map *m, const struct kernel_path_key *key);

/* Return: 0; the first error of bpf(2), after which what can be is as wanted. */
int kernel_map_commit(struct kernel_map *m, uint64_t now_ns);

/* Does the program relay for this key? */
bool kernel_map_has(const struct kernel_map *m, const struct kernel_path_key *key);

/* When what rests has rested, UINT64_MAX: nothing was refused for it. */
uint64_t kernel_map_due_ns(const struct kernel_map *m);

#endif
