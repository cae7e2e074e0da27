// SPDX-License-Identifier: MIT
/*
 * match.c - open-addressing table over a worker's rules: lookups, index, hash
 *
 * A rule and its outputs are one block of memory; a lookup reads one index entry and, for
 * a hit, one rule.  Linear probing at a load of at most one half.  An entry leads to the
 * first rule with its key; others with the same key are linked behind it.
 */
#include "core/relay/match.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/relay/match_table.h"

#define DSCP_SHIFT    2 /* DSCP is the upper six bits of the TOS byte (RFC 2474) */
#define MULTICAST_TTL 1 /* what an egress socket uses when nothing is said (ip(7)) */
#define INDEX_LEAST   16u

static uint32_t mix(uint32_t iface, uint32_t source_be, uint32_t group_be, uint16_t port)
{
	uint64_t h = hash_word(HASH_SEED, (uint64_t)group_be << 32 | source_be);

	/* Streams are numbered in row, so every bit of the key must reach the low ones. */
	h = hash_word(h, (uint64_t)iface << 16 | port);
	return (uint32_t)h;
}

static bool entry_is(const struct index_entry *e, uint32_t iface, uint32_t source_be,
		     uint32_t group_be, uint16_t port)
{
	return e->group_be == group_be && e->port == port && e->source_be == source_be &&
	       e->iface == iface;
}

/* The entry of the key, or the free one where it belongs. */
static struct index_entry *entry_of(const struct match_table *t, uint32_t iface, uint32_t source_be,
				    uint32_t group_be, uint16_t port)
{
	uint32_t i = mix(iface, source_be, group_be, port) & t->mask;

	while (t->index[i].rule && !entry_is(&t->index[i], iface, source_be, group_be, port))
		i = (i + 1) & t->mask;
	return &t->index[i];
}

static struct match_rule *lookup(const struct match_table *t, uint32_t iface, uint32_t source_be,
				 uint32_t group_be, uint16_t port)
{
	struct match_rule *rule = NULL;

	if (t->source_specific)
		rule = entry_of(t, iface, source_be, group_be, port)->rule;
	return rule ? rule : entry_of(t, iface, 0, group_be, port)->rule;
}

/* Port 0 is no rule's: its entries stand for groups, which only fragments look for. */
struct match_rule *match_lookup(const struct match_table *t, uint32_t iface, uint32_t source_be,
				uint32_t group_be, uint16_t port)
{
	return port ? lookup(t, iface, source_be, group_be, port) : NULL;
}

struct match_rule *match_lookup_fragment(const struct match_table *t, uint32_t iface,
					 uint32_t source_be, uint32_t group_be, uint16_t port)
{
	return lookup(t, iface, source_be, group_be, port);
}

static uint16_t port_of(const struct match_rule *r, enum match_key key)
{
	return key == MATCH_PORT ? r->key.port : 0;
}

/* --- the index --- */

void match_index_add(struct match_table *t, struct match_rule *r, enum match_key key)
{
	const struct match_key_value *k = &r->key;
	struct index_entry *e = entry_of(t, k->iface, k->source_be, k->group_be, port_of(r, key));
	struct match_link *at = &r->same[key];

	if (!e->rule) {
		*e = (struct index_entry){k->source_be, k->group_be, k->iface, port_of(r, key), r};
		return;
	}
	/* Behind the first, which stays the one that is found. */
	at->prev = e->rule;
	at->next = e->rule->same[key].next;
	if (at->next)
		at->next->same[key].prev = r;
	e->rule->same[key].next = r;
}

/* Entries that were probed past it move up, so that no lookup ends before them. */
static void index_free(struct match_table *t, struct index_entry *e)
{
	uint32_t hole = (uint32_t)(e - t->index), i = hole;

	for (;;) {
		const struct index_entry *x;
		uint32_t home;

		i = (i + 1) & t->mask;
		x = &t->index[i];
		if (!x->rule)
			break;
		home = mix(x->iface, x->source_be, x->group_be, x->port) & t->mask;
		if (((i - home) & t->mask) < ((i - hole) & t->mask))
			continue;
		t->index[hole] = *x;
		hole = i;
	}
	t->index[hole].rule = NULL;
}

/* The entry that leads to a rule; a damaged index is searched. */
static struct index_entry *entry_to(const struct match_table *t, const struct match_rule *r,
				    enum match_key key)
{
	const struct match_key_value *k = &r->key;
	struct index_entry *e = entry_of(t, k->iface, k->source_be, k->group_be, port_of(r, key));

	for (uint32_t i = 0; e->rule != r && i <= t->mask; i++)
		if (t->index[i].rule == r)
			e = &t->index[i];
	return e->rule == r ? e : NULL;
}

void match_index_remove(struct match_table *t, struct match_rule *r, enum match_key key)
{
	struct match_link *at = &r->same[key];
	struct index_entry *e;

	if (at->next)
		at->next->same[key].prev = at->prev;
	if (at->prev) {
		at->prev->same[key].next = at->next;
		return;
	}
	e = entry_to(t, r, key);
	if (!e)
		return;
	e->rule = at->next;
	if (!e->rule)
		index_free(t, e);
}

