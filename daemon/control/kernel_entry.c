// SPDX-License-Identifier: MIT
/* kernel_entry.c - a hash table of keys, in which the entries of a stream are linked */
#include "daemon/control/kernel_entry.h"

#include <errno.h>

#include "core/base/hash.h"
#include "core/rules/kernel_path.h"
#include "daemon/control/kernel_chain.h"
#include "daemon/control/kernel_map_state.h"

/* References that take frames from the user path, or from the IP stack. */
#define TAKES (KERNEL_PATH_REF_RELAY | KERNEL_PATH_REF_CONSUME)

void kernel_entries_init(struct kernel_map *m)
{
	for (uint32_t i = 0; i < KERNEL_MAP_BUCKETS; i++)
		m->bucket[i] = MCR_NO_SLOT;
	m->free_entry = MCR_NO_SLOT;
}

/* --- the table --- */

static uint32_t *bucket_of(struct kernel_map *m, const struct kernel_path_key *key)
{
	return &m->bucket[hash_final(hash_bytes(HASH_SEED, key, sizeof(*key))) %
			  KERNEL_MAP_BUCKETS];
}

uint32_t kernel_entry_find(const struct kernel_map *m, const struct kernel_path_key *key)
{
	uint32_t at = *bucket_of((struct kernel_map *)m, key);

	while (at != MCR_NO_SLOT && kernel_path_compare(&m->entry[at].key, key) != 0)
		at = m->entry[at].next;
	return at;
}

static uint32_t take_entry(struct kernel_map *m, const struct kernel_path_key *key)
{
	uint32_t *bucket = bucket_of(m, key);
	uint32_t at = m->free_entry;

	if (at != MCR_NO_SLOT)
		m->free_entry = m->entry[at].next;
	else if (m->n_entries < KERNEL_MAP_ENTRIES)
		at = m->n_entries++;
	else
		return MCR_NO_SLOT;
	m->entry[at] = (struct kernel_map_entry){.key = *key,
						 .used = true,
						 .rules = MCR_NO_SLOT,
						 .next = *bucket,
						 .any = at,
						 .sources = MCR_NO_SLOT,
						 .before = MCR_NO_SLOT,
						 .after = MCR_NO_SLOT};
	*bucket = at;
	return at;
}

static void free_entry(struct kernel_map *m, uint32_t at)
{
	struct kernel_map_entry *e = &m->entry[at];
	uint32_t *to = bucket_of(m, &e->key);

	while (*to != at)
		to = &m->entry[*to].next;
	*to = e->next;
	e->used = false;
	e->next = m->free_entry;
	m->free_entry = at;
}

static void link_source(struct kernel_map *m, uint32_t at, uint32_t any)
{
	const uint32_t first = m->entry[any].sources;

	m->entry[at].any = any;
	m->entry[at].after = first;
	if (first != MCR_NO_SLOT)
		m->entry[first].before = at;
	m->entry[any].sources = at;
}

static void unlink_source(struct kernel_map *m, const struct kernel_map_entry *e)
{
	if (e->before != MCR_NO_SLOT)
		m->entry[e->before].after = e->after;
	else
		m->entry[e->any].sources = e->after;
	if (e->after != MCR_NO_SLOT)
		m->entry[e->after].before = e->before;
}

uint32_t kernel_entry_get(struct kernel_map *m, const struct kernel_path_key *key)
{
	struct kernel_path_key without = *key;
	uint32_t at = kernel_entry_find(m, key), any;

	if (at != MCR_NO_SLOT || key->source == 0)
		return at != MCR_NO_SLOT ? at : take_entry(m, key);
	without.source = 0;
	any = kernel_entry_get(m, &without);
	at = any == MCR_NO_SLOT ? MCR_NO_SLOT : take_entry(m, key);
	if (at != MCR_NO_SLOT)
		link_source(m, at, any);
	return at;
}

/* --- rules of a key --- */

void kernel_entry_add_rule(struct kernel_map *m, uint32_t at, uint32_t slot)
{
	uint32_t *to = &m->entry[at].rules;

	while (*to != MCR_NO_SLOT)
		to = &m->place[*to].next;
	*to = slot;
	m->place[slot].next = MCR_NO_SLOT;
	m->place[slot].entry = at;
}

void kernel_entry_remove_rule(struct kernel_map *m, uint32_t at, uint32_t slot)
{
	uint32_t *to = &m->entry[at].rules;

	while (*to != slot)
		to = &m->place[*to].next;
	*to = m->place[slot].next;
	m->place[slot].entry = MCR_NO_SLOT;
}

/* --- elements --- */

static bool is_any(const struct kernel_map *m, const struct kernel_map_entry *e)
{
	return &m->entry[e->any] == e;
}

