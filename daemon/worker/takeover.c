// SPDX-License-Identifier: MIT
/*
 * takeover.c - going on where the last worker was killed
 *
 * core/relay/recover.h has the mechanism.  Nothing is armed before there is a table, so until
 * then a worker leaves everything as it found it; what arrives waits in the sockets.
 */
#include "daemon/worker/takeover.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/statpage.h"
#include "core/relay/egress.h"
#include "core/relay/recover.h"
#include "core/relay/relay.h"
#include "daemon/worker/io.h"
#include "daemon/worker/state.h"

void worker_take_over(struct worker *w, const struct ring_info *own, const struct ring_queue *last)
{
	struct recovery *r = calloc(1, sizeof(*r));

	if (!r)
		die(FAC_BUFFER_POOL, "out of memory");
	recover_begin(w->arena, w->page, own->number, last, r);
	journal_open(&w->journal, w->arena, w->page);
	bufpool_init_filled(&w->pool, w->arena, own->set, r->filled);
	w->recovery = r;
	w->recovered_until = w->journal.tail;
}

static void log_found(const struct recovery *r)
{
	if (r->predecessor)
		log_msg(SEV_NOTICE, FAC_DATA_PLANE,
			"the last worker left %u receives unfinished; %u sends of them were done",
			r->receives, r->sends);
	if (r->lost)
		log_msg(SEV_WARNING, FAC_DATA_PLANE, "%u receives of the last worker given up: %s",
			r->lost,
			r->queue_lost ? "nothing says how far it had got"
				      : "workers died over them repeatedly");
}

static void replay_event(struct worker *w, uint32_t number, const uint32_t *units)
{
	const struct arena_event *e = journal_event(&w->journal, number);
	const union ring_tag tag = {.u64 = e->tag};
	int buffer;

	if (ring_is_unreadable(e->res, e->flags))
		ingress_count_unreadable(&w->page->ingress);
	if (!(e->flags & IORING_CQE_F_BUFFER))
		return;
	buffer = bufpool_take(&w->pool, tag.class, e->flags >> IORING_CQE_BUFFER_SHIFT);
	if (buffer < 0)
		return;
	relay_replay(w->relay, (uint32_t)buffer, e->res > 0 ? (size_t)e->res : 0, tag.slot,
		     (enum link_layer)tag.link, &e->outcome, units[e->outcome.head % ARENA_EVENTS]);
}

/* The batch that was being sent, with the same numbers. */
static void replay(struct worker *w, const struct finished *finished)
{
	static const struct finished none;
	uint32_t units[ARENA_EVENTS];
	const uint32_t n = recover_units(&w->journal, units);

	if (!n)
		return;
	for (uint32_t i = 0; i < n; i++)
		replay_event(w, w->journal.in++, units);
	if (w->journal.c->counted)
		journal_roll_back(&w->journal);
	egress_set_finished(w->egress, finished);
	worker_flush(w);
	egress_set_finished(w->egress, &none);
}

void worker_finish_last(struct worker *w)
{
	struct recovery *r = w->recovery;

	if (!r || !w->table)
		return;
	log_found(r);
	if (r->receives)
		recover_attempt(w->arena);
	egress_set_segments_max(w->egress, w->journal.c->segments_max);
	replay(w, &r->finished);
	free(r);
	w->recovery = NULL;
}
