// SPDX-License-Identifier: MIT
/*
 * relay.c - match and gather
 *
 * The batch is an array of items in order of arrival; each rule that has any keeps a
 * chain through it, so that order within a flow is kept while streams that interleave
 * still leave in large sends.
 */
#include "core/relay/relay.h"

#include <stddef.h>
#include <stdlib.h>

#include "core/base/statpage.h"
#include "core/relay/bufpool.h"
#include "core/relay/egress.h"
#include "core/relay/frame.h"
#include "core/relay/gso_batch.h"
#include "core/relay/guard.h"
#include "core/relay/journal.h"
#include "core/relay/limiter.h"
#include "core/relay/match.h"
#include "core/rules/rule.h"

static_assert(RELAY_BATCH_ITEMS >= BUF_TOTAL_COUNT,
	      "every item holds a buffer, so the batch cannot overflow");

/**
 * struct relay
 * @behind:   the last pass has left input behind: low priority is shed
 * @pass_ns:  when the pass began
 * @late_since_ns, @late_until_ns: before the second time, datagrams may have waited since the
 *            first
 * @replay:   the batch is one that a predecessor had begun to send
 * @items:    @n_items of them, in order of arrival
 * @gathered, @packets: datagrams in them, and about how many packets sending them makes
 * @active:   rules that have items, by priority; @n_active of each
 */
struct relay {
	struct bufpool *pool;
	struct egress *egress;
	struct worker_page *page;
	struct match_table *table;
	struct journal *journal;
	bool behind;
	uint64_t pass_ns;
	uint64_t late_since_ns, late_until_ns;
	bool replay;
	uint32_t n_items;
	uint32_t gathered, packets;
	uint32_t packets_max;
	uint32_t n_active[RULE_PRIORITIES];
	struct match_rule *active[RULE_PRIORITIES][RELAY_BATCH_ITEMS];
	struct egress_item items[RELAY_BATCH_ITEMS];
	struct guard guard;
};

/**
 * struct incoming - a received frame
 * @divided: outputs that have a bit of it were served by the kernel path
 */
struct incoming {
	uint32_t buffer;
	uint8_t divided;
};

struct relay *relay_new(struct bufpool *pool, struct egress *egress, struct worker_page *page)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->pool = pool;
	r->egress = egress;
	r->page = page;
	r->packets_max = RELAY_PACKETS_MAX;
	return r;
}

void relay_free(struct relay *r)
{
	free(r);
}

void relay_set_journal(struct relay *r, struct journal *journal)
{
	r->journal = journal;
}

static void count_drop(struct relay *r, enum drop_reason why, uint32_t n)
{
	counter_add(&r->page->ingress.drops[why], n);
}

/* IP packets that the datagrams become over so many outputs of the rule, about. */
static uint32_t packets_of(const struct match_rule *rule, const struct frame_view *view,
			   uint32_t n_outputs)
{
	uint32_t fragments = 1;

	if (rule->payload_max && view->segment_bytes > rule->payload_max)
		fragments += view->segment_bytes / rule->payload_max;
	return view->datagrams * n_outputs * fragments;
}

/* Where the kernel path has sent the datagrams: beside each output, as they are matched. */
static void count_divided(const struct match_rule *rule, uint8_t divided, uint32_t datagrams)
{
	for (uint32_t i = 0; i < rule->rec.n_outputs; i++)
		if (rule->outputs[i].rec.divided & divided)
			counter_add(&rule->outputs[i].counters->divided, datagrams);
}