struct index_entry *match_index_new(uint32_t rules, uint32_t *mask)
{
	uint32_t size = INDEX_LEAST;

	while (size < rules * 4) /* two entries each, at a load of one half */
		size *= 2;
	*mask = size - 1;
	return calloc(size, sizeof(struct index_entry));
}

void match_index_move(struct match_table *t, struct index_entry *index, uint32_t mask)
{
	for (uint32_t i = 0; i <= t->mask; i++) {
		const struct index_entry *e = &t->index[i];
		uint32_t k = mix(e->iface, e->source_be, e->group_be, e->port) & mask;

		if (!e->rule)
			continue;
		while (index[k].rule)
			k = (k + 1) & mask;
		index[k] = *e;
	}
	free(t->index);
	t->index = index;
	t->mask = mask;
}

/* --- messages --- */

static void *append_control(struct match_output *o, int type, size_t bytes)
{
	struct cmsghdr *c = (void *)(o->control + o->control_bytes);

	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(bytes);
	o->control_bytes += (uint32_t)CMSG_SPACE(bytes);
	return CMSG_DATA(c);
}

void match_derive(struct match_output *o)
{
	const struct in_pktinfo from = {.ipi_spec_dst.s_addr = addr_ipv4_be(&o->rec.source)};
	const int ttl = o->rec.ttl, tos = o->rec.dscp << DSCP_SHIFT;

	o->to = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(o->rec.port),
		.sin_addr.s_addr = addr_ipv4_be(&o->rec.group),
	};
	o->control_bytes = 0;
	/* A socket may be shared, so source address, TTL and DSCP go with the message. */
	memcpy(append_control(o, IP_PKTINFO, sizeof(from)), &from, sizeof(from));
	if (ttl != MULTICAST_TTL || !addr_is_multicast(&o->rec.group))
		memcpy(append_control(o, IP_TTL, sizeof(ttl)), &ttl, sizeof(ttl));
	if (tos)
		memcpy(append_control(o, IP_TOS, sizeof(tos)), &tos, sizeof(tos));
}

uint32_t match_rules(const struct match_table *t)
{
	return t->n_rules;
}

uint64_t match_generation(const struct match_table *t)
{
	return t->generation;
}

uint64_t match_hash(const struct match_table *t)
{
	return t->hash;
}

/* --- the hash --- */

static bool output_is_sound(const struct match_output *o)
{
	struct match_output want = {.rec = o->rec};

	match_derive(&want);
	return memcmp(&o->to, &want.to, sizeof(want.to)) == 0 &&
	       o->control_bytes == want.control_bytes &&
	       memcmp(o->control, want.control, want.control_bytes) == 0;
}

/* Does the index lead to it, or to one with the same input? */
static bool rule_is_found(const struct match_table *t, const struct match_rule *r)
{
	const struct match_rule *found;

	if (r->rec.in_iface == MCR_NO_SLOT)
		return true;
	found = entry_of(t, r->rec.in_iface, addr_ipv4_be(&r->rec.source),
			 addr_ipv4_be(&r->rec.group), r->rec.port)
			->rule;
	return found && found->rec.in_iface == r->rec.in_iface && found->rec.port == r->rec.port &&
	       addr_equal(&found->rec.source, &r->rec.source) &&
	       addr_equal(&found->rec.group, &r->rec.group);
}

/*
 * Is what was made from the record still in keeping with it?  A damaged record may
 * count more outputs than there are, and hashing must survive what it looks for.
 */
static bool rule_is_sound(const struct match_table *t, const struct match_rule *r)
{
	if (r->rec.n_outputs != r->n_outputs || r->n_outputs > MCR_MAX_RULE_OUTPUTS ||
	    r->outputs != (const struct match_output *)(r + 1))
		return false;
	for (uint32_t i = 0; i < r->n_outputs; i++)
		if (!output_is_sound(&r->outputs[i]))
			return false;
	return rule_is_found(t, r);
}

uint64_t match_hash_of(const struct match_table *t, const struct match_rule *r)
{
	if (!rule_is_sound(t, r))
		return 0;
	for (uint32_t i = 0; i < r->n_outputs; i++)
		t->hash_scratch[i] = r->outputs[i].rec;
	return snapshot_hash_rule(&r->rec, t->hash_scratch);
}

bool match_hash_step(struct match_table *t, uint32_t n)
{
	for (; n && t->hash_at < t->n_rules; n--, t->hash_at++) {
		struct match_rule *r = t->rules[t->hash_at];
		const uint64_t hash = match_hash_of(t, r);

		t->hash += hash - r->hash;
		r->hash = hash;
	}
	if (t->hash_at < t->n_rules)
		return false;
	t->hash_at = 0;
	return true;
}
