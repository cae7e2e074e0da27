// SPDX-License-Identifier: MIT
/* recover.c - the reader's side of the journal; recover.h has the mechanism */
#include "core/relay/recover.h"

#include <stddef.h>
#include <string.h>

#include "core/base/ring.h"
#include "core/base/statpage.h"
#include "core/relay/frame.h"
#include "core/relay/journal.h"
#include "core/relay/refusal.h"
#include "core/rules/rule.h"

static bool header_is_sound(const struct arena_header *h)
{
	return h->magic == ARENA_MAGIC && h->version == ARENA_VERSION &&
	       h->size_bytes == WORKER_ARENA_BYTES;
}

static bool commit_is_sound(const struct arena_commit *c)
{
	const uint32_t events = arena_commit_tail(c) - c->first;

	return events <= ARENA_EVENTS && c->flush <= events && c->counted <= 1 &&
	       c->n_finished <= ARENA_FINISHED_MAX && c->n_saved <= ARENA_SAVED_MAX;
}

/* Where to begin, so that no completion is read that another has overwritten. */
static uint32_t first_readable(const struct ring_queue *q, uint32_t position)
{
	return q->tail - position > q->entries ? q->tail - q->entries : position;
}

static const struct io_uring_cqe *cqe_at(const struct ring_queue *q, uint32_t position)
{
	return &q->cqes[position % q->entries];
}

/* The buffer that a receive filled, by index over all classes; -1 when it cannot be. */
static int buffer_of(const struct arena_event *e)
{
	const union ring_tag tag = {.u64 = e->tag};
	const uint32_t bid = e->flags >> IORING_CQE_BUFFER_SHIFT;
	uint32_t index = 0;

	if (tag.kind != RING_RECV || tag.class >= BUF_CLASSES || tag.slot >= MCR_MAX_IFACES ||
	    tag.link >= LINK_LAYERS || !(e->flags & IORING_CQE_F_BUFFER) ||
	    bid >= arena_class(tag.class).buffers)
		return -1;
	for (enum buf_class c = BUF_SMALL; c < tag.class; c++)
		index += arena_class(c).buffers;
	return (int)(index + bid);
}

/*
 * Is it a receive whose buffer nobody else has?  The old receive is over: MORE keeps a
 * worker from taking the end of it for that of its own.
 */
static bool claim(struct recovery *r, struct arena_event *e)
{
	const int buffer = buffer_of(e);

	if (buffer < 0 || r->filled[buffer])
		return false;
	r->filled[buffer] = true;
	r->receives++;
	e->flags |= IORING_CQE_F_MORE;
	return true;
}

/* Is it the end of a receive whose frame was discarded?  That frame is still to be counted. */
static bool claim_unreadable(struct arena_event *e)
{
	const union ring_tag tag = {.u64 = e->tag};

	if (tag.kind != RING_RECV || !ring_is_unreadable(e->res, e->flags))
		return false;
	e->flags = IORING_CQE_F_MORE;
	return true;
}

/* An event that cannot be claimed stays in its place, empty: the others keep their numbers. */
static void claim_events(struct recovery *r, struct arena_event *events, uint32_t first,
			 uint32_t tail)
{
	for (uint32_t i = first; i != tail; i++) {
		struct arena_event *e = &events[i % ARENA_EVENTS];

		if (!claim(r, e)) {
			e->flags = IORING_CQE_F_MORE;
			e->outcome.admitted = 0;
		}
	}
}

/* Receives that the last worker had not taken from the queue.  Returns the new tail. */
static uint32_t add_receives(struct recovery *r, struct arena_event *events,
			     const struct arena_commit *c, const struct ring_queue *q)
{
	uint32_t tail = arena_commit_tail(c);

	for (uint32_t i = first_readable(q, (uint32_t)c->seen); i != q->tail; i++) {
		const struct io_uring_cqe *cqe = cqe_at(q, i);
		struct arena_event e = {
			.tag = cqe->user_data, .res = cqe->res, .flags = cqe->flags};

		if (tail - c->first == ARENA_EVENTS)
			break;
		if (claim(r, &e) || claim_unreadable(&e))
			events[tail++ % ARENA_EVENTS] = e;
	}
	return tail;
}

