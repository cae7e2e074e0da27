// SPDX-License-Identifier: MIT
/* kernel_map.c - rules of the kernel path, one by one, in the maps */
#include "daemon/control/kernel_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/bitset.h"
#include "core/rules/kernel_path.h"
#include "daemon/control/kernel_chain.h"
#include "daemon/control/kernel_counters.h"
#include "daemon/control/kernel_entry.h"
#include "daemon/control/kernel_map_state.h"

struct kernel_map *kernel_map_new(void)
{
	struct kernel_map *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->rules = -1;
	m->due_ns = UINT64_MAX;
	m->round.number = 1;
	for (uint32_t i = 0; i < KERNEL_PATH_RULES; i++)
		m->place[i].entry = m->place[i].next = MCR_NO_SLOT;
	kernel_entries_init(m);
	if (kernel_rest_init(&m->free_blocks, KERNEL_PATH_BLOCKS) < 0 ||
	    kernel_rest_init(&m->free_rules, KERNEL_PATH_RULE_COUNTERS) < 0 ||
	    kernel_rest_init(&m->free_outputs, KERNEL_PATH_OUTPUT_COUNTERS) < 0) {
		kernel_map_free(m);
		return NULL;
	}
	return m;
}

static size_t blocks_bytes(void)
{
	return KERNEL_PATH_BLOCKS * sizeof(struct kernel_path_block);
}

static size_t records_bytes(unsigned lanes)
{
	return KERNEL_PATH_LANE(lanes) * sizeof(struct kernel_path_record);
}

void kernel_map_free(struct kernel_map *m)
{
	if (!m)
		return;
	if (m->rules >= 0)
		close(m->rules);
	if (m->blocks)
		munmap(m->blocks, blocks_bytes());
	if (m->records)
		munmap(m->records, records_bytes(m->lanes));
	kernel_rest_fini(&m->free_blocks);
	kernel_rest_fini(&m->free_rules);
	kernel_rest_fini(&m->free_outputs);
	free(m);
}

int kernel_map_take_rules(struct kernel_map *m, int fd)
{
	m->rules = fd;
	return 0;
}

/* @fd: taken */
static int map_array(int fd, size_t bytes, void **mem)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	const int error = errno;

	close(fd);
	if (at == MAP_FAILED)
		return -error;
	*mem = at;
	return 0;
}

int kernel_map_take_blocks(struct kernel_map *m, int fd)
{
	return map_array(fd, blocks_bytes(), (void **)&m->blocks);
}

int kernel_map_take_counters(struct kernel_map *m, int fd, unsigned lanes)
{
	m->lanes = lanes;
	return map_array(fd, records_bytes(lanes), (void **)&m->records);
}

bool kernel_map_is_whole(const struct kernel_map *m)
{
	return m->rules >= 0 && m->blocks && m->records;
}

static uint32_t chain_of(uint64_t ref)
{
	return ref & KERNEL_PATH_REF_RELAY ? (uint32_t)ref : CHAIN_END;
}

/* --- what is there before the first rule --- */

/* A damaged chain is nobody's: its reference leads to the user path, as far as we know. */
static int load_element(struct kernel_map *m, const struct kernel_path_key *key, uint64_t ref,
			uint64_t *used)
{
	const uint32_t at = kernel_entry_get(m, key);

	if (at == MCR_NO_SLOT)
		return -ENOSPC;
	if (chain_of(ref) != CHAIN_END && !kernel_chain_link(m, chain_of(ref), used))
		ref = KERNEL_PATH_REF_USER;
	kernel_entry_holds(m, at, ref);
	m->entry[at].orphan = true;
	return 0;
}

/* An entry for any source knows those of its stream. */
static void load_streams(struct kernel_map *m)
{
	for (uint32_t i = 0; i < m->n_entries; i++) {
		struct kernel_map_entry *e = &m->entry[i];

		if (e->any == i) {
			e->takes =
				(e->ref & (KERNEL_PATH_REF_RELAY | KERNEL_PATH_REF_CONSUME)) != 0;
			continue;
		}
		e->wanted = e->ref != 0;
		m->entry[e->any].n_wanted += e->wanted;
	}
}

