// SPDX-License-Identifier: MIT
/* snapshot.c - write a snapshot, and the hashes by which copies are compared */
#include "core/rules/snapshot.h"

#include <errno.h>
#include <string.h>

#include "core/base/hash.h"

size_t snapshot_size(uint32_t n_ifaces, uint32_t n_rules, uint32_t n_outputs)
{
	return sizeof(struct snapshot_header) + n_ifaces * sizeof(struct snapshot_iface) +
	       n_rules * sizeof(struct snapshot_rule) + n_outputs * sizeof(struct snapshot_output);
}

size_t snapshot_changes_size(uint32_t n_ifaces, uint32_t n_rules, uint32_t n_outputs,
			     uint32_t n_removed)
{
	return snapshot_size(n_ifaces, n_rules, n_outputs) + n_removed * sizeof(uint32_t);
}

void snapshot_begin(struct snapshot_writer *w, void *mem, uint32_t n_ifaces, uint32_t n_rules,
		    uint32_t n_outputs)
{
	snapshot_begin_changes(w, mem, 0, n_ifaces, n_rules, n_outputs, 0);
}

void snapshot_begin_changes(struct snapshot_writer *w, void *mem, uint64_t base, uint32_t n_ifaces,
			    uint32_t n_rules, uint32_t n_outputs, uint32_t n_removed)
{
	w->header = mem;
	w->ifaces = (struct snapshot_iface *)(w->header + 1);
	w->rules = (struct snapshot_rule *)(w->ifaces + n_ifaces);
	w->outputs = (struct snapshot_output *)(w->rules + n_rules);
	w->removed = (uint32_t *)(w->outputs + n_outputs);
	w->max_ifaces = n_ifaces;
	w->max_rules = n_rules;
	w->max_outputs = n_outputs;
	w->max_removed = n_removed;
	w->size_bytes = snapshot_changes_size(n_ifaces, n_rules, n_outputs, n_removed);
	/* The magic stays zero until snapshot_finish(): half a snapshot does not parse. */
	*w->header = (struct snapshot_header){.version = SNAPSHOT_VERSION, .base = base};
}

int snapshot_add_iface(struct snapshot_writer *w, const struct snapshot_iface *iface)
{
	if (w->header->n_ifaces == w->max_ifaces)
		return -ENOSPC;
	w->ifaces[w->header->n_ifaces++] = *iface;
	return 0;
}

int snapshot_add_rule(struct snapshot_writer *w, const struct snapshot_rule *rule)
{
	struct snapshot_rule *r;

	if (w->header->n_rules == w->max_rules)
		return -ENOSPC;
	r = &w->rules[w->header->n_rules++];
	*r = *rule;
	r->first_output = w->header->n_outputs;
	r->n_outputs = 0;
	return 0;
}

int snapshot_add_output(struct snapshot_writer *w, const struct snapshot_output *output)
{
	struct snapshot_output *o;

	if (w->header->n_rules == 0)
		return -EINVAL;
	if (w->header->n_outputs == w->max_outputs)
		return -ENOSPC;
	o = &w->outputs[w->header->n_outputs++];
	*o = *output;
	if (!o->incarnation)
		o->incarnation = w->rules[w->header->n_rules - 1].incarnation;
	w->rules[w->header->n_rules - 1].n_outputs++;
	return 0;
}

int snapshot_add_removed(struct snapshot_writer *w, uint32_t slot)
{
	if (w->header->n_removed == w->max_removed)
		return -ENOSPC;
	w->removed[w->header->n_removed++] = slot;
	return 0;
}

int snapshot_finish(struct snapshot_writer *w, uint64_t generation)
{
	struct snapshot_header *h = w->header;

	if (h->n_ifaces != w->max_ifaces || h->n_rules != w->max_rules ||
	    h->n_outputs != w->max_outputs || h->n_removed != w->max_removed)
		return -EINVAL;
	h->hash = 0;
	for (uint32_t i = 0; i < h->n_rules; i++)
		h->hash += snapshot_hash_rule(&w->rules[i], &w->outputs[w->rules[i].first_output]);
	h->generation = generation;
	h->size_bytes = w->size_bytes;
	h->magic = SNAPSHOT_MAGIC;
	return 0;
}

/* The structs have no padding (see the size asserts), so bytes are fields. */
static uint64_t hash_output(uint64_t h, const struct snapshot_output *o)
{
	h = hash_bytes(h, o, offsetof(struct snapshot_output, reserved));
	return hash_bytes(h, o->if_name, sizeof(o->if_name));
}

uint64_t snapshot_hash_rule(const struct snapshot_rule *rule, const struct snapshot_output *outputs)
{
	const size_t n_outputs_at = offsetof(struct snapshot_rule, n_outputs);
	const size_t in_name_at = offsetof(struct snapshot_rule, in_name);
	const char *bytes = (const char *)rule;
	uint64_t h = HASH_SEED;

	h = hash_bytes(h, bytes, offsetof(struct snapshot_rule, first_output));
	h = hash_bytes(h, bytes + n_outputs_at,
		       offsetof(struct snapshot_rule, reserved) - n_outputs_at);
	h = hash_bytes(h, bytes + in_name_at, sizeof(*rule) - in_name_at);
	for (uint32_t i = 0; i < rule->n_outputs; i++)
		h = hash_output(h, &outputs[i]);
	return hash_final(h);
}

uint64_t snapshot_hash_worker(const struct snapshot_view *view, unsigned worker)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < view->n_rules; i++) {
		const struct snapshot_rule *r = &view->rules[i];

		if (r->worker_mask >> worker & 1)
			sum += snapshot_hash_rule(r, &view->outputs[r->first_output]);
	}
	return sum;
}
