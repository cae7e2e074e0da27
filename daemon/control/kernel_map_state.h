/* SPDX-License-Identifier: MIT */
/* kernel_map_state.h - what kernel_map.c and kernel_counters.c share */
#ifndef DAEMON_CONTROL_KERNEL_MAP_STATE_H
#define DAEMON_CONTROL_KERNEL_MAP_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/limits.h"
#include "core/rules/kernel_path_map.h"

/* A key, its reference, and the hash of the blocks that it leads to. */
struct kernel_map_ref {
	struct kernel_path_key key;
	uint64_t ref;
	uint64_t hash;
};

struct kernel_map_freed {
	uint64_t at_ns;
	uint32_t block;
};

/**
 * struct kernel_map - all of it
 * @have, @want: sorted after a commit; @want while a run is under way
 * @next:    next block of a chain, CHAIN_END: none.  The maps are not relied upon for it
 * @used:    a bit for each block in a chain of @have or @want
 * @fresh:   blocks from here on were never used
 * @freed:   ring of KERNEL_PATH_BLOCKS places, @n_freed of them from @oldest on
 * @due_ns:  see kernel_map_due_ns()
 */
struct kernel_map {
	int rules;
	struct kernel_path_block *blocks;
	struct kernel_path_record *records;
	unsigned lanes;
	uint32_t n_have, n_want;
	uint32_t fresh, oldest, n_freed;
	uint64_t due_ns;
	struct kernel_map_ref *have, *want;
	struct kernel_map_ref refs[2][KERNEL_PATH_KEYS];
	struct kernel_path_key keys[KERNEL_PATH_KEYS + 1];
	uint64_t values[KERNEL_PATH_KEYS + 1];
	uint32_t next[KERNEL_PATH_BLOCKS];
	struct kernel_map_freed freed[KERNEL_PATH_BLOCKS];
};

#endif
