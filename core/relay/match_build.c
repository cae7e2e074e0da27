// SPDX-License-Identifier: MIT
/*
 * match_build.c - records of a table are prepared, then put in place
 *
 * Changes are prepared first, where memory may be missing, and made afterwards, where
 * nothing can fail.
 */
#include "core/relay/match_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bitset.h"
#include "core/base/hash.h"
#include "core/base/statpage.h"
#include "core/relay/limiter.h"
#include "core/relay/match.h"
#include "core/relay/match_table.h"

#define IP_UDP_BYTES 28
#define RULES_LEAST  16u

/* --- records --- */

/* Payload that leaves unfragmented. */
static uint32_t payload_max(uint32_t mtu)
{
	return mtu > IP_UDP_BYTES ? mtu - IP_UDP_BYTES : 0;
}

/*
 * A slot in the status page changes hands.  A reader accepts counters only if the
 * incarnation is the same before and after it copied them.
 */
static void take_slot(uint64_t *owner, uint64_t incarnation, void *counters, size_t bytes)
{
	if (*owner == incarnation)
		return;
	__atomic_store_n(owner, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE); /* nobody's before the first byte is zeroed */
	memset(counters, 0, bytes);
	__atomic_store_n(owner, incarnation, __ATOMIC_RELEASE);
}

/* @matched: datagrams that its rule has matched so far */
static void build_output(struct match_output *o, const struct snapshot_output *rec, uint32_t mtu,
			 uint64_t matched, struct worker_page *page)
{
	struct output_slot *slot = &page->output[rec->slot];

	o->rec = *rec;
	o->payload_max = payload_max(mtu);
	match_derive(o);
	if (slot->incarnation != rec->incarnation)
		slot->before = matched;
	take_slot(&slot->incarnation, rec->incarnation, &slot->c, sizeof(slot->c));
	o->counters = &slot->c;
}

/* Sends of a batch are told apart by their order, which this stands for. */
static uint64_t action_of(const struct snapshot_rule *rec, const struct snapshot_output *outputs)
{
	uint64_t h = hash_word(HASH_SEED, rec->incarnation);

	for (uint32_t i = 0; i < rec->n_outputs; i++)
		h = hash_word(hash_word(h, outputs[i].incarnation), outputs[i].slot);
	return hash_final(h) | 1;
}

/* @mtus: by slot */
static void build_rule(struct match_table *t, struct match_rule *r,
		       const struct snapshot_output *outputs,
		       const uint32_t mtus[static MCR_MAX_IFACES], struct worker_page *page)
{
	const struct snapshot_rule *rec = &r->rec;
	struct rule_slot *slot = &page->rule[rec->slot];

	take_slot(&slot->incarnation, rec->incarnation, &slot->c, sizeof(slot->c));
	r->counters = &slot->c;
	r->action = action_of(rec, outputs);
	r->limit = &t->limits->rule[rec->slot];
	if (rec->limit_pps || rec->limit_bps)
		limiter_own(r->limit, rec->incarnation);
	for (uint32_t i = 0; i < rec->n_outputs; i++) {
		const struct snapshot_output *out = &outputs[i];
		const uint32_t mtu = out->iface < MCR_MAX_IFACES ? mtus[out->iface] : 0;

		build_output(&r->outputs[i], out, mtu, r->counters->matched, page);
		r->decrements |= out->ttl_set == TTL_DECREMENT;
		for (unsigned k = 0; k < SNAPSHOT_DIVISIONS; k++)
			r->n_divided[k] += out->divided >> k & 1;
		if (i == 0 || r->outputs[i].payload_max < r->payload_max)
			r->payload_max = r->outputs[i].payload_max;
	}
}

/* Room for the rule and its outputs; NULL: out of memory. */
static struct match_rule *rule_new(const struct snapshot_rule *rec)
{
	struct match_rule *r = calloc(1, sizeof(*r) + rec->n_outputs * sizeof(struct match_output));

	if (!r)
		return NULL;
	r->rec = *rec;
	r->rec.first_output = 0;
	r->outputs = (struct match_output *)(r + 1);
	r->key = (struct match_key_value){addr_ipv4_be(&rec->source), addr_ipv4_be(&rec->group),
					  rec->in_iface, rec->port};
	r->slot = rec->slot;
	r->n_outputs = rec->n_outputs;
	r->head = r->tail = CHAIN_END;
	return r;
}

static void rule_insert(struct match_table *t, struct match_rule *r)
{
	r->at = t->n_rules;
	t->rules[t->n_rules++] = r;
	t->by_slot[r->slot] = r;
	if (r->key.iface == MCR_NO_SLOT)
		return;
	t->source_specific += r->key.source_be != 0;
	for (enum match_key key = 0; key < MATCH_KEYS; key++)
		match_index_add(t, r, key);
}

