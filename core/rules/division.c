// SPDX-License-Identifier: MIT
/* division.c - numbers by input, and the outputs of each */
#include "core/rules/division.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"

static void input_free(struct divided_input *in)
{
	for (unsigned i = 0; i < SNAPSHOT_DIVISIONS; i++)
		free(in->division[i].outputs);
	free(in);
}

void divisions_fini(struct divisions *d)
{
	for (unsigned b = 0; b < DIVISION_BUCKETS; b++) {
		while (d->bucket[b]) {
			struct divided_input *in = d->bucket[b];

			d->bucket[b] = in->next;
			input_free(in);
		}
	}
}

static unsigned bucket_of(const struct rule_input *in)
{
	uint64_t h = hash_bytes(HASH_SEED, in->interface, strnlen(in->interface, MCR_IFNAME_MAX));

	h = hash_bytes(h, in->group.bytes, sizeof(in->group.bytes));
	h = hash_bytes(h, in->source.bytes, sizeof(in->source.bytes));
	return hash_final(hash_word(h, in->port)) % DIVISION_BUCKETS;
}

struct divided_input *divisions_find(const struct divisions *d, const struct rule_input *in)
{
	struct divided_input *at = d->n ? d->bucket[bucket_of(in)] : NULL;

	while (at && !rule_same_input(&at->input, in))
		at = at->next;
	return at;
}

void divisions_seen(struct divisions *d, uint32_t number)
{
	if (number > d->last)
		d->last = number;
}

static bool same_output(const struct division_output *a, const struct rule_output *b)
{
	return a->port == b->port && addr_equal(&a->group, &b->group) &&
	       strncmp(a->interface, b->interface, MCR_IFNAME_MAX) == 0;
}

bool division_has(const struct division *v, const struct rule_output *o)
{
	for (unsigned i = 0; i < v->n_outputs; i++)
		if (same_output(&v->outputs[i], o))
			return true;
	return false;
}

uint8_t division_bits(const struct divided_input *in, const struct rule_output *o)
{
	uint8_t bits = 0;

	for (unsigned i = 0; i < SNAPSHOT_DIVISIONS; i++)
		bits |= (uint8_t)(division_has(&in->division[i], o) << i);
	return bits;
}

bool division_fits(const struct division *v, const struct rule *r, const bool *set)
{
	bool any = false;

	for (unsigned i = 0; i < r->n_outputs; i++) {
		const bool has = division_has(v, &r->outputs[i]);

		if (has && !set[i])
			return false;
		any |= has;
	}
	return any;
}

bool division_is(const struct division *v, const struct rule *r, const bool *set)
{
	for (unsigned i = 0; i < r->n_outputs; i++)
		if (set[i] && !division_has(v, &r->outputs[i]))
			return false;
	return division_fits(v, r, set);
}

/* Return: -ENOMEM: nothing has changed. */
static int fill(struct division *v, const struct rule *r, const bool *set)
{
	struct division_output *outputs = calloc(r->n_outputs, sizeof(*outputs));
	unsigned n = 0;

	if (!outputs)
		return -ENOMEM;
	for (unsigned i = 0; i < r->n_outputs; i++) {
		const struct rule_output *o = &r->outputs[i];

		if (!set[i])
			continue;
		outputs[n].group = o->group;
		outputs[n].port = o->port;
		memcpy(outputs[n++].interface, o->interface, sizeof(o->interface));
	}
	free(v->outputs);
	*v = (struct division){.n_outputs = n, .outputs = outputs};
	return 0;
}

/* The entry of the input, which may be new; NULL: out of memory. */
static struct divided_input *take_input(struct divisions *d, const struct rule_input *in)
{
	struct divided_input *entry = divisions_find(d, in);
	struct divided_input **bucket = &d->bucket[bucket_of(in)];

	if (entry)
		return entry;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->input = *in;
	entry->next = *bucket;
	*bucket = entry;
	d->n++;
	return entry;
}

uint64_t divisions_free_ns(const struct divided_input *in)
{
	/* A number that no frame has can be given up at once. */
	if (!in->division[0].used || !in->division[1].number)
		return 0;
	return in->division[1].used_ns + DIVISION_REST_NS;
}

int divisions_make(struct divisions *d, const struct rule *r, const bool *set, uint64_t after,
		   uint64_t now_ns)
{
	struct divided_input *in = take_input(d, &r->input);
	struct division made = {0};
	int ret;

	if (!in)
		return -ENOMEM;
	if (now_ns < divisions_free_ns(in))
		return -EBUSY;
	ret = fill(&made, r, set);
	if (ret < 0)
		return ret;
	made.number = ++d->last ? d->last : ++d->last;
	made.after = after;
	in->seen_ns = now_ns;
	if (in->division[0].used) {
		free(in->division[1].outputs);
		in->division[1] = in->division[0];
		in->division[1].used_ns = now_ns;
	} else {
		free(in->division[0].outputs);
	}
	in->division[0] = made;
	return 0;
}

int divisions_restore(struct divisions *d, const struct rule *r, unsigned which, uint32_t number,
		      const bool *set, uint64_t after, uint64_t now_ns)
{
	struct divided_input *in = take_input(d, &r->input);
	int ret;

	if (!in)
		return -ENOMEM;
	ret = fill(&in->division[which], r, set);
	if (ret < 0)
		return ret;
	in->division[which].number = number;
	in->division[which].used = true;
	in->division[which].used_ns = now_ns;
	in->division[which].after = after;
	in->seen_ns = now_ns;
	divisions_seen(d, number);
	return 0;
}

void divisions_forget(struct divisions *d, divisions_has_rule_fn *has_rule, const void *ctx,
		      uint64_t now_ns)
{
	for (unsigned b = 0; d->n && b < DIVISION_BUCKETS; b++) {
		struct divided_input **at = &d->bucket[b];

		while (*at) {
			struct divided_input *in = *at;

			if (has_rule(ctx, &in->input))
				in->seen_ns = now_ns;
			if (now_ns < in->seen_ns + DIVISION_KEEP_NS) {
				at = &in->next;
				continue;
			}
			*at = in->next;
			d->n--;
			input_free(in);
		}
	}
}
