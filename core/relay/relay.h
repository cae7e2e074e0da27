/* SPDX-License-Identifier: MIT */
/*
 * relay.h - the engine of a worker: frames in, matched, gathered by rule, sent
 *
 *   relay_input()  frame -> view -> rule -> appended to that rule's chain in the batch
 *   relay_flush()  each rule's chain -> GSO batches -> sends, high priority first
 *
 * The engine knows neither sockets nor rings.  Input is one call per filled buffer,
 * output goes through struct egress_io; a mapped packet ring could stand in for the
 * first, a test for both.
 *
 * Nothing waits for a batch to fill: the caller gathers only while more is already
 * there, and flushes when it has caught up.
 */
#ifndef CORE_RELAY_RELAY_H
#define CORE_RELAY_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/clock.h"
#include "core/base/iface.h"

struct bufpool;
struct egress;
struct journal;
struct match_table;
struct worker_page;

/*
 * Items of one batch; a super-datagram is one.  As many as there are buffers would be
 * the bound; what is gathered stays near RELAY_GATHER_DATAGRAMS.
 */
#define RELAY_BATCH_ITEMS      5120u
#define RELAY_GATHER_DATAGRAMS 1024u

/*
 * The cost of sending a batch grows with datagrams, outputs and fragments: their product is
 * the number of IP packets that leave.  A batch is full at so many, or at fewer, see
 * relay_set_packets_max(); the frame with which it becomes full belongs to it.
 */
#define RELAY_PACKETS_MAX 16384u
#define RELAY_PACKETS_MIN 512u

struct relay;

/**
 * relay_new() - all memory that the engine ever takes, but the tables
 * @pool:   buffers; relay_input() takes over one reference
 * @egress: where sends go
 * @page:   counters
 * Return: NULL when out of memory.
 */
struct relay *relay_new(struct bufpool *pool, struct egress *egress, struct worker_page *page);
void relay_free(struct relay *r);

/* Where counters of rules are saved before they change; NULL, the default, for nowhere. */
void relay_set_journal(struct relay *r, struct journal *journal);

/**
 * relay_input() - take one received buffer into the batch
 * @buffer: index in the pool; the engine owns the reference from now on
 * @len:    bytes the frame has, which may be more than the buffer holds (MSG_TRUNC)
 * @iface:  slot of the interface it arrived on
 * @link:   what precedes its IP header
 * @now_ns: monotonic time of the pass, for rate limits
 * Return: what became of it, for relay_replay() in a successor.
 */
struct arena_outcome relay_input(struct relay *r, uint32_t buffer, size_t len, uint32_t iface,
				 enum link_layer link, uint64_t now_ns);

/**
 * relay_replay() - take a buffer of a batch that a predecessor had begun to send
 * @buffer, @len, @iface, @link: as for relay_input()
 * @outcome: what became of it there.  The same datagrams are admitted, whatever the clock and
 *        the load say now, so that they keep their numbers
 * @unit: number of the first datagram of its rule
 *
 * A rule that has changed meanwhile does not get it: counted as not_matched.
 */
void relay_replay(struct relay *r, uint32_t buffer, size_t len, uint32_t iface,
		  enum link_layer link, const struct arena_outcome *outcome, uint32_t unit);

/**
 * relay_discard() - give up a received buffer, which the queue of its socket held for too long
 * @buffer, @len, @link: as for relay_input()
 *
 * Counted as socket_queue.
 */
void relay_discard(struct relay *r, uint32_t buffer, size_t len, enum link_layer link);

/* Datagrams gathered and not yet flushed. */
uint32_t relay_gathered(const struct relay *r);

/* About how many IP packets leave when the batch is sent. */
uint32_t relay_packets(const struct relay *r);

/**
 * relay_set_packets_max() - bound the batches from now on
 * @packets: IP packets; brought into RELAY_PACKETS_MIN..RELAY_PACKETS_MAX, the latter the default
 */
void relay_set_packets_max(struct relay *r, uint64_t packets);

/* Is the batch to be sent before more input is taken? */
bool relay_full(const struct relay *r);

/*
 * The most that a pause of the storm guard (guard.h) gathers, half of the buffers for
 * super-datagrams: a pool that runs empty would look like input that has stopped.
 */
#define RELAY_PAUSE_ITEMS (BUF_SUPER_COUNT / 2)

/**
 * relay_pauses() - is what has been gathered to wait?
 * @starved: a receive ended because its pool was empty
 *
 * At the end of each pass.  While it says so nothing is flushed and no table swapped.
 */
bool relay_pauses(struct relay *r, uint64_t now_ns, bool starved);

/* Longest time in which datagrams may have waited, for rate limits. */
#define RELAY_LATE_MAX_NS NS_PER_S

/**
 * relay_begin_pass() - a pass over what has been received begins
 * @now_ns: monotonic; that of every relay_input() of the pass
 *
 * After a long time without a pass, rate limits count from the end of the last one on:
 * datagrams have waited since.
 */
void relay_begin_pass(struct relay *r, uint64_t now_ns);

/**
 * relay_set_behind() - has the last pass left input behind?
 *
 * While it has, datagrams of low-priority rules are shed.
 */
void relay_set_behind(struct relay *r, bool behind);

/* Queues the sends of everything gathered; the batch is empty afterwards. */
void relay_flush(struct relay *r);

/**
 * relay_swap() - put another table in place
 * @table: taken; NULL for none
 *
 * Only between batches: nothing gathered, nothing in flight.
 * Return: the table that was in use, owned by the caller.
 */
struct match_table *relay_swap(struct relay *r, struct match_table *table);

#endif
