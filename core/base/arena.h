/* SPDX-License-Identifier: MIT */
/*
 * arena.h - the memory of one worker, from which its successor goes on
 *
 * A memfd that the supervisor holds and one worker maps.  With the completion queue of the
 * ring, which the supervisor holds as well (ring.h), it is everything a successor needs to
 * finish what the last worker had received: the buffers, and the journal (journal.h has what
 * is written when, recover.h how it is read).  There are two sets of buffer rings, which the
 * rings of a worker use in turn: as long as a ring exists, the kernel uses its set.
 *
 *   header | events | commits[2] | buffer rings[2][class] | buffers
 *
 * All offsets are multiples of the page size.  A successor does not trust the contents of
 * the arena.
 */
#ifndef CORE_BASE_ARENA_H
#define CORE_BASE_ARENA_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/counters.h"
#include "core/base/iface.h"
#include "core/base/limits.h"

#define ARENA_MAGIC   0x314e45524152434dull /* "MCRAREN1" */
#define ARENA_VERSION 5
#define ARENA_PAGE    4096u

/*
 * Buffer sizes and counts.  A buffer holds the virtio header, the link header and
 * the IP packet.  Counts keep a worker's memory under 64 MB.
 */
#define BUF_SMALL_BYTES 2048u
#define BUF_JUMBO_BYTES 9216u
#define BUF_SUPER_BYTES \
	65664u /* 64 KiB + 128: not a power of two, so heads spread over cache sets */
#define BUF_SMALL_COUNT 4096u
#define BUF_JUMBO_COUNT 512u
#define BUF_SUPER_COUNT 384u
#define BUF_TOTAL_COUNT (BUF_SMALL_COUNT + BUF_JUMBO_COUNT + BUF_SUPER_COUNT)

/* Buffer rings must have a power of two of entries (io_uring_register_buf_ring(3)). */
#define BUF_SMALL_RING 4096u
#define BUF_JUMBO_RING 512u
#define BUF_SUPER_RING 512u

#define ARENA_ROUND(x) (((x) + ARENA_PAGE - 1) / ARENA_PAGE * ARENA_PAGE)

struct arena_class {
	uint32_t buffer_bytes;
	uint32_t buffers;
	uint32_t ring_entries;
};

/* Not 0, the epoch of rules that were never saved (struct match_rule). */
#define ARENA_FIRST_EPOCH 2u

/**
 * struct arena_header - which commit is in force
 * @epoch:       number of the commit in force, which lies in commits[epoch & 1]
 * @starts:      workers that have used this arena
 * @attempts:    workers that have begun to recover this arena, and did not finish
 */
struct arena_header {
	uint64_t magic;
	uint32_t version;
	uint32_t attempts;
	uint64_t size_bytes;
	uint64_t starts;
	uint64_t epoch;
};
static_assert(sizeof(struct arena_header) <= ARENA_PAGE, "the header has one page");

/*
 * Every event of a batch has a buffer or ends a receive, and each receive ends at most once in a
 * batch, because it is armed again only afterwards.
 */
#define ARENA_EVENTS 8192u
static_assert(ARENA_EVENTS >= BUF_TOTAL_COUNT + 2 * MCR_MAX_IFACES, "room for every event");

/**
 * struct arena_outcome - what was done with a received buffer
 * @action:      of the rule that took it (struct match_rule); 0: it was dropped before any did
 * @admitted:    datagrams of it that are in the batch
 * @head:        item of the batch that is the first of the same rule
 * @n_outputs:   of the rule
 * @priority:    enum rule_priority of the rule
 * @shed:        not admitted because the worker was behind, not because of a rate limit
 * @looping:     not admitted because the rule was held
 */
struct arena_outcome {
	uint64_t action;
	uint32_t admitted;
	uint32_t head : 16;
	uint32_t n_outputs : 12;
	uint32_t priority : 2;
	uint32_t shed : 1;
	uint32_t looping : 1;
};

/* A completion of a receive; @outcome is filled in when the engine takes it. */
struct arena_event {
	uint64_t tag;
	int32_t res;
	uint32_t flags;
	struct arena_outcome outcome;
};
static_assert(sizeof(struct arena_event) == 32, "two to a cache line");

