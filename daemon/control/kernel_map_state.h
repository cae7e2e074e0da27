/* SPDX-License-Identifier: MIT */
/*
 * kernel_map_state.h - what the files of kernel_map.h share
 *
 *   rule --> entry of its key --> the element of the kernel's map
 *     |        |
 *     |        '--> entry for any source of its stream --> entries for each source
 *     '--> chain of blocks
 *
 * An entry is there while a rule has its key, or an element of the kernel's map.  Rules that
 * name one interface by two names have one key: the first has the element, the others wait.
 */
#ifndef DAEMON_CONTROL_KERNEL_MAP_STATE_H
#define DAEMON_CONTROL_KERNEL_MAP_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/limits.h"
#include "core/rules/kernel_path_map.h"
#include "daemon/control/kernel_rest.h"
#include "daemon/priv/bpf_map.h"

#define KERNEL_MAP_BUCKETS 32768 /* a power of two near KERNEL_PATH_KEYS */
/* Those of the rules, and as many that an earlier daemon has left. */
#define KERNEL_MAP_ENTRIES (2 * KERNEL_PATH_KEYS)
/* Elements that are read at once: 0.3 ms. */
#define KERNEL_MAP_SLICE 4096

/**
 * struct kernel_map_place - a rule, by its slot
 * @ref:   the element that it asks for; 0: none, workers have it
 * @hash:  of the blocks of its chain
 * @entry: of its key; MCR_NO_SLOT: it has none
 * @next:  rule with the same key that waits; MCR_NO_SLOT
 * @run:   number of the run that has set it last
 */
struct kernel_map_place {
	uint64_t ref;
	uint64_t hash;
	uint32_t entry;
	uint32_t next;
	uint64_t run;
};

/**
 * struct kernel_map_entry - a key; indices are MCR_NO_SLOT when there is none
 * @ref:     of its element in the kernel's map; 0: it has none
 * @hash:    of key, reference and blocks, in m->hash; 0 without element
 * @rules:   first rule with the key
 * @next:    in its bucket
 * @any:     the one for any source, itself when it is that
 * @sources: of one for any source: first one of its stream for a source
 * @before, @after: of one for a source, among those
 * @n_wanted, @n_put: of one for any source: how many of those need an element, and have it
 * @takes:   of one for any source: it takes frames that those of a source are to keep
 * @orphan:  an earlier control has left the element, and no rule has asked for it
 * @wanted:  it needs an element
 * @round:   of the check that saw the element last
 */
struct kernel_map_entry {
	struct kernel_path_key key;
	uint64_t ref;
	uint64_t hash;
	uint32_t rules;
	uint32_t next;
	uint32_t any;
	uint32_t sources;
	uint32_t before, after;
	uint32_t n_wanted, n_put;
	uint32_t round;
	bool used, takes, orphan, wanted;
};

/**
 * struct kernel_map_round - a look at all elements, in slices
 * @number:   of the round, not 0
 * @begun_ns: when it began; @due_ns: when its next slice is due
 */
struct kernel_map_round {
	struct bpf_map_cursor cursor;
	uint32_t number;
	uint64_t begun_ns, due_ns;
};

/**
 * struct kernel_map - all of it
 * @next:    next block of a chain, CHAIN_END: none.  The maps are not relied upon for it
 * @n_refs:  elements in the kernel's map
 * @hash:    sum of the hashes of entries
 * @loading: what an earlier control has left is not yet the rules' or gone
 * @failed:  an element could not be changed, so some chains are neither used nor free
 * @run:     number of the run over all rules, see kernel_map_begin()
 * @due_ns:  see kernel_map_due_ns()
 * @rule_counters, @output_counters: by rule slot and output slot, see kernel_counters.c
 */
struct kernel_map {
	int rules;
	struct kernel_path_block *blocks;
	struct kernel_path_record *records;
	unsigned lanes;
	uint32_t n_refs;
	uint64_t hash;
	bool loading, failed;
	uint64_t run;
	uint64_t due_ns;
	struct kernel_map_round round;
	struct kernel_rest free_blocks, free_rules, free_outputs;
	uint32_t next[KERNEL_PATH_BLOCKS];
	uint32_t rule_counters[KERNEL_PATH_RULES];
	uint32_t output_counters[KERNEL_PATH_OUTPUTS];
	struct kernel_map_place place[KERNEL_PATH_RULES];
	uint32_t bucket[KERNEL_MAP_BUCKETS];
	uint32_t free_entry, n_entries;
	struct kernel_map_entry entry[KERNEL_MAP_ENTRIES];
	struct kernel_path_key keys[KERNEL_MAP_SLICE];
	uint64_t values[KERNEL_MAP_SLICE];
};

#endif
