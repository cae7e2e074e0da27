// SPDX-License-Identifier: MIT
/* kernel_map.c - references of the kernel path, and their changes */
#include "daemon/control/kernel_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/hash.h"
#include "core/rules/kernel_path.h"
#include "daemon/control/kernel_chain.h"
#include "daemon/control/kernel_counters.h"
#include "daemon/control/kernel_map_state.h"
#include "daemon/priv/bpf_map.h"

struct kernel_map *kernel_map_new(void)
{
	struct kernel_map *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->rules = -1;
	m->due_ns = UINT64_MAX;
	m->have = m->refs[0];
	m->want = m->refs[1];
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

/* --- references --- */

static int by_key(const void *a, const void *b)
{
	const struct kernel_map_ref *x = a, *y = b;

	return kernel_path_compare(&x->key, &y->key);
}

static struct kernel_map_ref *find(struct kernel_map_ref *refs, uint32_t n,
				   const struct kernel_path_key *key)
{
	const struct kernel_map_ref wanted = {.key = *key};

	return bsearch(&wanted, refs, n, sizeof(*refs), by_key);
}

static uint32_t first_block(uint64_t ref)
{
	return ref & KERNEL_PATH_REF_RELAY ? (uint32_t)ref : CHAIN_END;
}

bool kernel_map_has(const struct kernel_map *m, const struct kernel_path_key *key)
{
	const struct kernel_map_ref *ref = find(m->have, m->n_have, key);

	return ref && ref->ref & KERNEL_PATH_REF_RELAY;
}

/* The same for keys that come in their order; @at: where the last one left off, first 0. */
static struct kernel_map_ref *seek(struct kernel_map_ref *refs, uint32_t n, uint32_t *at,
				   const struct kernel_path_key *key)
{
	while (*at < n && kernel_path_compare(&refs[*at].key, key) < 0)
		++*at;
	return *at < n && kernel_path_compare(&refs[*at].key, key) == 0 ? &refs[*at] : NULL;
}

uint64_t kernel_map_due_ns(const struct kernel_map *m)
{
	return m->due_ns;
}

/* A fresh control knows no chain: all blocks that none has rest. */
static int adopt_chains(struct kernel_map *m, uint64_t now_ns)
{
	uint8_t *used = calloc(KERNEL_PATH_BLOCKS, 1);

	if (!used)
		return -ENOMEM;
	for (uint32_t i = 0; i < m->n_have; i++) {
		struct kernel_map_ref *ref = &m->have[i];

		/* A damaged chain is taken for the user path, so the next write replaces it. */
		if (first_block(ref->ref) != CHAIN_END &&
		    !kernel_chain_link(m, first_block(ref->ref), used))
			ref->ref = KERNEL_PATH_REF_USER;
		ref->hash = kernel_chain_hash(m, first_block(ref->ref));
	}
	/* Those that were never used come first in the ring. */
	for (uint32_t i = 0; i < KERNEL_PATH_BLOCKS; i++)
		if (!used[i] && !m->blocks[i].n_outputs)
			kernel_block_free(m, i, 0);
	for (uint32_t i = 0; i < KERNEL_PATH_BLOCKS; i++)
		if (!used[i] && m->blocks[i].n_outputs)
			kernel_block_free(m, i, now_ns);
	m->fresh = KERNEL_PATH_BLOCKS;
	free(used);
	kernel_counters_reload(m, now_ns);
	return 0;
}

/* Damage: a reference that we did not write, or blocks that are not as we left them. */
static bool compare_refs(struct kernel_map *m, int n)
{
	bool changed = (uint32_t)n != m->n_have;

	for (int i = 0; i < n && !changed; i++) {
		const struct kernel_map_ref *ref = find(m->have, m->n_have, &m->keys[i]);

		changed = !ref || ref->ref != m->values[i];
	}
	for (uint32_t i = 0; i < m->n_have && !changed; i++)
		changed = kernel_chain_hash(m, first_block(m->have[i].ref)) != m->have[i].hash;
	return changed;
}

int kernel_map_reload(struct kernel_map *m, uint64_t now_ns, bool *changed)
{
	const int n = bpf_map_read(m->rules, m->keys, m->values, KERNEL_PATH_KEYS + 1);
	const bool first = m->fresh == 0;

	*changed = false;
	if (n < 0)
		return n;
	if (!first && !compare_refs(m, n))
		return 0;
	*changed = !first;
	/* Chains that are given up were seen last: they rest, and no other takes their blocks. */
	m->oldest = m->n_freed = 0;
	m->n_have = (uint32_t)n < KERNEL_PATH_KEYS ? (uint32_t)n : KERNEL_PATH_KEYS;
	for (uint32_t i = 0; i < m->n_have; i++)
		m->have[i] = (struct kernel_map_ref){.key = m->keys[i], .ref = m->values[i]};
	qsort(m->have, m->n_have, sizeof(m->have[0]), by_key);
	return adopt_chains(m, now_ns);
}

bool kernel_map_is_empty(const struct kernel_map *m)
{
	return m->n_have == 0;
}

void kernel_map_begin(struct kernel_map *m)
{
	m->n_want = 0;
	m->due_ns = UINT64_MAX;
}

static void add_want(struct kernel_map *m, const struct kernel_path_key *key, uint64_t ref,
		     uint64_t hash)
{
	m->want[m->n_want++] = (struct kernel_map_ref){.key = *key, .ref = ref, .hash = hash};
}

int kernel_map_want(struct kernel_map *m, const struct kernel_map_rule *r, uint64_t now_ns)
{
	const struct kernel_map_ref *have = find(m->have, m->n_have, &r->key);
	uint32_t first = have ? first_block(have->ref) : CHAIN_END;
	int ret;

	/* An entry for any source may be needed beside each. */
	if (m->n_want >= MCR_MAX_RULES)
		return -ENOSPC;
	ret = kernel_counters_own(m, r, now_ns);
	if (ret == 0 && !kernel_chain_is(m, first, r)) {
		first = kernel_chain_take(m, r->n_outputs, now_ns);
		if (first == CHAIN_END)
			ret = -ENOSPC;
		else
			kernel_chain_fill(m, first, r);
	}
	if (ret < 0) {
		m->due_ns = now_ns + KERNEL_MAP_REST_NS;
		return ret;
	}
	add_want(m, &r->key, KERNEL_PATH_REF_RELAY | first,
		 have && first_block(have->ref) == first ? have->hash
							 : kernel_chain_hash(m, first));
	return 0;
}

void kernel_map_want_user(struct kernel_map *m, const struct kernel_path_key *key)
{
	if (m->n_want < MCR_MAX_RULES)
		add_want(m, key, KERNEL_PATH_REF_USER, HASH_SEED);
}

/* --- commit --- */

/*
 * Streams whose rules name sources need an entry for any source that says so; those that have
 * no rule in the kernel need none at all.
 */
static void complete_streams(struct kernel_map *m)
{
	uint32_t n_written = 0, n = m->n_want;

	for (uint32_t i = 0, end; i < n; i = end) {
		bool relays = false, sources = false, any = m->want[i].key.source == 0;

		for (end = i;
		     end < n && kernel_path_same_stream(&m->want[i].key, &m->want[end].key);
		     end++) {
			relays |= (m->want[end].ref & KERNEL_PATH_REF_RELAY) != 0;
			sources |= m->want[end].key.source != 0;
		}
		if (!relays)
			continue;
		if (any && sources)
			m->want[i].ref |= KERNEL_PATH_REF_SOURCES;
		memmove(&m->want[n_written], &m->want[i], (end - i) * sizeof(m->want[0]));
		if (!any) {
			struct kernel_path_key key = m->want[n_written].key;

			key.source = 0;
			m->want[m->n_want++] = (struct kernel_map_ref){
				.key = key, .ref = KERNEL_PATH_REF_SOURCES, .hash = HASH_SEED};
		}
		n_written += end - i;
	}
	/* Entries for any source that had to be made stand behind the rules. */
	memmove(&m->want[n_written], &m->want[n], (m->n_want - n) * sizeof(m->want[0]));
	m->n_want = n_written + m->n_want - n;
	qsort(m->want, m->n_want, sizeof(m->want[0]), by_key);
}

/* Put what differs, entries with a source first: the others lead to them. */
static int put_wanted(struct kernel_map *m, bool with_source)
{
	uint32_t at = 0;
	int first_error = 0;

	for (uint32_t i = 0; i < m->n_want; i++) {
		struct kernel_map_ref *want = &m->want[i];
		const struct kernel_map_ref *have;
		int ret;

		if ((want->key.source != 0) != with_source)
			continue;
		have = seek(m->have, m->n_have, &at, &want->key);
		if (have && have->ref == want->ref)
			continue;
		ret = bpf_map_put(m->rules, &want->key, want->ref);
		if (ret < 0 && first_error == 0)
			first_error = ret;
	}
	return first_error;
}

static int remove_unwanted(struct kernel_map *m)
{
	uint32_t at = 0;
	int first_error = 0;

	for (uint32_t i = 0; i < m->n_have; i++) {
		int ret;

		if (seek(m->want, m->n_want, &at, &m->have[i].key))
			continue;
		ret = bpf_map_remove(m->rules, &m->have[i].key);
		if (ret < 0 && ret != -ENOENT && first_error == 0)
			first_error = ret;
	}
	return first_error;
}

/* Rules that name one interface by two names take the same frames: the first has them. */
static void drop_repeated(struct kernel_map *m, uint64_t now_ns)
{
	uint32_t n_written = 0;

	for (uint32_t i = 0; i < m->n_want; i++) {
		const struct kernel_map_ref *have;
		const uint32_t first = first_block(m->want[i].ref);

		if (!n_written || by_key(&m->want[n_written - 1], &m->want[i]) != 0) {
			m->want[n_written++] = m->want[i];
			continue;
		}
		have = find(m->have, m->n_have, &m->want[i].key);
		if (first != CHAIN_END && (!have || first_block(have->ref) != first)) {
			kernel_counters_leave(m, first, now_ns);
			kernel_chain_free(m, first, now_ns);
		}
	}
	m->n_want = n_written;
}

/* Chains to which no reference leads any more. */
static void free_chains(struct kernel_map *m, uint64_t now_ns)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < m->n_have; i++) {
		const uint32_t first = first_block(m->have[i].ref);
		const struct kernel_map_ref *want;

		if (first == CHAIN_END)
			continue;
		want = seek(m->want, m->n_want, &at, &m->have[i].key);
		if (want && first_block(want->ref) == first)
			continue;
		kernel_counters_leave(m, first, now_ns);
		kernel_chain_free(m, first, now_ns);
	}
}

int kernel_map_commit(struct kernel_map *m, uint64_t now_ns)
{
	struct kernel_map_ref *t = m->have;
	int ret, error;

	qsort(m->want, m->n_want, sizeof(m->want[0]), by_key);
	drop_repeated(m, now_ns);
	complete_streams(m);
	error = put_wanted(m, true);
	ret = put_wanted(m, false);
	error = error ? error : ret;
	ret = remove_unwanted(m);
	error = error ? error : ret;
	free_chains(m, now_ns);
	m->have = m->want;
	m->n_have = m->n_want;
	m->want = t;
	m->n_want = 0;
	return error;
}
