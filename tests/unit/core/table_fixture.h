/* SPDX-License-Identifier: MIT */
/*
 * table_fixture.h - a snapshot of a few rules, and the table built from it
 *
 * Interface slots 0..TABLE_IFACES-1 exist, with the same MTU; slot 3 has a large one.
 */
#ifndef TESTS_UNIT_CORE_TABLE_FIXTURE_H
#define TESTS_UNIT_CORE_TABLE_FIXTURE_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/statpage.h"
#include "core/relay/limiter.h"
#include "core/relay/match.h"
#include "core/relay/match_build.h"
#include "core/rules/rule.h"
#include "core/rules/snapshot.h"
#include "core/rules/snapshot_parse.h"

#define TABLE_IFACES    4
#define TABLE_MTU       1500
#define TABLE_BIG_IFACE 3
#define TABLE_BIG_MTU   65535

/* Zero means the usual; addresses in host order. */
struct table_output {
	uint32_t iface, group, source;
	uint16_t port;
	uint8_t ttl, dscp, divided;
};

struct table_rule {
	uint32_t iface, group, source;
	uint16_t port;
	uint64_t incarnation; /* 0: 1 */
	uint64_t worker_mask; /* 0: worker 0 */
	uint64_t pps, bps;
	uint8_t priority;
	uint32_t division[SNAPSHOT_DIVISIONS];
	uint32_t n_outputs;
	const struct table_output *outputs;
};

struct table_snapshot {
	void *mem;
	size_t bytes;
	struct snapshot_view view;
};

/* Rate limits of all tables of a program. */
static struct limit_page table_limits;

static inline struct addr table_addr(uint32_t host_order)
{
	return host_order ? addr_from_ipv4_be(htonl(host_order)) : (struct addr){0};
}

static inline void table_add_rule(struct snapshot_writer *w, const struct table_rule *r,
				  uint32_t slot, uint32_t *output_slot)
{
	struct snapshot_rule rec = {
		.incarnation = r->incarnation ? r->incarnation : 1,
		.worker_mask = r->worker_mask ? r->worker_mask : 1,
		.limit_pps = r->pps,
		.limit_bps = r->bps,
		.slot = slot,
		.in_iface = r->iface,
		.group = table_addr(r->group),
		.source = table_addr(r->source),
		.port = r->port,
		.priority = r->priority,
		.division = {r->division[0], r->division[1]},
	};

	snprintf(rec.id, sizeof(rec.id), "rule-%u", slot);
	snapshot_add_rule(w, &rec);
	for (uint32_t i = 0; i < r->n_outputs; i++) {
		const struct table_output *o = &r->outputs[i];
		const struct snapshot_output out = {
			.slot = (*output_slot)++,
			.iface = o->iface,
			.group = table_addr(o->group),
			.source = table_addr(o->source),
			.port = o->port,
			.ttl = o->ttl ? o->ttl : 1,
			.dscp = o->dscp,
			.divided = o->divided,
		};

		snapshot_add_output(w, &out);
	}
}

static inline void table_add_ifaces(struct snapshot_writer *w)
{
	for (uint32_t i = 0; i < TABLE_IFACES; i++) {
		struct snapshot_iface f = {
			.slot = i,
			.ifindex = i + 1,
			.mtu = i == TABLE_BIG_IFACE ? TABLE_BIG_MTU : TABLE_MTU,
		};

		snprintf(f.name, sizeof(f.name), "if%u", i);
		snapshot_add_iface(w, &f);
	}
}

/* Rule i gets slot i.  Returns false when the snapshot does not parse. */
static inline bool table_snapshot_init(struct table_snapshot *s, const struct table_rule *rules,
				       uint32_t n, uint64_t generation)
{
	struct snapshot_writer w;
	uint32_t n_outputs = 0, output_slot = 0;

	for (uint32_t i = 0; i < n; i++)
		n_outputs += rules[i].n_outputs;
	s->bytes = snapshot_size(TABLE_IFACES, n, n_outputs);
	s->mem = calloc(1, s->bytes);
	if (!s->mem)
		return false;
	snapshot_begin(&w, s->mem, TABLE_IFACES, n, n_outputs);
	table_add_ifaces(&w);
	for (uint32_t i = 0; i < n; i++)
		table_add_rule(&w, &rules[i], i, &output_slot);
	return snapshot_finish(&w, generation) == 0 &&
	       snapshot_parse(s->mem, s->bytes, &s->view) == 0;
}

#define TABLE_SLOT_OUTPUTS 4 /* of a rule in changes, at most */

/*
 * Rule i is @rules[@slots[i]] in slot @slots[i], and output k of it in TABLE_SLOT_OUTPUTS times
 * that + k.  @base 0: a whole snapshot.  Returns false when it does not parse.
 */
static inline bool table_changes_init(struct table_snapshot *s, const struct table_rule *rules,
				      const uint32_t *slots, uint32_t n, const uint32_t *removed,
				      uint32_t n_removed, uint64_t base, uint64_t generation)
{
	struct snapshot_writer w;
	uint32_t n_outputs = 0;

	for (uint32_t i = 0; i < n; i++)
		n_outputs += rules[slots[i]].n_outputs;
	s->bytes = snapshot_changes_size(TABLE_IFACES, n, n_outputs, n_removed);
	s->mem = calloc(1, s->bytes);
	if (!s->mem)
		return false;
	snapshot_begin_changes(&w, s->mem, base, TABLE_IFACES, n, n_outputs, n_removed);
	table_add_ifaces(&w);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t output_slot = slots[i] * TABLE_SLOT_OUTPUTS;

		table_add_rule(&w, &rules[slots[i]], slots[i], &output_slot);
	}
	for (uint32_t i = 0; i < n_removed; i++)
		snapshot_add_removed(&w, removed[i]);
	return snapshot_finish(&w, generation) == 0 &&
	       snapshot_parse(s->mem, s->bytes, &s->view) == 0;
}

static inline void table_snapshot_fini(struct table_snapshot *s)
{
	free(s->mem);
	s->mem = NULL;
}

/* The table of worker 0; NULL when anything fails. */
static inline struct match_table *table_build(const struct table_rule *rules, uint32_t n,
					      uint64_t generation, struct worker_page *page,
					      const struct match_table *old)
{
	struct match_table *t = NULL;
	struct table_snapshot s;

	if (table_snapshot_init(&s, rules, n, generation))
		t = match_build(&s.view, 0, page, &table_limits, old);
	table_snapshot_fini(&s);
	return t;
}

static inline struct match_rule *table_find(const struct match_table *t, const struct table_rule *r)
{
	return match_lookup(t, r->iface, htonl(r->source), htonl(r->group), r->port);
}

#endif
