// SPDX-License-Identifier: MIT
/* kernel_chain.c - blocks that hold a rule one after the other */
#include "daemon/control/kernel_chain.h"

#include <string.h>

#include "core/base/bitset.h"
#include "core/base/hash.h"
#include "daemon/control/kernel_map_rule.h"
#include "daemon/control/kernel_map_state.h"

void kernel_chain_free(struct kernel_map *m, uint32_t block, uint64_t now_ns)
{
	while (block != CHAIN_END) {
		const uint32_t next = m->next[block];

		kernel_rest_put(&m->free_blocks, block, now_ns);
		block = next;
	}
}

static uint32_t chain_length(uint32_t n_outputs)
{
	return (n_outputs + KERNEL_PATH_BLOCK_OUTPUTS - 1) / KERNEL_PATH_BLOCK_OUTPUTS;
}

uint32_t kernel_chain_take(struct kernel_map *m, uint32_t n_outputs, uint64_t now_ns)
{
	uint32_t first = CHAIN_END;

	for (uint32_t i = chain_length(n_outputs); i-- > 0;) {
		const uint32_t block = kernel_rest_take(&m->free_blocks, now_ns);

		if (block == CHAIN_END) {
			kernel_chain_free(m, first, now_ns);
			return CHAIN_END;
		}
		m->next[block] = first;
		first = block;
	}
	return first;
}

/* The @i-th block of a rule, as it should be. */
static struct kernel_path_block block_of(const struct kernel_map *m,
					 const struct kernel_map_rule *r, uint32_t i, uint32_t at)
{
	const uint32_t done = i * KERNEL_PATH_BLOCK_OUTPUTS;
	const uint32_t left = r->n_outputs - done;
	const uint32_t n = left < KERNEL_PATH_BLOCK_OUTPUTS ? left : KERNEL_PATH_BLOCK_OUTPUTS;
	struct kernel_path_block b = {
		.key = r->key,
		.slot = m->rule_counters[r->slot],
		.iface = r->iface,
		.next = m->next[at] == CHAIN_END ? 0 : m->next[at],
		.n_outputs = r->n_outputs,
		.mtu = r->mtu,
		.division = r->division,
		.flags = r->flags,
		.watch = r->watch,
		.incarnation = r->incarnation,
	};

	memcpy(b.output, r->output + done, n * sizeof(b.output[0]));
	for (uint32_t k = 0; k < n; k++)
		b.output[k].slot = m->output_counters[b.output[k].slot];
	return b;
}

bool kernel_chain_is(const struct kernel_map *m, uint32_t at, const struct kernel_map_rule *r)
{
	for (uint32_t i = 0; i < chain_length(r->n_outputs); i++) {
		struct kernel_path_block want;

		if (at == CHAIN_END)
			return false;
		want = block_of(m, r, i, at);
		if (memcmp(&m->blocks[at], &want, sizeof(want)) != 0)
			return false;
		at = m->next[at];
	}
	return at == CHAIN_END;
}

static bool same_output(const struct kernel_path_output *a, const struct kernel_path_output *b)
{
	return a->ifindex == b->ifindex && a->group == b->group && a->port == b->port &&
	       a->source_port == b->source_port && a->ttl == b->ttl && a->ttl_set == b->ttl_set &&
	       a->tos == b->tos;
}

bool kernel_chain_is_same_rule(const struct kernel_map *m, uint32_t at,
			       const struct kernel_map_rule *r)
{
	if (m->blocks[at].n_outputs != r->n_outputs)
		return false;
	for (uint32_t i = 0; i < r->n_outputs; i++) {
		const uint32_t place = i % KERNEL_PATH_BLOCK_OUTPUTS;

		if (i && !place)
			at = m->next[at];
		if (at == CHAIN_END || !same_output(&m->blocks[at].output[place], &r->output[i]))
			return false;
	}
	return true;
}

void kernel_chain_fill(struct kernel_map *m, uint32_t at, const struct kernel_map_rule *r)
{
	for (uint32_t i = 0; at != CHAIN_END; i++, at = m->next[at])
		m->blocks[at] = block_of(m, r, i, at);
	/* Before the reference that leads there. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

uint64_t kernel_chain_hash(const struct kernel_map *m, uint32_t at)
{
	uint64_t h = HASH_SEED;

	for (; at != CHAIN_END; at = m->next[at])
		h = hash_bytes(h, &m->blocks[at], sizeof(m->blocks[at]));
	return h;
}

uint32_t kernel_chain_blocks(const struct kernel_map *m, uint32_t at)
{
	uint32_t n = 0;

	for (; at != CHAIN_END; at = m->next[at])
		n++;
	return n;
}

bool kernel_chain_link(struct kernel_map *m, uint32_t first, uint64_t *used)
{
	uint32_t at = first, left;

	if (first >= KERNEL_PATH_BLOCKS || m->blocks[first].n_outputs == 0 ||
	    m->blocks[first].n_outputs > KERNEL_PATH_RULE_OUTPUTS)
		return false;
	left = chain_length(m->blocks[first].n_outputs);
	for (;;) {
		if (at >= KERNEL_PATH_BLOCKS || bitset_has(used, at))
			return false;
		bitset_add(used, at);
		if (--left == 0)
			break;
		m->next[at] = m->blocks[at].next;
		at = m->next[at];
	}
	m->next[at] = CHAIN_END;
	return true;
}

void kernel_chain_mark(const struct kernel_map *m, uint32_t at, uint64_t *used)
{
	for (; at != CHAIN_END; at = m->next[at])
		bitset_add(used, at);
}

void kernel_chain_free_others(struct kernel_map *m, const uint64_t *used, uint64_t now_ns)
{
	kernel_rest_clear(&m->free_blocks);
	for (uint32_t i = 0; i < KERNEL_PATH_BLOCKS; i++)
		if (!bitset_has(used, i) && !m->blocks[i].n_outputs)
			kernel_rest_put(&m->free_blocks, i, 0);
	for (uint32_t i = 0; i < KERNEL_PATH_BLOCKS; i++)
		if (!bitset_has(used, i) && m->blocks[i].n_outputs)
			kernel_rest_put(&m->free_blocks, i, now_ns);
}
