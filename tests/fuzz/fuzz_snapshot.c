// SPDX-License-Identifier: MIT
/*
 * fuzz_snapshot.c - no bytes make snapshot_parse() read outside them or pass lies on
 *
 * Random bytes never carry the right hash, so most inputs are a recipe: a valid
 * snapshot of a few rules, changed at the places that the input names, with size and
 * hash put right afterwards.  An accepted one must keep the promises of the view.
 *
 * Links: core/rules/snapshot.c core/rules/snapshot_parse.c core/base/addr.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/rules/rule.h"
#include "core/rules/snapshot.h"
#include "core/rules/snapshot_parse.h"
#include "tests/fuzz/fuzz.h"

static void must(bool promise)
{
	if (!promise)
		abort();
}

/* No slot is removed twice. */
static void check_removed(const struct snapshot_view *v)
{
	must(v->base ? v->base < v->generation : v->n_removed == 0);
	for (uint32_t i = 0; i < v->n_removed; i++) {
		must(v->removed[i] < MCR_MAX_RULES);
		for (uint32_t k = 0; k < i; k++)
			must(v->removed[i] != v->removed[k]);
	}
}

static void check_view(const struct snapshot_view *v)
{
	uint64_t sum = 0;
	uint32_t next = 0;

	for (uint32_t i = 0; i < v->n_rules; i++) {
		const struct snapshot_rule *r = &v->rules[i];

		must(r->first_output == next && r->n_outputs > 0);
		next += r->n_outputs;
		must(next <= v->n_outputs && r->slot < MCR_MAX_RULES && r->port != 0);
		must(r->in_iface == MCR_NO_SLOT || r->in_iface < MCR_MAX_IFACES);
		must(r->group.family == ADDR_IPV4);
		must(strlen(r->id) < MCR_ID_MAX && strlen(r->name) < MCR_NAME_MAX);
		must(r->priority < RULE_PRIORITIES && r->state < RULE_STATES);
		sum += snapshot_hash_rule(r, &v->outputs[r->first_output]);
	}
	must(next == v->n_outputs && sum == v->hash);
	for (uint32_t i = 0; i < v->n_outputs; i++) {
		const struct snapshot_output *o = &v->outputs[i];

		must(o->slot < MCR_MAX_OUTPUTS && o->port != 0 && o->ttl > 0 && o->dscp < 64);
		must(o->iface == MCR_NO_SLOT || o->iface < MCR_MAX_IFACES);
		must(strlen(o->if_name) < MCR_IFNAME_MAX);
	}
	for (uint32_t i = 0; i < v->n_ifaces; i++)
		must(v->ifaces[i].slot < MCR_MAX_IFACES && v->ifaces[i].ifindex > 0);
	check_removed(v);
}

/*
 * The memory is exactly as long as the text that is parsed: a read of one byte beyond it is an
 * ASan report.
 */
static void parse_copy(const void *bytes, size_t size)
{
	struct snapshot_view view;
	void *mem = malloc(size > 0 ? size : 1);

	memcpy(mem, bytes, size);
	if (snapshot_parse(mem, size, &view) == 0)
		check_view(&view);
	free(mem);
}

/* With @n_removed rules removed it is one of changes. */
static void *build(uint32_t n_ifaces, uint32_t n_rules, uint32_t per_rule, uint32_t n_removed,
		   size_t *size)
{
	struct snapshot_writer w;
	void *mem;

	*size = snapshot_changes_size(n_ifaces, n_rules, n_rules * per_rule, n_removed);
	mem = calloc(1, *size);
	snapshot_begin_changes(&w, mem, n_removed ? 1 : 0, n_ifaces, n_rules, n_rules * per_rule,
			       n_removed);
	for (uint32_t i = 0; i < n_ifaces; i++)
		snapshot_add_iface(
			&w, &(struct snapshot_iface){.slot = i, .ifindex = i + 1, .mtu = 1500});
	for (uint32_t i = 0; i < n_rules; i++) {
		struct snapshot_rule r = {.slot = i, .in_iface = MCR_NO_SLOT, .port = 1};

		r.group.family = ADDR_IPV4;
		snapshot_add_rule(&w, &r);
		for (uint32_t k = 0; k < per_rule; k++) {
			struct snapshot_output o = {.slot = i * per_rule + k,
						    .iface = MCR_NO_SLOT,
						    .port = 1,
						    .ttl = 1};

			o.group.family = ADDR_IPV4;
			snapshot_add_output(&w, &o);
		}
	}
	for (uint32_t i = 0; i < n_removed; i++)
		snapshot_add_removed(&w, n_rules + i);
	must(snapshot_finish(&w, 2) == 0);
	return mem;
}

/* Makes the stored hash right wherever the (changed) ranges can be followed. */
static void put_right(struct snapshot_header *h, uint32_t n_ifaces, uint32_t n_rules,
		      uint32_t n_outputs)
{
	const struct snapshot_iface *ifaces = (const struct snapshot_iface *)(h + 1);
	const struct snapshot_rule *rules = (const struct snapshot_rule *)(ifaces + n_ifaces);
	const struct snapshot_output *outputs = (const struct snapshot_output *)(rules + n_rules);

	h->hash = 0;
	for (uint32_t i = 0; i < n_rules; i++) {
		const struct snapshot_rule *r = &rules[i];

		if (r->first_output <= n_outputs && r->n_outputs <= n_outputs - r->first_output)
			h->hash += snapshot_hash_rule(r, &outputs[r->first_output]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t n_ifaces, n_rules, per_rule;
	uint8_t *mem;
	size_t len;

	parse_copy(data, size);
	if (size < 4)
		return 0;
	n_ifaces = data[0] % 4;
	n_rules = data[1] % 4;
	per_rule = 1 + data[2] % 3;
	mem = build(n_ifaces, n_rules, per_rule, data[2] / 3 % 4, &len);
	parse_copy(mem, len);
	/* Three bytes a change: where (two), and what is put there. */
	for (size_t i = 4; i + 3 <= size; i += 3)
		mem[(data[i] | (size_t)data[i + 1] << 8) % len] = data[i + 2];
	if (data[3] & 1)
		put_right((struct snapshot_header *)mem, n_ifaces, n_rules, n_rules * per_rule);
	parse_copy(mem, data[3] & 2 ? len : len - data[3] % len);
	free(mem);
	return 0;
}