static void add_sends(struct recovery *r, const struct arena_commit *c, const struct ring_queue *q)
{
	uint32_t n = c->n_finished;

	for (uint32_t i = first_readable(q, c->cq); i != q->tail; i++) {
		const struct io_uring_cqe *cqe = cqe_at(q, i);
		const union ring_tag tag = {.u64 = cqe->user_data};

		if (tag.kind != RING_SEND)
			continue;
		r->sends++;
		if (refusal_is_final(cqe->res, tag.datagrams))
			r->ends[n++] = (struct arena_finished){tag.unit, tag.datagrams, cqe->res};
	}
	r->finished.n = finished_tidy(r->ends, n);
}

static void set_counters(struct arena_commit *c, const struct worker_page *page)
{
	c->ingress = page->ingress;
	c->egress = page->egress;
	c->n_saved = 0;
}

/* A first commit: nothing was received. */
static void begin_new(struct arena_header *h, const struct worker_page *page, uint64_t ring)
{
	struct arena_commit *c;

	memset(h, 0, sizeof(*h));
	h->epoch = ARENA_FIRST_EPOCH;
	c = arena_commit(h, h->epoch);
	memset(c, 0, offsetof(struct arena_commit, finished));
	c->ring = ring;
	set_counters(c, page);
	h->version = ARENA_VERSION;
	h->size_bytes = WORKER_ARENA_BYTES;
	h->starts = 1;
	__atomic_store_n(&h->magic, ARENA_MAGIC, __ATOMIC_RELEASE);
}

/* The memory of a received frame, and its length. */
static const uint8_t *frame_of(const uint8_t *arena, const struct arena_event *e, size_t *len)
{
	const union ring_tag tag = {.u64 = e->tag};
	const struct arena_class class = arena_class(tag.class);
	const uint32_t bid = e->flags >> IORING_CQE_BUFFER_SHIFT;

	*len = e->res > 0 ? (size_t)e->res : 0;
	if (*len > class.buffer_bytes)
		*len = class.buffer_bytes;
	return arena + arena_buffers_offset(tag.class) + (size_t)bid * class.buffer_bytes;
}

/* Counts the datagrams of a frame that is given up. */
static void count_lost(const uint8_t *arena, const struct arena_event *e, struct worker_page *page)
{
	const union ring_tag tag = {.u64 = e->tag};
	struct frame_view view = {.datagrams = 1};
	enum drop_reason why;
	const uint8_t *frame;
	size_t len;

	frame = frame_of(arena, e, &len);
	frame_parse(frame, len, (enum link_layer)tag.link, &view, &why);
	counter_add(&page->ingress.frames, 1);
	counter_add(&page->ingress.received, view.datagrams);
	counter_add(&page->ingress.drops[DROP_RECOVERY_LOST], view.datagrams);
}

/* @matched: of its rule */
static void count_lost_send(struct output_slot *o, uint64_t matched, struct worker_page *page)
{
	const uint64_t done = o->before + o->c.matched + o->c.divided;
	const uint64_t n = done < matched ? matched - done : 0;

	counter_add(&o->c.matched, n);
	counter_add(&o->c.drops[SEND_DROP_RECOVERY_LOST], n);
	counter_add(&page->egress.matched, n);
	counter_add(&page->egress.drops[SEND_DROP_RECOVERY_LOST], n);
}

/*
 * Counts the sends that are missing from a batch of which @c has committed a part: between
 * batches each output has as many datagrams as its rule since the output came, with those that the
 * kernel path has sent.  The outputs of a rule follow it in the list of saved counters.
 */
static void count_lost_sends(const struct arena_commit *c, struct worker_page *page)
{
	uint64_t matched = 0;

	for (uint32_t i = 0; i < c->n_saved; i++) {
		const struct arena_saved *s = &c->saved[i];
		struct output_slot *o = &page->output[s->slot % MCR_MAX_OUTPUTS];
		const struct rule_slot *rule = &page->rule[s->slot % MCR_MAX_RULES];

		if (!s->output)
			matched = rule->incarnation == s->incarnation ? rule->c.matched : 0;
		else if (o->incarnation == s->incarnation)
			count_lost_send(o, matched, page);
	}
}

/*
 * Gives up the events before @first, and the rest of the batch that @c has committed in part.
 * The events of that batch are in the counters of what was received already.
 */
