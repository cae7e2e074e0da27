/* SPDX-License-Identifier: MIT */
/*
 * publish_state.h - publications: types; publish.h explains them
 */
#ifndef DAEMON_CONTROL_PUBLISH_STATE_H
#define DAEMON_CONTROL_PUBLISH_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/limits.h"

#define PUBLISH_HISTORY     256  /* more than are made while a worker may be behind */
#define PUBLISH_CHANGES_MAX 1024 /* rules of a snapshot of changes */

/**
 * struct published - one publication
 * @taken_ns: when the supervisor took it, 0: not yet, or refused
 */
struct published {
	uint64_t generation;
	uint64_t taken_ns;
	uint64_t hash[MCR_MAX_WORKERS];
};

/* A rule as it was published last, by its slot. */
struct published_rule {
	uint64_t hash;
	uint64_t workers;
	uint32_t in_slot;
};

/**
 * struct control_publish - the published rules and publications
 * @generation: the last one, 0: none yet
 * @whole:      the last one with all rules; 0: the next one has all
 * @ifaces:     hash of the interfaces as they were published
 * @bytes:      of the last one with all rules
 * @rule, @there: the rules that were published
 * @changed:    slots whose rule differs from @whole, also as the list @change, in which new
 *              rules have their order
 * @removed:    of them, those whose rule was removed, whether another took the slot or not
 * @first:      the first one that this process made, 0: none yet
 * @at_ns:      when
 * @busy:       workers that did not take it, as the supervisor says
 * @error:      why the supervisor refused it, negative; 0
 * @hash:       what each worker must report
 * @shares:     of each interface slot: how many rules each worker serves there
 */
struct control_publish {
	uint64_t generation;
	uint64_t whole;
	uint64_t ifaces;
	size_t bytes;
	struct published_rule rule[MCR_MAX_RULES];
	uint64_t there[MCR_MAX_RULES / 64];
	uint64_t changed[MCR_MAX_RULES / 64];
	uint64_t removed[MCR_MAX_RULES / 64];
	uint32_t change[PUBLISH_CHANGES_MAX];
	unsigned n_changes;
	uint64_t hash[MCR_MAX_WORKERS];
	uint64_t first;
	uint64_t at_ns;
	uint64_t busy;
	int error;
	uint16_t shares[MCR_MAX_IFACES][MCR_MAX_WORKERS];
	struct published history[PUBLISH_HISTORY];
};

#endif
