// SPDX-License-Identifier: MIT
/*
 * snapshot_parse.c - from untrusted bytes to a snapshot view
 *
 * Order matters: the header bounds the arrays, the interfaces give the set of slots
 * that rules and outputs may name, each rule bounds its range of outputs, and only
 * then can the hash be computed, because it follows those ranges.
 */
#include "core/rules/snapshot_parse.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "core/base/bitset.h"
#include "core/base/iface.h"
#include "core/rules/rule.h"
#include "core/rules/snapshot.h"

/* Slots met so far; two rules with one slot would share their counters. */
struct slot_sets {
	uint64_t ifaces[MCR_MAX_IFACES / 64];
	uint64_t rules[MCR_MAX_RULES / 64];
	uint64_t removed[MCR_MAX_RULES / 64];
	uint64_t outputs[MCR_MAX_OUTPUTS / 64];
};

/* False when @slot is out of range or taken. */
static bool take_slot(uint64_t *set, uint32_t slot, uint32_t limit)
{
	if (slot >= limit || bitset_has(set, slot))
		return false;
	bitset_add(set, slot);
	return true;
}

static bool known_iface(const struct slot_sets *sets, uint32_t slot)
{
	return slot == MCR_NO_SLOT || (slot < MCR_MAX_IFACES && bitset_has(sets->ifaces, slot));
}