static void rule_remove(struct match_table *t, struct match_rule *r)
{
	struct match_rule *last = t->rules[--t->n_rules];

	t->rules[r->at] = last;
	last->at = r->at;
	t->by_slot[r->slot] = NULL;
	t->hash -= r->hash;
	if (r->key.iface != MCR_NO_SLOT) {
		t->source_specific -= r->key.source_be != 0;
		for (enum match_key key = 0; key < MATCH_KEYS; key++)
			match_index_remove(t, r, key);
	}
	free(r);
}

/* --- the table --- */

static struct match_table *table_new(uint32_t rules)
{
	struct match_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->room = rules + RULES_LEAST;
	t->rules = calloc(t->room, sizeof(*t->rules));
	t->by_slot = calloc(MCR_MAX_RULES, sizeof(struct match_rule *));
	t->hash_scratch = calloc(MCR_MAX_RULE_OUTPUTS, sizeof(*t->hash_scratch));
	t->index = match_index_new(t->room, &t->mask);
	if (!t->rules || !t->by_slot || !t->hash_scratch || !t->index) {
		match_free(t);
		return NULL;
	}
	return t;
}

/* Room for @rules in all; what is there stays. */
static int table_reserve(struct match_table *t, uint32_t rules)
{
	const uint32_t room = rules + rules / 4 + RULES_LEAST;
	struct match_rule **list;
	struct index_entry *index;
	uint32_t mask;

	if (rules <= t->room)
		return 0;
	list = realloc(t->rules, room * sizeof(struct match_rule *));
	if (!list)
		return -ENOMEM;
	t->rules = list;
	index = match_index_new(room, &mask);
	if (!index)
		return -ENOMEM;
	t->room = room;
	match_index_move(t, index, mask);
	return 0;
}

static void find_mtus(const struct snapshot_view *view, uint32_t mtus[static MCR_MAX_IFACES])
{
	memset(mtus, 0, MCR_MAX_IFACES * sizeof(mtus[0]));
	for (uint32_t i = 0; i < view->n_ifaces; i++)
		mtus[view->ifaces[i].slot] = view->ifaces[i].mtu;
}

static struct match_rule *find_slot(const struct match_table *t, uint32_t slot)
{
	return slot < MCR_MAX_RULES ? t->by_slot[slot] : NULL;
}

/* Copies the state that a rule has built up in the table in use: a swap must not lose it. */
static void carry_over(struct match_rule *r, const struct match_rule *was)
{
	if (was && was->rec.incarnation == r->rec.incarnation)
		r->guard = was->guard;
	__atomic_store_n(&r->counters->held_until_ns, r->guard.held_until_ns, __ATOMIC_RELAXED);
}

/* The rules of a whole snapshot that a worker is to have. */
struct selection {
	const struct snapshot_view *view;
	uint64_t bit;
	uint64_t changed[MCR_MAX_RULES / 64]; /* by slot: changes say what becomes of it */
};

static void select_rules(struct selection *s, const struct snapshot_view *view,
			 const struct snapshot_view *changes, unsigned worker)
{
	*s = (struct selection){.view = view, .bit = 1ull << worker};
	for (uint32_t i = 0; changes && i < changes->n_rules; i++)
		bitset_add(s->changed, changes->rules[i].slot);
	for (uint32_t i = 0; changes && i < changes->n_removed; i++)
		bitset_add(s->changed, changes->removed[i]);
}

static bool is_selected(const struct selection *s, const struct snapshot_rule *rec)
{
	return rec->worker_mask & s->bit && !bitset_has(s->changed, rec->slot);
}

/* Return: 0; -ENOMEM, some of them are in the table then. */
static int insert_selected(struct match_table *t, const struct selection *s,
			   struct worker_page *page, const struct match_table *old)
{
	uint32_t mtus[MCR_MAX_IFACES];

	find_mtus(s->view, mtus);
	for (uint32_t i = 0; i < s->view->n_rules; i++) {
		const struct snapshot_rule *rec = &s->view->rules[i];
		struct match_rule *r;

		if (!is_selected(s, rec))
			continue;
		r = rule_new(rec);
		if (!r)
			return -ENOMEM;
		build_rule(t, r, &s->view->outputs[rec->first_output], mtus, page);
		carry_over(r, old ? find_slot(old, rec->slot) : NULL);
		rule_insert(t, r);
	}
	return 0;
}

static int change(struct match_table *t, const struct snapshot_view *view, unsigned worker,
		  struct worker_page *page, const struct match_table *old);

struct match_table *match_build_changed(const struct snapshot_view *view,
					const struct snapshot_view *changes, unsigned worker,
					struct worker_page *page, struct limit_page *limits,
					const struct match_table *old)
{
	struct selection s;
	uint32_t rules = 0;
	struct match_table *t;
	int ret;

	select_rules(&s, view, changes, worker);
	for (uint32_t i = 0; i < view->n_rules; i++)
		rules += is_selected(&s, &view->rules[i]);
	t = table_new(rules);
	if (!t)
		return NULL;
	t->generation = t->base = view->generation;
	t->limits = limits;
	ret = insert_selected(t, &s, page, old);
	if (ret == 0) {
		match_hash_step(t, t->n_rules);
		ret = changes ? change(t, changes, worker, page, old) : 0;
	}
	if (ret < 0) {
		match_free(t);
		return NULL;
	}
	return t;
}