/* Sends that are finished and not yet counted, of datagrams @unit to @unit + @n - 1. */
struct arena_finished {
	uint32_t unit;
	uint32_t n;
	int32_t res; /* negative: errno */
};
#define ARENA_FINISHED_MAX 4096u

/**
 * struct arena_saved - a rule's or an output's counters as they were at the commit
 * @output: slot is that of an output, not of a rule
 */
struct arena_saved {
	uint64_t incarnation;
	uint32_t slot;
	uint32_t output;
	union {
		struct rule_counters of_rule;
		struct egress_counters of_output;
	};
};
#define ARENA_SAVED_MAX 4096u

/**
 * struct arena_commit - everything up to here is finished and counted
 * @ring:     number of the ring whose completion queue goes on from here
 * @cq:       completions of sends before this one are counted
 * @first:    first event of the batch
 * @units:    datagrams of the batch, in order of sending, that are finished and counted
 * @counted:  the receives of the batch are counted
 * @segments_max: largest number of segments the kernel takes in a send
 * @n_finished:   of @finished
 * @seen:     grows: events in the journal << 32 | completions that they stand for
 * @flush:    grows: events of the batch that is being sent, 0 as long as none is
 * @n_saved:  grows: of @saved
 * @ingress, @egress, @saved: counters at the commit, to be gone back to
 */
struct arena_commit {
	uint64_t ring;
	uint32_t cq;
	uint32_t first;
	uint32_t units;
	uint32_t counted;
	uint32_t segments_max;
	uint32_t n_finished;
	uint32_t flush;
	uint32_t n_saved;
	uint64_t seen;
	struct ingress_counters ingress;
	struct egress_counters egress;
	struct arena_finished finished[ARENA_FINISHED_MAX];
	struct arena_saved saved[ARENA_SAVED_MAX];
};

#define ARENA_EVENTS_OFFSET ARENA_PAGE
#define ARENA_EVENTS_BYTES  (ARENA_EVENTS * sizeof(struct arena_event))
#define ARENA_COMMIT_OFFSET(which)                                       \
	(ARENA_EVENTS_OFFSET + ARENA_ROUND((size_t)ARENA_EVENTS_BYTES) + \
	 (which)*ARENA_ROUND(sizeof(struct arena_commit)))

#define ARENA_BUFRING_SET_BYTES                                                  \
	(ARENA_ROUND(BUF_SMALL_RING * 16u) + ARENA_ROUND(BUF_JUMBO_RING * 16u) + \
	 ARENA_ROUND(BUF_SUPER_RING * 16u))
#define ARENA_BUFRING_OFFSET(set) (ARENA_COMMIT_OFFSET(2) + (set)*ARENA_BUFRING_SET_BYTES)
#define ARENA_BUFFERS_OFFSET      ARENA_BUFRING_OFFSET(2)

/* Size of the memfd. */
#define WORKER_ARENA_BYTES                                                          \
	((size_t)ARENA_BUFFERS_OFFSET + (size_t)BUF_SMALL_COUNT * BUF_SMALL_BYTES + \
	 (size_t)BUF_JUMBO_COUNT * BUF_JUMBO_BYTES +                                \
	 ARENA_ROUND((size_t)BUF_SUPER_COUNT * BUF_SUPER_BYTES))

/* Sizes of one class. */
struct arena_class arena_class(enum buf_class class);

/* Offset of a class's buffer ring in set 0 or 1, and of its first buffer. */
size_t arena_bufring_offset(unsigned set, enum buf_class class);
size_t arena_buffers_offset(enum buf_class class);

static inline struct arena_event *arena_events(void *arena)
{
	return (struct arena_event *)((uint8_t *)arena + ARENA_EVENTS_OFFSET);
}

/* The commit of that number. */
static inline struct arena_commit *arena_commit(void *arena, uint64_t epoch)
{
	return (struct arena_commit *)((uint8_t *)arena + ARENA_COMMIT_OFFSET(epoch & 1));
}

/* Place of the next event of the journal. */
static inline uint32_t arena_commit_tail(const struct arena_commit *c)
{
	return (uint32_t)(c->seen >> 32);
}

#endif