int kernel_map_load(struct kernel_map *m, bool same_rules, uint64_t now_ns)
{
	struct bpf_map_cursor cursor = {0};
	uint64_t used[KERNEL_PATH_BLOCKS / 64] = {0};
	int ret = 0;

	while (ret == 0 && !cursor.ended) {
		const int n = bpf_map_read(m->rules, &cursor, m->keys, m->values, KERNEL_MAP_SLICE);

		ret = n < 0 ? n : 0;
		for (int i = 0; i < n && ret == 0; i++)
			ret = load_element(m, &m->keys[i], m->values[i], used);
	}
	if (ret < 0)
		return ret;
	load_streams(m);
	kernel_chain_free_others(m, used, now_ns);
	kernel_counters_load(m, same_rules, now_ns);
	m->loading = true;
	return 0;
}

bool kernel_map_is_empty(const struct kernel_map *m)
{
	return m->n_refs == 0;
}

/* --- rules --- */

/* The rule has another key, or another reference for it; 0: no key. */
static int change(struct kernel_map *m, uint32_t slot, const struct kernel_path_key *key,
		  uint64_t ref, uint64_t now_ns)
{
	struct kernel_map_place *p = &m->place[slot];
	const uint32_t old = p->entry, left = chain_of(p->ref);
	const uint32_t at = key ? kernel_entry_get(m, key) : MCR_NO_SLOT;
	int ret = 0, error = 0;

	if (key && at == MCR_NO_SLOT) {
		m->failed = true;
		return -ENOSPC;
	}
	if (old != at && old != MCR_NO_SLOT)
		kernel_entry_remove_rule(m, old, slot);
	if (old != at && at != MCR_NO_SLOT)
		kernel_entry_add_rule(m, at, slot);
	p->ref = ref;
	p->hash = kernel_chain_hash(m, chain_of(ref));
	if (at != MCR_NO_SLOT)
		error = kernel_entry_update(m, at);
	if (old != at && old != MCR_NO_SLOT)
		ret = kernel_entry_update(m, old);
	error = error ? error : ret;
	/* Where a reference could not be exchanged, its chain is neither used nor free. */
	if (left != chain_of(ref) && error == 0)
		kernel_chain_free(m, left, now_ns);
	return error;
}

/* The element that an earlier control has left for the key is the rule's from here on. */
static void take_orphan(struct kernel_map *m, const struct kernel_map_rule *r)
{
	const uint32_t at = kernel_entry_find(m, &r->key);
	struct kernel_map_entry *e = at == MCR_NO_SLOT ? NULL : &m->entry[at];

	if (!e || !e->orphan)
		return;
	e->orphan = false;
	m->place[r->slot].ref = e->ref & ~KERNEL_PATH_REF_SOURCES;
	kernel_entry_add_rule(m, at, r->slot);
	if (chain_of(e->ref) != CHAIN_END && r->n_outputs)
		kernel_counters_take_over(m, r, chain_of(e->ref));
}

int kernel_map_set(struct kernel_map *m, const struct kernel_map_rule *r, uint64_t now_ns)
{
	struct kernel_map_place *p = &m->place[r->slot];
	uint32_t first;
	int ret;

	if (m->loading)
		take_orphan(m, r);
	p->run = m->run;
	ret = kernel_counters_own(m, r, now_ns);
	first = chain_of(p->ref);
	if (ret == 0 && (first == CHAIN_END || !kernel_chain_is(m, first, r))) {
		first = kernel_chain_take(m, r->n_outputs, now_ns);
		if (first == CHAIN_END)
			ret = -ENOSPC;
		else
			kernel_chain_fill(m, first, r);
	}
	if (ret < 0) {
		m->due_ns = now_ns + KERNEL_REST_NS;
		return ret;
	}
	return change(m, r->slot, &r->key, KERNEL_PATH_REF_RELAY | first, now_ns);
}

int kernel_map_set_user(struct kernel_map *m, const struct kernel_map_rule *r, uint64_t now_ns)
{
	const bool consume = r->flags & KERNEL_PATH_BLOCK_CONSUME;

	if (m->loading)
		take_orphan(m, r);
	m->place[r->slot].run = m->run;
	return change(m, r->slot, r->key.ifindex ? &r->key : NULL,
		      KERNEL_PATH_REF_USER | (consume ? KERNEL_PATH_REF_CONSUME : 0), now_ns);
}

