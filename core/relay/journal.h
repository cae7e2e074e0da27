/* SPDX-License-Identifier: MIT */
/*
 * journal.h - what a worker writes down, so that its death loses nothing
 *
 * SIGKILL takes effect when a task returns to user mode.  Sends complete while they are
 * submitted (MSG_DONTWAIT), so a submission with all its completions is in the completion
 * queue, or nothing of it is.  So at any instant the completions in the ring say what was
 * received and what was sent, and the memory of the ring outlives the worker (ring.h).  The
 * rest lies in the arena: where the batch began, and what has been counted.
 *
 * Events.  A completion of a receive is copied to the journal when it is taken from the
 * queue (journal_add(), journal_seen()), with what the engine made of it.  The batch
 * begins at @first; what was received while it was being sent follows it.
 *
 * Units.  The datagrams of a batch are numbered in the order in which they are sent: by
 * priority, rule, GSO batch, output, datagram.  A send carries its first unit and their number
 * in user_data, so that its completion says by itself what is finished.
 *
 * Commits.  When nothing is in flight, everything so far is declared finished and counted
 * in one step: the other of two records is filled in, then header->epoch is stored.
 * Counters in the status page change between commits.  The record has them as they were at the
 * commit (the worker's own in full, those of a rule and its outputs from their first change
 * on), so that a successor goes back to them and counts again.  Fields of a record that are
 * said to grow are changed by one store each.
 *
 *   receive -> journal_add() -> journal_seen() -> journal_save_rule() -> journal_flush()
 *     -> sends, completions -> journal_commit() -> buffers go back to the kernel
 *
 * Stores need no barrier but the compiler's: another process reads them after the kernel has
 * reported the death of this one.
 */
#ifndef CORE_RELAY_JOURNAL_H
#define CORE_RELAY_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"

struct match_rule;
struct worker_page;

/**
 * struct journal - a worker's hold on its arena
 * @c:    the commit in force
 * @page: status page
 * @tail: events added; numbers run on, and begin at 0 again when none waits.  An event
 *        lies at its number modulo ARENA_EVENTS
 * @in:   events that the engine has taken
 */
struct journal {
	struct arena_header *header;
	struct arena_event *events;
	struct arena_commit *c;
	struct worker_page *page;
	uint32_t tail;
	uint32_t in;
};

/* The journal of an arena that recover_begin() has made ready. */
void journal_open(struct journal *j, void *arena, struct worker_page *page);

static inline struct arena_event *journal_event(const struct journal *j, uint32_t number)
{
	return &j->events[number % ARENA_EVENTS];
}

/* Events that the engine has not taken yet. */
static inline uint32_t journal_waiting(const struct journal *j)
{
	return j->tail - j->in;
}

/* Adds an event; false when there is no room, which a sound ring does not bring about. */
bool journal_add(struct journal *j, uint64_t tag, int32_t res, uint32_t flags);

/**
 * journal_seen() - every receive completed before @cq is in the journal
 * @cq: position in the completion queue
 */
void journal_seen(struct journal *j, uint32_t cq);

/* Saves the counters of a rule and its outputs before they change for the first time. */
void journal_save_rule(struct journal *j, struct match_rule *rule);

/* Room for one more rule in journal_save_rule()? */
bool journal_has_room(const struct journal *j);

/* The events taken so far are the batch, and sending it begins. */
void journal_flush(struct journal *j);

/**
 * journal_commit() - the batch is finished and counted
 * @cq: position in the completion queue: its sends have completed before it
 * @segments_max: largest number of segments the kernel takes in a send
 */
void journal_commit(struct journal *j, uint32_t cq, uint32_t segments_max);

/**
 * journal_commit_part() - the first @units datagrams are finished and counted
 * As journal_commit(), in the midst of a batch: nothing may be in flight.
 */
void journal_commit_part(struct journal *j, uint32_t cq, uint32_t segments_max, uint32_t units);

/* Puts back every counter that has changed since the commit in force. */
void journal_roll_back(const struct journal *j);

#endif
