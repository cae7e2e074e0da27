// SPDX-License-Identifier: MIT
/*
 * relay.c - match and gather
 *
 * The batch is an array of items in order of arrival; each rule that has any keeps a
 * chain through it, so that order within a flow is kept while streams that interleave
 * still leave in large sends.
 */
#include "core/relay.h"

#include <stdlib.h>

#include "core/bufpool.h"
#include "core/egress.h"
#include "core/frame.h"
#include "core/limiter.h"
#include "core/match.h"
#include "core/rule.h"
#include "core/statpage.h"

#define NONE UINT32_MAX

static_assert(RELAY_BATCH_ITEMS >= BUF_TOTAL_COUNT,
	      "every item holds a buffer, so the batch cannot overflow");

struct relay {
	struct bufpool *pool;
	struct egress *egress;
	struct worker_page *page;
	struct match_table *table;
	bool behind;
	uint32_t n_items;
	uint32_t gathered;
	uint32_t n_active[RULE_PRIORITIES];
	struct match_rule *active[RULE_PRIORITIES][RELAY_BATCH_ITEMS];
	struct egress_item items[RELAY_BATCH_ITEMS];
};

struct relay *relay_new(struct bufpool *pool, struct egress *egress, struct worker_page *page)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->pool = pool;
	r->egress = egress;
	r->page = page;
	return r;
}

void relay_free(struct relay *r)
{
	free(r);
}

static void count_drop(struct relay *r, enum drop_reason why, uint32_t n)
{
	counter_add(&r->page->ingress.drops[why], n);
}

/* Appends to the rule's chain; the item's buffer stays held until the flush. */
static void append(struct relay *r, struct match_rule *rule, const struct frame_view *view,
		   uint32_t buffer)
{
	const uint32_t at = r->n_items++;

	r->items[at] = (struct egress_item){
		.payload = view->payload,
		.payload_bytes = view->payload_bytes,
		.segment_bytes = view->segment_bytes,
		.datagrams = view->datagrams,
		.buffer = buffer,
		.next = NONE,
	};
	if (rule->head == NONE) {
		rule->head = at;
		r->active[rule->rec.priority][r->n_active[rule->rec.priority]++] = rule;
	} else {
		r->items[rule->tail].next = at;
	}
	rule->tail = at;
	r->gathered += view->datagrams;
	counter_add(&r->page->ingress.matched, view->datagrams);
	counter_add(&r->page->ingress.bytes, view->payload_bytes);
	counter_add(&rule->counters->matched, view->datagrams);
	counter_add(&rule->counters->bytes, view->payload_bytes);
}

/* Cuts the view down to its first @n datagrams. */
static void shorten(struct frame_view *view, uint32_t n)
{
	view->datagrams = n;
	view->payload_bytes = n * view->segment_bytes;
}

/* Rate limit and shedding; false when nothing of @view is left. */
static bool admit(struct relay *r, struct match_rule *rule, struct frame_view *view,
		  uint64_t now_ns)
{
	uint32_t pass = view->datagrams;

	if (r->behind && rule->rec.priority == RULE_PRIORITY_LOW) {
		count_drop(r, DROP_SHED, view->datagrams);
		counter_add(&rule->counters->drops_shed, view->datagrams);
		return false;
	}
	if (rule->rec.limit_pps || rule->rec.limit_bps)
		pass = limiter_take(rule, view->datagrams, view->segment_bytes, now_ns);
	if (pass == view->datagrams)
		return true;
	count_drop(r, DROP_RATE_LIMITED, view->datagrams - pass);
	counter_add(&rule->counters->drops_rate_limited, view->datagrams - pass);
	shorten(view, pass);
	return pass > 0;
}

void relay_input(struct relay *r, uint32_t buffer, size_t len, uint32_t iface, enum link_layer link,
		 uint64_t now_ns)
{
	const uint32_t room = r->pool->class[bufpool_class_of(buffer)].buffer_bytes;
	struct match_rule *rule = NULL;
	struct frame_view view;
	enum drop_reason why = DROP_OVERSIZE;
	bool good = false;

	view.datagrams = 1;
	counter_add(&r->page->ingress.frames, 1);
	if (len <= room)
		good = frame_parse(bufpool_data(r->pool, buffer), len, link, &view, &why);
	counter_add(&r->page->ingress.received, view.datagrams);
	if (!good) {
		count_drop(r, why, view.datagrams);
		goto drop;
	}
	if (r->table)
		rule = match_lookup(r->table, iface, view.source_be, view.group_be, view.port);
	if (!rule) {
		count_drop(r, DROP_NOT_MATCHED, view.datagrams);
		goto drop;
	}
	if (!admit(r, rule, &view, now_ns))
		goto drop;
	append(r, rule, &view, buffer);
	return;

drop:
	bufpool_unref(r->pool, buffer);
}

uint32_t relay_gathered(const struct relay *r)
{
	return r->gathered;
}

bool relay_full(const struct relay *r)
{
	/* One pass of a ring brings at most as many frames as it has sockets times 32. */
	return r->gathered >= RELAY_GATHER_DATAGRAMS || r->n_items > RELAY_BATCH_ITEMS / 2;
}

void relay_set_behind(struct relay *r, bool behind)
{
	r->behind = behind;
}

void relay_flush(struct relay *r)
{
	for (enum rule_priority p = RULE_PRIORITY_HIGH; p < RULE_PRIORITIES; p++) {
		for (uint32_t i = 0; i < r->n_active[p]; i++) {
			struct match_rule *rule = r->active[p][i];

			egress_rule(r->egress, rule, r->items);
			rule->head = rule->tail = NONE;
		}
		r->n_active[p] = 0;
	}
	for (uint32_t i = 0; i < r->n_items; i++)
		bufpool_unref(r->pool, r->items[i].buffer);
	r->n_items = 0;
	r->gathered = 0;
}

struct match_table *relay_swap(struct relay *r, struct match_table *table)
{
	struct match_table *old = r->table;

	r->table = table;
	return old;
}