int kernel_map_clear(struct kernel_map *m, uint32_t slot, uint64_t now_ns)
{
	return change(m, slot, NULL, 0, now_ns);
}

bool kernel_map_relays(const struct kernel_map *m, uint32_t slot)
{
	const struct kernel_map_place *p = &m->place[slot];
	const struct kernel_map_entry *e = p->entry == MCR_NO_SLOT ? NULL : &m->entry[p->entry];

	return e && p->ref & KERNEL_PATH_REF_RELAY && (e->ref & ~KERNEL_PATH_REF_SOURCES) == p->ref;
}

bool kernel_map_is_divided(const struct kernel_map *m, uint32_t slot)
{
	const uint32_t first = chain_of(m->place[slot].ref);

	return first != CHAIN_END && m->blocks[first].division;
}

/* First block of the chain to which the key leads, or CHAIN_END. */
static uint32_t chain_for(const struct kernel_map *m, const struct kernel_path_key *key)
{
	const uint32_t at = kernel_entry_find(m, key);

	return at == MCR_NO_SLOT ? CHAIN_END : chain_of(m->entry[at].ref);
}

uint32_t kernel_map_division(const struct kernel_map *m, const struct kernel_path_key *key)
{
	const uint32_t first = chain_for(m, key);

	return first == CHAIN_END ? 0 : m->blocks[first].division;
}

bool kernel_map_has_output(const struct kernel_map *m, const struct kernel_path_key *key,
			   const struct kernel_path_output *like)
{
	for (uint32_t at = chain_for(m, key); at != CHAIN_END; at = m->next[at]) {
		for (unsigned i = 0; i < KERNEL_PATH_BLOCK_OUTPUTS; i++) {
			const struct kernel_path_output *o = &m->blocks[at].output[i];

			if (o->ifindex == like->ifindex && o->group == like->group &&
			    o->port == like->port)
				return true;
		}
	}
	return false;
}

uint32_t kernel_map_last_division(const struct kernel_map *m)
{
	uint32_t last = 0;

	for (uint32_t i = 0; i < KERNEL_PATH_BLOCKS; i++)
		if (m->blocks[i].division > last)
			last = m->blocks[i].division;
	return last;
}

uint64_t kernel_map_due_ns(const struct kernel_map *m)
{
	return m->due_ns;
}

/* --- all rules --- */

void kernel_map_begin(struct kernel_map *m)
{
	m->run++;
	m->due_ns = UINT64_MAX;
}

/* Elements that no rule has asked for. */
static int drop_orphans(struct kernel_map *m, uint64_t now_ns)
{
	int first_error = 0;

	for (uint32_t i = 0; i < m->n_entries; i++) {
		struct kernel_map_entry *e = &m->entry[i];
		const uint32_t left = chain_of(e->ref);
		int ret;

		if (!e->used || !e->orphan)
			continue;
		e->orphan = false;
		ret = kernel_entry_update(m, i);
		if (ret == 0)
			kernel_chain_free(m, left, now_ns);
		first_error = first_error ? first_error : ret;
	}
	return first_error;
}

int kernel_map_end(struct kernel_map *m, uint64_t now_ns)
{
	int first_error = 0;

	for (uint32_t i = 0; i < KERNEL_PATH_RULES; i++) {
		struct kernel_map_place *p = &m->place[i];
		int ret = 0;

		if (p->run != m->run && (p->ref || p->entry != MCR_NO_SLOT))
			ret = kernel_map_clear(m, i, now_ns);
		first_error = first_error ? first_error : ret;
	}
	if (m->loading) {
		const int ret = drop_orphans(m, now_ns);

		first_error = first_error ? first_error : ret;
		kernel_counters_release_others(m, now_ns);
		m->loading = false;
	}
	return first_error;
}

struct kernel_map_summary kernel_map_summary(const struct kernel_map *m)
{
	struct kernel_map_summary s = {
		.references = m->n_refs, .hash = m->hash, .as_written = !m->failed};

	for (uint32_t i = 0; i < KERNEL_PATH_RULES; i++)
		s.blocks += kernel_chain_blocks(m, chain_of(m->place[i].ref));
	return s;
}