static uint64_t hash_of(const struct kernel_map *m, const struct kernel_map_entry *e, uint64_t ref)
{
	uint64_t h = hash_bytes(HASH_SEED, &e->key, sizeof(e->key));

	if (!ref)
		return 0;
	if (ref & KERNEL_PATH_REF_RELAY && e->rules != MCR_NO_SLOT)
		h = hash_word(h, m->place[e->rules].hash);
	return hash_final(hash_word(h, ref));
}

void kernel_entry_holds(struct kernel_map *m, uint32_t at, uint64_t ref)
{
	struct kernel_map_entry *e = &m->entry[at];
	const uint64_t hash = hash_of(m, e, ref);
	const int more = (ref != 0) - (e->ref != 0);

	m->n_refs += (uint32_t)more;
	if (!is_any(m, e))
		m->entry[e->any].n_put += (uint32_t)more;
	m->hash += hash - e->hash;
	e->hash = hash;
	e->ref = ref;
	e->round = m->round.number;
}

static int write_element(struct kernel_map *m, uint32_t at, uint64_t ref)
{
	const struct kernel_map_entry *e = &m->entry[at];
	int ret;

	if (ref == e->ref)
		return 0;
	ret = ref ? bpf_map_put(m->rules, &e->key, ref) : bpf_map_remove(m->rules, &e->key);
	if (ret < 0 && (ref || ret != -ENOENT)) {
		m->failed = true;
		return ret;
	}
	kernel_entry_holds(m, at, ref);
	return 0;
}

/* Of the rule that has the key; before it is known, of an earlier control's. */
static uint64_t ref_of_rule(const struct kernel_map *m, const struct kernel_map_entry *e)
{
	if (e->rules != MCR_NO_SLOT)
		return m->place[e->rules].ref;
	return e->orphan ? e->ref & ~KERNEL_PATH_REF_SOURCES : 0;
}

static uint64_t wanted_of_source(const struct kernel_map *m, const struct kernel_map_entry *e)
{
	const uint64_t ref = ref_of_rule(m, e);

	/* An entry for any source would take the frames that are the workers'. */
	return ref & TAKES || m->entry[e->any].takes ? ref : 0;
}

static uint64_t wanted_of_any(const struct kernel_map *m, const struct kernel_map_entry *any)
{
	const uint64_t ref = ref_of_rule(m, any);

	/* If an entry of a source could not be put, workers relay for it, so they relay for all. */
	if (any->n_put < any->n_wanted)
		return 0;
	return (ref & TAKES ? ref : 0) | (any->n_wanted ? KERNEL_PATH_REF_SOURCES : 0);
}

static int put_source(struct kernel_map *m, uint32_t at)
{
	struct kernel_map_entry *e = &m->entry[at];
	const uint64_t ref = wanted_of_source(m, e);

	m->entry[e->any].n_wanted += (uint32_t)((ref != 0) - e->wanted);
	e->wanted = ref != 0;
	return ref ? write_element(m, at, ref) : 0;
}

static int remove_source(struct kernel_map *m, uint32_t at)
{
	return m->entry[at].wanted ? 0 : write_element(m, at, 0);
}

typedef int step_fn(struct kernel_map *m, uint32_t at);

/* For one entry for a source, or for all of the stream. */
static int for_sources(struct kernel_map *m, uint32_t at, bool all, step_fn *step)
{
	const struct kernel_map_entry *any = &m->entry[m->entry[at].any];
	int first_error = 0;

	if (!all)
		return is_any(m, &m->entry[at]) ? 0 : step(m, at);
	for (uint32_t i = any->sources; i != MCR_NO_SLOT; i = m->entry[i].after) {
		const int ret = step(m, i);

		first_error = first_error ? first_error : ret;
	}
	return first_error;
}

static void drop_unused(struct kernel_map *m, uint32_t at)
{
	const struct kernel_map_entry *e = &m->entry[at];
	const uint32_t any = e->any;

	if (e->ref || e->rules != MCR_NO_SLOT || e->sources != MCR_NO_SLOT)
		return;
	if (any != at)
		unlink_source(m, e);
	free_entry(m, at);
	if (any != at)
		drop_unused(m, any);
}

int kernel_entry_update(struct kernel_map *m, uint32_t at)
{
	const uint32_t any_at = m->entry[at].any;
	struct kernel_map_entry *any = &m->entry[any_at];
	const bool takes = (ref_of_rule(m, any) & TAKES) != 0, all = takes != any->takes;
	int ret, error;

	any->takes = takes;
	error = for_sources(m, at, all, put_source);
	ret = write_element(m, any_at, wanted_of_any(m, any));
	error = error ? error : ret;
	ret = for_sources(m, at, all, remove_source);
	drop_unused(m, at);
	return error ? error : ret;
}
