// SPDX-License-Identifier: MIT
/*
 * match.c - open-addressing table over a worker's rules
 *
 * One allocation per array, made when the table is built; a lookup reads one index
 * entry and, for a hit, one rule.  Linear probing at a load of at most one half.
 */
#include "core/relay/match.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/base/statpage.h"
#include "core/relay/limiter.h"

#define EMPTY         UINT32_MAX
#define IP_UDP_BYTES  28
#define DSCP_SHIFT    2 /* DSCP is the upper six bits of the TOS byte (RFC 2474) */
#define MULTICAST_TTL 1 /* what an egress socket uses when nothing is said (ip(7)) */

struct index_entry {
	uint32_t iface, source_be, group_be;
	uint16_t port;
	uint32_t rule; /* EMPTY or index into rules */
};

struct match_table {
	uint64_t generation;
	uint64_t hash;
	uint64_t hash_partial;
	uint32_t hash_at;
	uint32_t n_rules, n_outputs;
	uint32_t mask; /* of the index */
	bool any_source_specific;
	struct limit_page *limits;
	struct match_rule *rules;
	struct match_output *outputs;
	/* Outputs as snapshot_hash_rule() takes them are scattered through @outputs. */
	struct snapshot_output *hash_scratch;
	struct index_entry *index;
};

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

static struct match_rule *find(const struct match_table *t, uint32_t iface, uint32_t source_be,
			       uint32_t group_be, uint16_t port)
{
	uint32_t i = mix(iface, source_be, group_be, port) & t->mask;

	for (; t->index[i].rule != EMPTY; i = (i + 1) & t->mask)
		if (entry_is(&t->index[i], iface, source_be, group_be, port))
			return &t->rules[t->index[i].rule];
	return NULL;
}

