// SPDX-License-Identifier: MIT
/* journal.c - the writer's side of the journal; journal.h has the mechanism */
#include "core/relay/journal.h"

#include <string.h>

#include "core/base/statpage.h"
#include "core/relay/match_rule.h"

/* A successor reads these first, so they are stored after the memory that they vouch for. */
#define STORE(where, value) __atomic_store_n(&(where), (value), __ATOMIC_RELEASE)

void journal_open(struct journal *j, void *arena, struct worker_page *page)
{
	j->header = arena;
	j->events = arena_events(arena);
	j->c = arena_commit(arena, j->header->epoch);
	j->page = page;
	j->tail = arena_commit_tail(j->c);
	j->in = j->c->first;
}

bool journal_add(struct journal *j, uint64_t tag, int32_t res, uint32_t flags)
{
	struct arena_event *e = journal_event(j, j->tail);

	if (j->tail - j->c->first >= ARENA_EVENTS)
		return false;
	e->tag = tag;
	e->res = res;
	e->flags = flags;
	j->tail++;
	return true;
}

void journal_seen(struct journal *j, uint32_t cq)
{
	STORE(j->c->seen, (uint64_t)j->tail << 32 | cq);
}

static void save_rule(struct arena_saved *s, uint32_t slot, const struct worker_page *page)
{
	s->incarnation = page->rule[slot].incarnation;
	s->slot = slot;
	s->output = 0;
	s->of_rule = page->rule[slot].c;
}

static void save_output(struct arena_saved *s, uint32_t slot, const struct worker_page *page)
{
	s->incarnation = page->output[slot].incarnation;
	s->slot = slot;
	s->output = 1;
	s->of_output = page->output[slot].c;
}

bool journal_has_room(const struct journal *j)
{
	return j->c->n_saved + 1 + MCR_MAX_RULE_OUTPUTS <= ARENA_SAVED_MAX;
}

void journal_save_rule(struct journal *j, struct match_rule *rule)
{
	uint32_t n = j->c->n_saved;

	if (rule->saved_epoch == j->header->epoch || !journal_has_room(j))
		return;
	rule->saved_epoch = j->header->epoch;
	save_rule(&j->c->saved[n++], rule->rec.slot, j->page);
	for (uint32_t i = 0; i < rule->rec.n_outputs && i < MCR_MAX_RULE_OUTPUTS; i++)
		save_output(&j->c->saved[n++], rule->outputs[i].rec.slot, j->page);
	STORE(j->c->n_saved, n);
}

void journal_flush(struct journal *j)
{
	STORE(j->c->flush, j->in - j->c->first);
}

/* The record that is not in force, with the worker's own counters as they are. */
static struct arena_commit *prepare(struct journal *j, uint32_t cq, uint32_t segments_max)
{
	struct arena_commit *next = arena_commit(j->header, j->header->epoch + 1);

	next->ring = j->c->ring;
	next->cq = cq;
	next->segments_max = segments_max;
	next->n_finished = 0;
	next->seen = j->c->seen;
	next->n_saved = 0;
	next->ingress = j->page->ingress;
	next->egress = j->page->egress;
	return next;
}

static void put_in_force(struct journal *j, struct arena_commit *next)
{
	STORE(j->header->epoch, j->header->epoch + 1);
	j->c = next;
}

void journal_commit(struct journal *j, uint32_t cq, uint32_t segments_max)
{
	struct arena_commit *next = prepare(j, cq, segments_max);

	/* Small batches use the same few cache lines again and again. */
	if (!journal_waiting(j)) {
		j->in = j->tail = 0;
		next->seen = (uint32_t)next->seen;
	}
	next->first = j->in;
	next->units = 0;
	next->counted = 0;
	next->flush = 0;
	put_in_force(j, next);
}

void journal_commit_part(struct journal *j, uint32_t cq, uint32_t segments_max, uint32_t units)
{
	struct arena_commit *next = prepare(j, cq, segments_max);

	next->first = j->c->first;
	next->units = units;
	next->counted = 1;
	next->flush = j->c->flush;
	next->n_finished = j->c->n_finished;
	memcpy(next->finished, j->c->finished, next->n_finished * sizeof(next->finished[0]));
	for (uint32_t i = 0; i < j->c->n_saved; i++) {
		const struct arena_saved *s = &j->c->saved[i];

		(s->output ? save_output : save_rule)(&next->saved[i], s->slot, j->page);
	}
	next->n_saved = j->c->n_saved;
	put_in_force(j, next);
}

/* Last saved, first put back: of two records of one slot the older one counts. */
void journal_roll_back(const struct journal *j)
{
	struct worker_page *page = j->page;

	page->ingress = j->c->ingress;
	page->egress = j->c->egress;
	for (uint32_t i = j->c->n_saved; i-- > 0;) {
		const struct arena_saved *s = &j->c->saved[i];

		if (s->output && s->slot < MCR_MAX_OUTPUTS &&
		    page->output[s->slot].incarnation == s->incarnation)
			page->output[s->slot].c = s->of_output;
		if (!s->output && s->slot < MCR_MAX_RULES &&
		    page->rule[s->slot].incarnation == s->incarnation)
			page->rule[s->slot].c = s->of_rule;
	}
}