static bool terminated(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

/* Is it of @family, with the bytes unused by the family zero? */
static bool addr_is_clean(const struct addr *a, enum addr_family family)
{
	static const uint8_t zero[sizeof(a->bytes)];
	size_t used = family == ADDR_IPV4 ? 4 : 0;

	return a->family == family && memcmp(a->bytes + used, zero, sizeof(a->bytes) - used) == 0;
}

static bool source_valid(const struct addr *source)
{
	return addr_is_clean(source, ADDR_NONE) || addr_is_clean(source, ADDR_IPV4);
}

static int check_header(const struct snapshot_header *h, size_t size_bytes)
{
	if (h->magic != SNAPSHOT_MAGIC)
		return -EBADMSG;
	if (h->version != SNAPSHOT_VERSION)
		return -EPROTO;
	if (h->n_ifaces > MCR_MAX_IFACES || h->n_rules > MCR_MAX_RULES ||
	    h->n_outputs > MCR_MAX_OUTPUTS || h->n_removed > MCR_MAX_RULES)
		return -EBADMSG;
	if (h->base ? h->base >= h->generation : h->n_removed)
		return -EBADMSG;
	/* Below these limits the sum cannot overflow. */
	if (h->size_bytes != size_bytes ||
	    size_bytes !=
		    snapshot_changes_size(h->n_ifaces, h->n_rules, h->n_outputs, h->n_removed))
		return -EBADMSG;
	return 0;
}

static bool iface_valid(const struct snapshot_iface *f, struct slot_sets *sets)
{
	return take_slot(sets->ifaces, f->slot, MCR_MAX_IFACES) && f->ifindex > 0 &&
	       f->ifindex <= INT32_MAX && f->mtu >= 68 && f->mtu <= 65536 &&
	       f->steering < STEERINGS && f->gro < GRO_SETTINGS && f->defrag <= 1 &&
	       terminated(f->name, sizeof(f->name));
}

static bool rule_valid(const struct snapshot_rule *r, struct slot_sets *sets)
{
	return take_slot(sets->rules, r->slot, MCR_MAX_RULES) && known_iface(sets, r->in_iface) &&
	       r->n_outputs >= 1 && r->n_outputs <= MCR_MAX_RULE_OUTPUTS &&
	       addr_is_clean(&r->group, ADDR_IPV4) && source_valid(&r->source) && r->port != 0 &&
	       r->priority < RULE_PRIORITIES && r->state < RULE_STATES && r->path < RULE_PATHS &&
	       r->consume <= 1 && terminated(r->in_name, sizeof(r->in_name)) &&
	       terminated(r->id, sizeof(r->id)) && terminated(r->name, sizeof(r->name)) &&
	       terminated(r->description, sizeof(r->description));
}

/* Are they two numbers, and does each output name only those that are there? */
static bool divisions_valid(const struct snapshot_rule *r, const struct snapshot_output *outputs)
{
	const unsigned known = (r->division[0] != 0) | (r->division[1] != 0) << 1;

	if (r->division[0] && r->division[0] == r->division[1])
		return false;
	for (uint32_t i = 0; i < r->n_outputs; i++) {
		if (outputs[i].divided & ~known)
			return false;
	}
	return true;
}

static bool egress_socket_valid(const struct snapshot_output *o)
{
	return o->egress_socket_kind < EGRESS_SOCKET_KINDS &&
	       o->egress_socket <= MCR_MAX_EGRESS_SOCKETS &&
	       (o->egress_socket == 0) == (o->egress_socket_kind == EGRESS_SOCKET_INTERFACE);
}

static bool output_valid(const struct snapshot_output *o, struct slot_sets *sets)
{
	return take_slot(sets->outputs, o->slot, MCR_MAX_OUTPUTS) && known_iface(sets, o->iface) &&
	       o->incarnation != 0 && addr_is_clean(&o->group, ADDR_IPV4) &&
	       source_valid(&o->source) && o->port != 0 && o->ttl >= 1 && o->dscp <= 63 &&
	       o->ttl_set < TTL_SETTINGS && o->hold < OUTPUT_HOLDS && egress_socket_valid(o) &&
	       terminated(o->if_name, sizeof(o->if_name));
}

/* The outputs of one rule follow those of the rule before it, and none is left over. */
static bool ranges_valid(const struct snapshot_view *v)
{
	uint32_t next = 0;

	for (uint32_t i = 0; i < v->n_rules; i++) {
		if (v->rules[i].first_output != next || v->rules[i].n_outputs > v->n_outputs - next)
			return false;
		if (!divisions_valid(&v->rules[i], &v->outputs[next]))
			return false;
		next += v->rules[i].n_outputs;
	}
	return next == v->n_outputs;
}

static bool content_valid(const struct snapshot_view *v)
{
	struct slot_sets sets = {0};

	for (uint32_t i = 0; i < v->n_ifaces; i++) {
		if (!iface_valid(&v->ifaces[i], &sets))
			return false;
	}
	for (uint32_t i = 0; i < v->n_rules; i++) {
		if (!rule_valid(&v->rules[i], &sets))
			return false;
	}
	for (uint32_t i = 0; i < v->n_outputs; i++) {
		if (!output_valid(&v->outputs[i], &sets))
			return false;
	}
	for (uint32_t i = 0; i < v->n_removed; i++) {
		if (!take_slot(sets.removed, v->removed[i], MCR_MAX_RULES))
			return false;
	}
	return ranges_valid(v);
}

int snapshot_parse(const void *mem, size_t size_bytes, struct snapshot_view *view)
{
	const struct snapshot_header *h = mem;
	struct snapshot_view v;
	uint64_t hash = 0;
	int ret;

	if (!mem || (uintptr_t)mem % 8 != 0 || size_bytes < sizeof(*h))
		return -EBADMSG;
	ret = check_header(h, size_bytes);
	if (ret < 0)
		return ret;

	v = (struct snapshot_view){
		.generation = h->generation,
		.base = h->base,
		.hash = h->hash,
		.n_ifaces = h->n_ifaces,
		.n_rules = h->n_rules,
		.n_outputs = h->n_outputs,
		.n_removed = h->n_removed,
	};
	v.ifaces = (const struct snapshot_iface *)(h + 1);
	v.rules = (const struct snapshot_rule *)(v.ifaces + v.n_ifaces);
	v.outputs = (const struct snapshot_output *)(v.rules + v.n_rules);
	v.removed = (const uint32_t *)(v.outputs + v.n_outputs);
	if (!content_valid(&v))
		return -EBADMSG;

	for (uint32_t i = 0; i < v.n_rules; i++)
		hash += snapshot_hash_rule(&v.rules[i], &v.outputs[v.rules[i].first_output]);
	if (hash != v.hash)
		return -EBADMSG;
	*view = v;
	return 0;
}