/* Appends to the rule's chain; the item's buffer stays held until the flush. */
static void append(struct relay *r, struct match_rule *rule, const struct frame_view *view,
		   const struct incoming *in, uint32_t unit)
{
	const uint32_t at = r->n_items++;

	r->items[at] = (struct egress_item){
		.payload = view->payload,
		.payload_bytes = view->payload_bytes,
		.segment_bytes = view->segment_bytes,
		.datagrams = view->datagrams,
		.buffer = in->buffer,
		.next = CHAIN_END,
		.unit = unit,
		.ttl = rule->decrements ? view->ttl : 0,
		.divided = in->divided,
	};
	if (rule->head == CHAIN_END) {
		rule->head = at;
		r->active[rule->rec.priority][r->n_active[rule->rec.priority]++] = rule;
	} else {
		r->items[rule->tail].next = at;
	}
	rule->tail = at;
	r->gathered += view->datagrams;
	r->packets += packets_of(rule, view, match_outputs(rule, in->divided));
	if (in->divided)
		count_divided(rule, in->divided, view->datagrams);
	counter_add(&r->page->ingress.matched, view->datagrams);
	counter_add(&r->page->ingress.bytes, view->payload_bytes);
	counter_add(&rule->counters->matched, view->datagrams);
	counter_add(&rule->counters->bytes, view->payload_bytes);
}

/* Cuts the view down to its first @n datagrams. */
static void keep_first(struct frame_view *view, uint32_t n)
{
	view->datagrams = n;
	view->payload_bytes = n * view->segment_bytes;
}

/* Readers of the page see until when the guard holds the rule, and how often it has. */
static void show_hold(struct relay *r, struct match_rule *rule)
{
	if (rule->guard.held_until_ns == rule->counters->held_until_ns)
		return;
	if (rule->guard.held_until_ns) {
		counter_add(&rule->counters->loops, 1);
		counter_add(&r->page->loops, 1);
	}
	__atomic_store_n(&rule->counters->held_until_ns, rule->guard.held_until_ns,
			 __ATOMIC_RELAXED);
}

/* Is the rule held, by the storm guard or because control has found a circle? */
static bool is_looping(struct relay *r, struct match_rule *rule, const struct frame_view *view,
		       uint64_t now_ns)
{
	const bool held =
		!guard_admits(&r->guard, &rule->guard, rule->rec.incarnation, view, now_ns);

	show_hold(r, rule);
	return held || rule->rec.state == RULE_LOOPING;
}

/* Return: the earliest time at which datagrams of this pass may have arrived. */
static uint64_t waiting_since(const struct relay *r, uint64_t now_ns)
{
	if (now_ns >= r->late_until_ns)
		return now_ns;
	if (now_ns - r->late_since_ns > RELAY_LATE_MAX_NS)
		return now_ns - RELAY_LATE_MAX_NS;
	return r->late_since_ns;
}

static uint32_t within_limit(const struct relay *r, const struct match_rule *rule,
			     const struct frame_view *view, uint64_t now_ns)
{
	const struct rate_limit limit = {rule->rec.limit_pps, rule->rec.limit_bps};

	if (!limit.pps && !limit.bps)
		return view->datagrams;
	return limiter_take(rule->limit, &limit, view->datagrams, view->segment_bytes, now_ns,
			    waiting_since(r, now_ns));
}

/* How many of the rule's datagrams may pass, and why no more: storm guard, shedding, rate limit. */
static uint32_t admissible(struct relay *r, struct match_rule *rule, const struct frame_view *view,
			   uint64_t now_ns, enum drop_reason *why)
{
	*why = DROP_LOOPING;
	if (is_looping(r, rule, view, now_ns))
		return 0;
	*why = DROP_SHED;
	if (r->behind && rule->rec.priority == RULE_PRIORITY_LOW)
		return 0;
	*why = DROP_RATE_LIMITED;
	return within_limit(r, rule, view, now_ns);
}

/* Takes the first @pass datagrams into the batch, counts the rest, keeps or returns the buffer. */
static void admit(struct relay *r, struct match_rule *rule, struct frame_view *view,
		  const struct incoming *in, uint32_t pass, enum drop_reason why, uint32_t unit)
{
	const uint32_t rest = view->datagrams - pass;

	if (rest)
		count_drop(r, why, rest);
	if (rest && why == DROP_LOOPING)
		counter_add(&rule->counters->drops_looping, rest);
	else if (rest && why == DROP_SHED)
		counter_add(&rule->counters->drops_shed, rest);
	else if (rest)
		counter_add(&rule->counters->drops_rate_limited, rest);
	if (!pass) {
		bufpool_unref(r->pool, in->buffer);
		return;
	}
	if (rest)
		keep_first(view, pass);
	append(r, rule, view, in, unit);
}

