/* SPDX-License-Identifier: MIT */
/*
 * kernel_chain.h - the blocks of the kernel path's maps, in chains
 *
 * A chain holds one rule: as many blocks as its outputs need.  CHAIN_END is no block.
 */
#ifndef DAEMON_CONTROL_KERNEL_CHAIN_H
#define DAEMON_CONTROL_KERNEL_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

struct kernel_map;
struct kernel_map_rule;

/**
 * kernel_chain_take() - blocks for a rule with @n_outputs outputs
 *
 * Return: the first block, linked in m->next; CHAIN_END: there are not enough.
 */
uint32_t kernel_chain_take(struct kernel_map *m, uint32_t n_outputs, uint64_t now_ns);
void kernel_chain_free(struct kernel_map *m, uint32_t block, uint64_t now_ns);

/* Does the chain that begins with block @at hold the rule as it should be? */
bool kernel_chain_is(const struct kernel_map *m, uint32_t at, const struct kernel_map_rule *r);

/*
 * Does it hold a rule that the operator would call the same?  Counters, incarnation and what
 * follows from links and neighbours may differ.
 */
bool kernel_chain_is_same_rule(const struct kernel_map *m, uint32_t at,
			       const struct kernel_map_rule *r);

/* Writes the rule, before the reference that will lead there. */
void kernel_chain_fill(struct kernel_map *m, uint32_t at, const struct kernel_map_rule *r);
uint64_t kernel_chain_hash(const struct kernel_map *m, uint32_t at);
uint32_t kernel_chain_blocks(const struct kernel_map *m, uint32_t at);

/**
 * kernel_chain_link() - the chain that begins with @first, from what the maps say
 * @used: a bit for each block, set for those of a chain
 *
 * Each block must be within the array and in no other chain.
 *
 * Return: whether the chain is whole.
 */
bool kernel_chain_link(struct kernel_map *m, uint32_t first, uint64_t *used);

/* Sets the bits of a chain of ours. */
void kernel_chain_mark(const struct kernel_map *m, uint32_t at, uint64_t *used);

/* All blocks but those of @used are free: those that ever held a rule since @now_ns. */
void kernel_chain_free_others(struct kernel_map *m, const uint64_t *used, uint64_t now_ns);

#endif