static struct match_rule *lookup(const struct match_table *t, uint32_t iface, uint32_t source_be,
				 uint32_t group_be, uint16_t port)
{
	struct match_rule *rule = NULL;

	if (t->any_source_specific)
		rule = find(t, iface, source_be, group_be, port);
	return rule ? rule : find(t, iface, 0, group_be, port);
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

static void insert_as(struct match_table *t, uint32_t rule, uint16_t port)
{
	const struct snapshot_rule *r = &t->rules[rule].rec;
	const uint32_t source_be = addr_ipv4_be(&r->source), group_be = addr_ipv4_be(&r->group);
	uint32_t i;

	if (r->in_iface == MCR_NO_SLOT)
		return;
	if (source_be)
		t->any_source_specific = true;
	i = mix(r->in_iface, source_be, group_be, port) & t->mask;
	while (t->index[i].rule != EMPTY) {
		/* Rules are distinct; a group is entered once. */
		if (entry_is(&t->index[i], r->in_iface, source_be, group_be, port))
			return;
		i = (i + 1) & t->mask;
	}
	t->index[i] = (struct index_entry){r->in_iface, source_be, group_be, port, rule};
}

/* By its port, and for fragments without one by its group. */
static void insert(struct match_table *t, uint32_t rule)
{
	insert_as(t, rule, t->rules[rule].rec.port);
	insert_as(t, rule, 0);
}

static void *append_control(struct match_output *o, int type, size_t bytes)
{
	struct cmsghdr *c = (void *)(o->control + o->control_bytes);

	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(bytes);
	o->control_bytes += (uint32_t)CMSG_SPACE(bytes);
	return CMSG_DATA(c);
}

/* Fills what follows from the record: where to, and what travels with each message. */
static void derive(struct match_output *o)
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

static uint32_t mtu_of(const struct snapshot_view *view, uint32_t iface)
{
	for (uint32_t i = 0; i < view->n_ifaces; i++)
		if (view->ifaces[i].slot == iface)
			return view->ifaces[i].mtu;
	return 0;
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

static void build_output(struct match_output *o, const struct snapshot_output *rec, uint32_t mtu,
			 uint64_t incarnation, struct worker_page *page)
{
	struct output_slot *slot = &page->output[rec->slot];

	o->rec = *rec;
	o->payload_max = mtu > IP_UDP_BYTES ? mtu - IP_UDP_BYTES : 0;
	derive(o);
	take_slot(&slot->incarnation, incarnation, &slot->c, sizeof(slot->c));
	o->counters = &slot->c;
}

/* What a rule learned under the table in use and that a swap must not forget. */
static void carry_over(struct match_rule *r, const struct match_table *old)
{
	const struct match_rule *was;

	if (!old)
		return;
	was = find(old, r->rec.in_iface, addr_ipv4_be(&r->rec.source), addr_ipv4_be(&r->rec.group),
		   r->rec.port);
	if (!was || was->rec.incarnation != r->rec.incarnation)
		return;
	r->guard = was->guard;
}

static void build_rule(struct match_table *t, const struct snapshot_view *view,
		       const struct snapshot_rule *rec, struct worker_page *page,
		       const struct match_table *old)
{
	struct match_rule *r = &t->rules[t->n_rules];
	struct rule_slot *slot = &page->rule[rec->slot];

	r->rec = *rec;
	r->rec.first_output = t->n_outputs;
	r->outputs = &t->outputs[t->n_outputs];
	r->head = r->tail = CHAIN_END;
	take_slot(&slot->incarnation, rec->incarnation, &slot->c, sizeof(slot->c));
	r->counters = &slot->c;
	r->limit = &t->limits->rule[rec->slot];
	if (rec->limit_pps || rec->limit_bps)
		limiter_own(r->limit, rec->incarnation);
	for (uint32_t i = 0; i < rec->n_outputs; i++) {
		const struct snapshot_output *out = &view->outputs[rec->first_output + i];

		build_output(&r->outputs[i], out, mtu_of(view, out->iface), rec->incarnation, page);
		r->decrements |= out->ttl_set == TTL_DECREMENT;
		if (i == 0 || r->outputs[i].payload_max < r->payload_max)
			r->payload_max = r->outputs[i].payload_max;
	}
	carry_over(r, old);
	__atomic_store_n(&r->counters->held_until_ns, r->guard.held_until_ns, __ATOMIC_RELAXED);
	t->n_outputs += rec->n_outputs;
	insert(t, t->n_rules++);
}

static struct match_table *table_new(uint32_t rules, uint32_t outputs)
{
	struct match_table *t = calloc(1, sizeof(*t));
	uint32_t size = 16;

	if (!t)
		return NULL;
	while (size < rules * 4) /* two entries each, at a load of one half */
		size *= 2;
	t->mask = size - 1;
	t->rules = calloc(rules + 1, sizeof(*t->rules));
	t->outputs = calloc(outputs + 1, sizeof(*t->outputs));
	t->hash_scratch = calloc(MCR_MAX_RULE_OUTPUTS, sizeof(*t->hash_scratch));
	t->index = malloc(size * sizeof(*t->index));
	if (!t->rules || !t->outputs || !t->hash_scratch || !t->index) {
		match_free(t);
		return NULL;
	}
	memset(t->index, 0xff, size * sizeof(*t->index));
	return t;
}

struct match_table *match_build(const struct snapshot_view *view, unsigned worker,
				struct worker_page *page, struct limit_page *limits,
				const struct match_table *old)
{
	const uint64_t bit = 1ull << worker;
	uint32_t rules = 0, outputs = 0;
	struct match_table *t;

	for (uint32_t i = 0; i < view->n_rules; i++) {
		if (view->rules[i].worker_mask & bit) {
			rules++;
			outputs += view->rules[i].n_outputs;
		}
	}
	t = table_new(rules, outputs);
	if (!t)
		return NULL;
	t->generation = view->generation;
	t->limits = limits;
	for (uint32_t i = 0; i < view->n_rules; i++)
		if (view->rules[i].worker_mask & bit)
			build_rule(t, view, &view->rules[i], page, old);
	match_hash_step(t, t->n_rules);
	return t;
}

void match_free(struct match_table *t)
{
	if (!t)
		return;
	free(t->rules);
	free(t->outputs);
	free(t->hash_scratch);
	free(t->index);
	free(t);
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

static bool output_is_sound(const struct match_output *o)
{
	struct match_output want = {.rec = o->rec};

	derive(&want);
	return memcmp(&o->to, &want.to, sizeof(want.to)) == 0 &&
	       o->control_bytes == want.control_bytes &&
	       memcmp(o->control, want.control, want.control_bytes) == 0;
}

/* Does the index lead to it, or to one with the same input? */
static bool rule_is_found(const struct match_table *t, const struct match_rule *r)
{
	const uint32_t source_be = addr_ipv4_be(&r->rec.source);
	const uint32_t group_be = addr_ipv4_be(&r->rec.group);
	const struct match_rule *found;

	if (r->rec.in_iface == MCR_NO_SLOT)
		return true;
	found = find(t, r->rec.in_iface, source_be, group_be, r->rec.port);
	return found && (size_t)(found - t->rules) < t->n_rules &&
	       found->rec.in_iface == r->rec.in_iface && found->rec.port == r->rec.port &&
	       addr_equal(&found->rec.source, &r->rec.source) &&
	       addr_equal(&found->rec.group, &r->rec.group);
}

/*
 * Is what was made from the record still in keeping with it?  A damaged record may
 * count more outputs than there are, and hashing must survive what it looks for.
 */
static bool rule_is_sound(const struct match_table *t, const struct match_rule *r)
{
	const uint32_t first = r->rec.first_output;

	if (first > t->n_outputs || r->rec.n_outputs > t->n_outputs - first ||
	    r->rec.n_outputs > MCR_MAX_RULE_OUTPUTS || r->outputs != &t->outputs[first])
		return false;
	for (uint32_t i = 0; i < r->rec.n_outputs; i++)
		if (!output_is_sound(&r->outputs[i]))
			return false;
	return rule_is_found(t, r);
}

bool match_hash_step(struct match_table *t, uint32_t n)
{
	for (; n && t->hash_at < t->n_rules; n--, t->hash_at++) {
		const struct match_rule *r = &t->rules[t->hash_at];

		if (!rule_is_sound(t, r)) /* left out, its hash is missing from the sum */
			continue;
		for (uint32_t i = 0; i < r->rec.n_outputs; i++)
			t->hash_scratch[i] = r->outputs[i].rec;
		t->hash_partial += snapshot_hash_rule(&r->rec, t->hash_scratch);
	}
	if (t->hash_at < t->n_rules)
		return false;
	t->hash = t->hash_partial;
	t->hash_partial = 0;
	t->hash_at = 0;
	return true;
}
