/* SPDX-License-Identifier: MIT */
/*
 * recover.h - a worker takes over what the last one had received and not yet sent
 *
 * Before anything else a worker reads what its predecessor left (journal.h has what that
 * is and why it is the truth) and turns it into a commit of its own, which needs the old
 * completion queue no more.  So a worker that dies before it got to the rest leaves the
 * same to the next one.  A commit names the ring whose completions it goes on with.  A
 * worker that dies before it is ready has used no ring; its commit names a ring that the
 * supervisor does not show any more, and there is nothing to read.
 *
 *   recover_begin()   counters back to the last commit; the old queue's receives join the
 *                     journal, its sends the list of what is finished; new commit
 *   recover_units()   numbers the batch that was being sent, if one was
 *   relay_replay(), relay_flush()   once there is a table: that batch again, without the
 *                     datagrams that are finished
 *
 * Receives beyond that batch wait in the journal like any others.
 *
 * The supervisor holds a dead worker's ring until the next worker is ready.  The kernel runs
 * nothing of it any more (tests/unit/core/test_recover_ring.c).
 *
 * Nothing read is trusted: indices are masked or checked, lengths are bounded, and a
 * buffer that two events claim belongs to the first.  An impossible record
 * counts as none.
 *
 * Bounds of the promise: a send that failed for a reason that makes a worker try again is
 * tried again.  A rule that was changed between death and recovery loses its share of the
 * batch.  Where the supervisor had to give up the ring, for want of memory, a batch that was
 * being sent is given up, because nothing says how far it got, and so is what was received
 * unseen.  A batch over which several workers died is given up.  Datagrams that are given up
 * are counted as recovery_lost: where they were received, or, if a part of their batch has been
 * committed, at each output that had not counted them.  Some of the latter may have been sent
 * after that commit.
 */
#ifndef CORE_RELAY_RECOVER_H
#define CORE_RELAY_RECOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/ring.h"
#include "core/relay/finished.h"

struct journal;
struct worker_page;

/* So many workers may die over what lies in the arena before it is given up. */
#define RECOVER_ATTEMPTS 5u

/* Entries of a completion queue, and of the list that an earlier recovery left. */
#define RECOVER_FINISHED_MAX (RING_CQ_MAX + ARENA_FINISHED_MAX)

/**
 * struct recovery - what was found; large, heap
 * @predecessor: there was one
 * @receives: receives waiting, those of the batch that was being sent included
 * @sends:    completions of sends not counted yet
 * @lost:     receives given up
 * @queue_lost: its completion queue is gone
 * @finished:     what is finished, for egress_set_finished()
 * @filled:   buffers that hold receives, for bufpool_init_filled()
 */
struct recovery {
	bool predecessor;
	uint32_t receives;
	uint32_t sends;
	uint32_t lost;
	bool queue_lost;
	struct finished finished;
	bool filled[BUF_TOTAL_COUNT];
	struct arena_finished ends[RECOVER_FINISHED_MAX];
};

/**
 * recover_begin() - make an arena ready for a new worker
 * @arena: WORKER_ARENA_BYTES; whatever its last user left, or zeroes
 * @page:  status page of the worker; its counters go back to the last commit
 * @ring:  number of the worker's ring
 * @last:  completion queue of the last worker that was ready
 * @r:     filled
 */
void recover_begin(void *arena, struct worker_page *page, uint64_t ring,
		   const struct ring_queue *last, struct recovery *r);

/**
 * recover_units() - number the datagrams of the batch that was being sent
 * @j:     just opened; its commit says how many events the batch has
 * @units: by item of the batch that is the first of its rule: number of its first datagram
 *
 * Return: events of the batch, 0 when none was being sent.
 */
uint32_t recover_units(const struct journal *j, uint32_t units[static ARENA_EVENTS]);

/* Begins to handle what recover_begin() found: from here on it may be what kills. */
void recover_attempt(void *arena);

/* Nothing is left of what recover_begin() found. */
void recover_end(void *arena);

#endif
