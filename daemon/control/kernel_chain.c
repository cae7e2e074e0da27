// SPDX-License-Identifier: MIT
/* kernel_chain.c - blocks that are free, and those that hold a rule one after the other */
#include "daemon/control/kernel_chain.h"

#include <string.h>

#include "core/base/hash.h"
#include "daemon/control/kernel_map.h"
#include "daemon/control/kernel_map_state.h"

static uint32_t take_block(struct kernel_map *m, uint64_t now_ns)
{
	const struct kernel_map_freed *f = &m->freed[m->oldest];
	uint32_t block;

	if (m->fresh < KERNEL_PATH_BLOCKS)
		return m->fresh++;
	if (!m->n_freed || now_ns < f->at_ns + KERNEL_MAP_REST_NS)
		return CHAIN_END;
	block = f->block;
	m->oldest = (m->oldest + 1) % KERNEL_PATH_BLOCKS;
	m->n_freed--;
	return block;
}

void kernel_block_free(struct kernel_map *m, uint32_t block, uint64_t now_ns)
{
	m->freed[(m->oldest + m->n_freed++) % KERNEL_PATH_BLOCKS] =
		(struct kernel_map_freed){.at_ns = now_ns, .block = block};
}

void kernel_chain_free(struct kernel_map *m, uint32_t block, uint64_t now_ns)
{
	while (block != CHAIN_END) {
		const uint32_t next = m->next[block];

		kernel_block_free(m, block, now_ns);
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
		const uint32_t block = take_block(m, now_ns);

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
		.slot = r->slot,
		.iface = r->iface,
		.next = m->next[at] == CHAIN_END ? 0 : m->next[at],
		.n_outputs = r->n_outputs,
		.mtu = r->mtu,
		.division = r->division,
		.flags = r->flags,
		.incarnation = r->incarnation,
	};

	memcpy(b.output, r->output + done, n * sizeof(b.output[0]));
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

bool kernel_chain_link(struct kernel_map *m, uint32_t first, uint8_t *used)
{
	uint32_t at = first, left;

	if (first >= KERNEL_PATH_BLOCKS || m->blocks[first].n_outputs == 0 ||
	    m->blocks[first].n_outputs > KERNEL_PATH_RULE_OUTPUTS)
		return false;
	left = chain_length(m->blocks[first].n_outputs);
	for (;;) {
		if (at >= KERNEL_PATH_BLOCKS || used[at])
			return false;
		used[at] = 1;
		if (--left == 0)
			break;
		m->next[at] = m->blocks[at].next;
		at = m->next[at];
	}
	m->next[at] = CHAIN_END;
	return true;
}
