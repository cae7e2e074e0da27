// SPDX-License-Identifier: MIT
/*
 * kernel_check.c - compare what the kernel holds with what was written, in slices
 *
 * A round reads every element once, each slice with the blocks to which its elements lead.  An
 * element that the round has not seen at its end is missing.  A difference is rare, and then
 * everything is read at once, so that one damage is reported once.
 */
#include "daemon/control/kernel_check.h"

#include <errno.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "daemon/control/kernel_chain.h"
#include "daemon/control/kernel_entry.h"
#include "daemon/control/kernel_map_state.h"

/* Both a little less than the caller's pace makes of it; together the bound for a repair. */
#define SLICE_PAUSE_NS (80 * NS_PER_MS)
#define ROUND_NS       (750 * NS_PER_MS)

static bool is_as_written(struct kernel_map *m, const struct kernel_path_key *key, uint64_t ref)
{
	const uint32_t at = kernel_entry_find(m, key);
	struct kernel_map_entry *e = at == MCR_NO_SLOT ? NULL : &m->entry[at];
	const struct kernel_map_place *p;

	if (!e || e->ref != ref)
		return false;
	e->round = m->round.number;
	if (!(ref & KERNEL_PATH_REF_RELAY))
		return true;
	p = e->rules == MCR_NO_SLOT ? NULL : &m->place[e->rules];
	return p && kernel_chain_hash(m, (uint32_t)ref) == p->hash;
}

static bool all_were_seen(const struct kernel_map *m)
{
	for (uint32_t i = 0; i < m->n_entries; i++)
		if (m->entry[i].ref && m->entry[i].round != m->round.number)
			return false;
	return true;
}

static void begin_round(struct kernel_map *m)
{
	m->round.cursor = (struct bpf_map_cursor){0};
	m->round.number++;
}

static bool is_due(struct kernel_map *m, uint64_t now_ns)
{
	struct kernel_map_round *r = &m->round;

	if (m->loading || now_ns < r->due_ns)
		return false;
	if (!r->cursor.begun)
		r->begun_ns = now_ns;
	r->due_ns = now_ns + SLICE_PAUSE_NS;
	return true;
}

/* Return: are they as they were left?  Negative errno. */
static int check_slice(struct kernel_map *m)
{
	struct kernel_map_round *r = &m->round;
	const int n = bpf_map_read(m->rules, &r->cursor, m->keys, m->values, KERNEL_MAP_SLICE);

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++)
		if (!is_as_written(m, &m->keys[i], m->values[i]))
			return false;
	if (!r->cursor.ended)
		return true;
	if (!all_were_seen(m))
		return false;
	begin_round(m);
	r->due_ns = r->begun_ns + ROUND_NS;
	return true;
}

/* --- repair --- */

/* Notes the elements that were read, and removes those of keys that no rule has. */
static int take_down(struct kernel_map *m, int n)
{
	int first_error = 0;

	for (int i = 0; i < n; i++) {
		const uint32_t at = kernel_entry_find(m, &m->keys[i]);
		int ret = 0;

		if (at != MCR_NO_SLOT)
			kernel_entry_holds(m, at, m->values[i]);
		else
			ret = bpf_map_remove(m->rules, &m->keys[i]);
		first_error = first_error || ret == -ENOENT ? first_error : ret;
	}
	return first_error;
}

static int read_all(struct kernel_map *m)
{
	int ret = 0;

	begin_round(m);
	while (ret == 0 && !m->round.cursor.ended) {
		const int n = bpf_map_read(m->rules, &m->round.cursor, m->keys, m->values,
					   KERNEL_MAP_SLICE);

		ret = n < 0 ? n : take_down(m, n);
	}
	for (uint32_t i = 0; i < m->n_entries && ret == 0; i++)
		if (m->entry[i].ref && m->entry[i].round != m->round.number)
			kernel_entry_holds(m, i, 0);
	begin_round(m);
	return ret;
}

/* Blocks of chains whose reference could not be exchanged are free again. */
static void collect_chains(struct kernel_map *m, uint64_t now_ns)
{
	uint64_t used[KERNEL_PATH_BLOCKS / 64] = {0};

	for (uint32_t i = 0; i < KERNEL_PATH_RULES; i++)
		if (m->place[i].ref & KERNEL_PATH_REF_RELAY)
			kernel_chain_mark(m, (uint32_t)m->place[i].ref, used);
	kernel_chain_free_others(m, used, now_ns);
}

int kernel_map_check(struct kernel_map *m, uint64_t now_ns, bool *changed)
{
	int ret;

	*changed = false;
	if (!is_due(m, now_ns))
		return 0;
	ret = check_slice(m);
	*changed = ret == false;
	if (ret < 0 || (ret == true && !m->failed))
		return ret < 0 ? ret : 0;
	ret = read_all(m);
	if (ret < 0)
		return ret;
	if (m->failed)
		collect_chains(m, now_ns);
	m->failed = false;
	return 1;
}