static void give_up(struct recovery *r, uint8_t *arena, const struct arena_commit *c,
		    struct arena_commit *next, uint32_t first, struct worker_page *page)
{
	const struct arena_event *events = arena_events(arena);
	const uint32_t counted = next->counted ? next->flush : 0;

	if (next->counted)
		count_lost_sends(c, page);
	for (uint32_t n = 0; next->first != first; next->first++, n++) {
		const struct arena_event *e = &events[next->first % ARENA_EVENTS];
		const int buffer = buffer_of(e);

		if (n >= counted && ring_is_unreadable(e->res, e->flags))
			ingress_count_unreadable(&page->ingress);
		if (buffer < 0)
			continue;
		if (n >= counted)
			count_lost(arena, e, page);
		r->filled[buffer] = false;
		r->receives--;
		r->lost++;
	}
	next->flush = next->units = next->counted = 0;
	r->finished.n = 0;
}

static void take_over(struct arena_header *h, const struct arena_commit *c,
		      struct worker_page *page, uint64_t ring, const struct ring_queue *last,
		      struct recovery *r)
{
	struct arena_commit *next = arena_commit(h, h->epoch + 1);
	struct arena_event *events = arena_events(h);
	uint32_t tail = arena_commit_tail(c);

	memcpy(next, c, offsetof(struct arena_commit, ingress));
	memcpy(r->ends, c->finished, c->n_finished * sizeof(r->ends[0]));
	claim_events(r, events, c->first, tail);
	if (c->ring == last->number && last->cqes) {
		tail = add_receives(r, events, c, last);
		add_sends(r, c, last);
	} else {
		r->queue_lost = c->ring == last->number;
		r->finished.n = finished_tidy(r->ends, c->n_finished);
	}
	if (r->queue_lost && c->flush)
		give_up(r, (uint8_t *)h, c, next, c->first + c->flush, page);
	if (tail != next->first && h->attempts >= RECOVER_ATTEMPTS)
		give_up(r, (uint8_t *)h, c, next, tail, page);

	r->finished.ends = r->ends;
	r->finished.counted = next->units;
	next->n_finished = r->finished.n < ARENA_FINISHED_MAX ? r->finished.n : ARENA_FINISHED_MAX;
	memcpy(next->finished, r->ends, next->n_finished * sizeof(r->ends[0]));
	next->ring = ring;
	next->cq = 0;
	next->seen = (uint64_t)tail << 32;
	set_counters(next, page);
	__atomic_store_n(&h->epoch, h->epoch + 1, __ATOMIC_RELEASE);
	h->starts++;
}

void recover_begin(void *arena, struct worker_page *page, uint64_t ring,
		   const struct ring_queue *last, struct recovery *r)
{
	struct arena_header *h = arena;
	struct journal j = {.header = h, .page = page};

	memset(r, 0, sizeof(*r));
	j.c = arena_commit(arena, h->epoch);
	if (!header_is_sound(h) || !commit_is_sound(j.c)) {
		begin_new(h, page, ring);
		return;
	}
	r->predecessor = true;
	journal_roll_back(&j);
	take_over(h, j.c, page, ring, last, r);
}

uint32_t recover_units(const struct journal *j, uint32_t units[static ARENA_EVENTS])
{
	uint8_t priority[ARENA_EVENTS] = {0};
	uint32_t items = 0, next = 0;

	memset(units, 0, ARENA_EVENTS * sizeof(units[0]));
	for (uint32_t i = 0; i < j->c->flush; i++) {
		const struct arena_outcome *outcome = &journal_event(j, j->c->first + i)->outcome;

		if (!outcome->admitted)
			continue;
		priority[items] = (uint8_t)outcome->priority;
		units[outcome->head % ARENA_EVENTS] += outcome->admitted * outcome->n_outputs;
		items++;
	}
	for (enum rule_priority p = RULE_PRIORITY_HIGH; p < RULE_PRIORITIES; p++) {
		for (uint32_t i = 0; i < items; i++) {
			const uint32_t n = units[i];

			/* An item that heads no rule has no datagrams of its own. */
			if (!n || priority[i] != p)
				continue;
			priority[i] = RULE_PRIORITIES;
			units[i] = next;
			next += n;
		}
	}
	return j->c->flush;
}

void recover_attempt(void *arena)
{
	struct arena_header *h = arena;

	h->attempts++;
}

void recover_end(void *arena)
{
	struct arena_header *h = arena;

	h->attempts = 0;
}