struct match_table *match_build(const struct snapshot_view *view, unsigned worker,
				struct worker_page *page, struct limit_page *limits,
				const struct match_table *old)
{
	return match_build_changed(view, NULL, worker, page, limits, old);
}

void match_free(struct match_table *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->n_rules; i++)
		free(t->rules[i]);
	free(t->rules);
	free(t->by_slot);
	free(t->hash_scratch);
	free(t->index);
	free(t);
}

/* --- changes --- */

/* Does the table have the rule just so? */
static bool has_rule(const struct match_table *t, const struct snapshot_rule *rec,
		     const struct snapshot_output *outputs,
		     const uint32_t mtus[static MCR_MAX_IFACES])
{
	const struct match_rule *r = find_slot(t, rec->slot);
	struct snapshot_rule have;

	if (!r || r->n_outputs != rec->n_outputs)
		return false;
	have = r->rec;
	have.first_output = rec->first_output;
	if (memcmp(&have, rec, sizeof(have)) != 0)
		return false;
	for (uint32_t i = 0; i < rec->n_outputs; i++) {
		const struct match_output *o = &r->outputs[i];
		const uint32_t mtu = o->rec.iface < MCR_MAX_IFACES ? mtus[o->rec.iface] : 0;

		if (memcmp(&o->rec, &outputs[i], sizeof(o->rec)) != 0 ||
		    o->payload_max != payload_max(mtu))
			return false;
	}
	return true;
}

/*
 * Makes the rules that are new to the table: in @fresh, by place in the view; NULL for a rule
 * that is another worker's or in the table already.  Return: number of new rules; -ENOMEM.
 */
static int prepare(struct match_table *t, const struct snapshot_view *view, unsigned worker,
		   const uint32_t mtus[static MCR_MAX_IFACES], struct match_rule **fresh)
{
	int n = 0;

	for (uint32_t i = 0; i < view->n_rules; i++) {
		const struct snapshot_rule *rec = &view->rules[i];

		if (!(rec->worker_mask >> worker & 1) ||
		    has_rule(t, rec, &view->outputs[rec->first_output], mtus))
			continue;
		fresh[i] = rule_new(rec);
		if (!fresh[i])
			return -ENOMEM;
		n++;
	}
	return table_reserve(t, t->n_rules + (uint32_t)n) < 0 ? -ENOMEM : n;
}

static void change_rule(struct match_table *t, const struct snapshot_view *view, uint32_t i,
			struct match_rule *r, const uint32_t mtus[static MCR_MAX_IFACES],
			struct worker_page *page, const struct match_table *old)
{
	struct match_rule *was = find_slot(t, view->rules[i].slot);

	build_rule(t, r, &view->outputs[view->rules[i].first_output], mtus, page);
	carry_over(r, find_slot(old, r->slot));
	if (was)
		rule_remove(t, was);
	rule_insert(t, r);
	r->hash = match_hash_of(t, r);
	t->hash += r->hash;
}

/* But not those that took the slot of one that went. */
static void remove_rules(struct match_table *t, const struct snapshot_view *view)
{
	uint64_t there[MCR_MAX_RULES / 64] = {0};

	for (uint32_t i = 0; i < view->n_rules; i++)
		bitset_add(there, view->rules[i].slot);
	for (uint32_t i = 0; i < view->n_removed; i++) {
		struct match_rule *r = find_slot(t, view->removed[i]);

		if (r && !bitset_has(there, r->slot))
			rule_remove(t, r);
	}
}

/* @old: has what carries over, may be @t */
static int change(struct match_table *t, const struct snapshot_view *view, unsigned worker,
		  struct worker_page *page, const struct match_table *old)
{
	struct match_rule **fresh;
	uint32_t mtus[MCR_MAX_IFACES];
	int ret;

	if (!view->base || view->base != t->base)
		return -ESTALE;
	fresh = calloc(view->n_rules + 1, sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	find_mtus(view, mtus);
	ret = prepare(t, view, worker, mtus, fresh);
	for (uint32_t i = 0; i < view->n_rules; i++) {
		struct match_rule *was = find_slot(t, view->rules[i].slot);

		if (ret < 0)
			free(fresh[i]);
		else if (fresh[i])
			change_rule(t, view, i, fresh[i], mtus, page, old ? old : t);
		else if (was && !(view->rules[i].worker_mask >> worker & 1))
			rule_remove(t, was);
	}
	free(fresh);
	if (ret < 0)
		return ret;
	remove_rules(t, view);
	t->generation = view->generation;
	return 0;
}

int match_change(struct match_table *t, const struct snapshot_view *view, unsigned worker,
		 struct worker_page *page)
{
	return change(t, view, worker, page, t);
}