/* Counts a fragment at the rule of its datagram, as far as it shows that. */
static void count_fragment(struct relay *r, uint32_t iface, const struct frame_view *view)
{
	struct match_rule *rule = NULL;

	if (r->table)
		rule = match_lookup_fragment(r->table, iface, view->source_be, view->group_be,
					     view->port);
	if (!rule)
		return;
	if (r->journal)
		journal_save_rule(r->journal, rule);
	counter_add(&rule->counters->fragments, 1);
}

/* Does the rule know the frame's division?  If not, the frame is counted as dropped. */
static bool divide(struct relay *r, struct match_rule *rule, const struct frame_view *view,
		   struct incoming *in)
{
	if (match_divided(rule, view->division, &in->divided))
		return true;
	count_drop(r, DROP_UNKNOWN_DIVISION, view->datagrams);
	rule->share_lost = r->replay;
	return false;
}

/*
 * Parses and matches.  Counts what no rule takes; saves the counters of the rule that does.
 * @in: its @divided is filled with a rule
 */
static struct match_rule *find_rule(struct relay *r, struct incoming *in, size_t len,
				    uint32_t iface, enum link_layer link, struct frame_view *view)
{
	const uint32_t room = r->pool->class[bufpool_class_of(in->buffer)].buffer_bytes;
	enum drop_reason why = DROP_OVERSIZE;
	struct match_rule *rule = NULL;
	bool good = false;

	view->datagrams = 1;
	counter_add(&r->page->ingress.frames, 1);
	if (len <= room)
		good = frame_parse(bufpool_data(r->pool, in->buffer), len, link, view, &why);
	counter_add(&r->page->ingress.received, view->datagrams);
	if (!good) {
		count_drop(r, why, view->datagrams);
		if (why == DROP_FRAGMENT)
			count_fragment(r, iface, view);
		return NULL;
	}
	if (r->table)
		rule = match_lookup(r->table, iface, view->source_be, view->group_be, view->port);
	if (!rule) {
		count_drop(r, DROP_NOT_MATCHED, view->datagrams);
		return NULL;
	}
	if (!divide(r, rule, view, in))
		return NULL;
	if (r->journal)
		journal_save_rule(r->journal, rule);
	return rule;
}

struct arena_outcome relay_input(struct relay *r, uint32_t buffer, size_t len, uint32_t iface,
				 enum link_layer link, uint64_t now_ns)
{
	struct arena_outcome outcome = {0};
	struct incoming in = {.buffer = buffer};
	struct match_rule *rule;
	struct frame_view view;
	enum drop_reason why;
	uint32_t pass;

	rule = find_rule(r, &in, len, iface, link, &view);
	if (!rule) {
		bufpool_unref(r->pool, buffer);
		return outcome;
	}
	pass = admissible(r, rule, &view, now_ns, &why);
	admit(r, rule, &view, &in, pass, why, 0);
	outcome.action = rule->action;
	outcome.admitted = pass;
	outcome.head = pass ? rule->head : 0;
	outcome.n_outputs = match_outputs(rule, in.divided);
	outcome.priority = rule->rec.priority;
	outcome.shed = why == DROP_SHED;
	outcome.looping = why == DROP_LOOPING;
	return outcome;
}

/*
 * Did this rule take the frame for the same outputs when the predecessor handled it, and the
 * frames before it in the batch as well?  Otherwise its datagrams do not have the numbers that
 * they had there.
 */
static bool is_as_before(const struct match_rule *rule, const struct incoming *in,
			 const struct arena_outcome *outcome)
{
	return rule->action == outcome->action && !rule->share_lost &&
	       (!outcome->admitted || match_outputs(rule, in->divided) == outcome->n_outputs);
}

void relay_replay(struct relay *r, uint32_t buffer, size_t len, uint32_t iface,
		  enum link_layer link, const struct arena_outcome *outcome, uint32_t unit)
{
	struct incoming in = {.buffer = buffer};
	struct match_rule *rule;
	struct frame_view view;

	r->replay = true;
	rule = find_rule(r, &in, len, iface, link, &view);
	if (rule && !is_as_before(rule, &in, outcome)) {
		rule->share_lost = true;
		count_drop(r, DROP_NOT_MATCHED, view.datagrams);
		rule = NULL;
	}
	if (!rule) {
		bufpool_unref(r->pool, buffer);
		return;
	}
	admit(r, rule, &view, &in,
	      outcome->admitted < view.datagrams ? outcome->admitted : view.datagrams,
	      outcome->looping ? DROP_LOOPING
	      : outcome->shed  ? DROP_SHED
			       : DROP_RATE_LIMITED,
	      unit);
}

void relay_discard(struct relay *r, uint32_t buffer, size_t len, enum link_layer link)
{
	const uint32_t room = r->pool->class[bufpool_class_of(buffer)].buffer_bytes;
	struct frame_view view = {.datagrams = 1};
	enum drop_reason why;

	if (len <= room)
		frame_parse(bufpool_data(r->pool, buffer), len, link, &view, &why);
	counter_add(&r->page->ingress.frames, 1);
	counter_add(&r->page->ingress.received, view.datagrams);
	count_drop(r, DROP_SOCKET_QUEUE, view.datagrams);
	bufpool_unref(r->pool, buffer);
}

uint32_t relay_gathered(const struct relay *r)
{
	return r->gathered;
}

uint32_t relay_packets(const struct relay *r)
{
	return r->packets;
}

void relay_set_packets_max(struct relay *r, uint64_t packets)
{
	if (packets < RELAY_PACKETS_MIN)
		packets = RELAY_PACKETS_MIN;
	r->packets_max = packets < RELAY_PACKETS_MAX ? (uint32_t)packets : RELAY_PACKETS_MAX;
}

bool relay_full(const struct relay *r)
{
	return r->gathered >= RELAY_GATHER_DATAGRAMS || r->packets >= r->packets_max ||
	       r->n_items > RELAY_BATCH_ITEMS / 2 || (r->journal && !journal_has_room(r->journal));
}

bool relay_pauses(struct relay *r, uint64_t now_ns, bool starved)
{
	struct guard_rule *suspect = r->guard.suspect;
	const bool pauses = guard_pauses(
		&r->guard, now_ns, starved || r->n_items >= RELAY_PAUSE_ITEMS || relay_full(r));

	/*
	 * Shown at once, because another table may take the rule over before its next datagram
	 * comes.
	 */
	if (suspect && !pauses)
		show_hold(r, (void *)((char *)suspect - offsetof(struct match_rule, guard)));
	return pauses;
}

/*
 * A worker that can run makes a pass within a burst's time, also when nothing comes.  Time beyond
 * that is its delay.  The datagrams of a late pass are received over several passes, within twice
 * the delay if the worker keeps up.
 */
void relay_begin_pass(struct relay *r, uint64_t now_ns)
{
	const uint64_t due_ns = r->pass_ns + LIMITER_BURST_NS;

	if (r->pass_ns && now_ns > due_ns) {
		if (now_ns >= r->late_until_ns)
			r->late_since_ns = due_ns;
		r->late_until_ns = now_ns + 2 * (now_ns - due_ns);
	}
	r->pass_ns = now_ns;
}

void relay_set_behind(struct relay *r, bool behind)
{
	r->behind = behind;
}

void relay_flush(struct relay *r)
{
	egress_begin(r->egress);
	for (enum rule_priority p = RULE_PRIORITY_HIGH; p < RULE_PRIORITIES; p++) {
		for (uint32_t i = 0; i < r->n_active[p]; i++) {
			struct match_rule *rule = r->active[p][i];

			if (r->replay)
				egress_number(r->egress, r->items[rule->head].unit);
			egress_rule(r->egress, rule, r->items);
			rule->head = rule->tail = CHAIN_END;
		}
		r->n_active[p] = 0;
	}
	for (uint32_t i = 0; i < r->n_items; i++)
		bufpool_unref(r->pool, r->items[i].buffer);
	r->n_items = 0;
	r->gathered = 0;
	r->packets = 0;
	r->replay = false;
}

struct match_table *relay_swap(struct relay *r, struct match_table *table)
{
	struct match_table *old = r->table;

	guard_end_pause(&r->guard);
	r->table = table;
	return old;
}
