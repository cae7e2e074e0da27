/* SPDX-License-Identifier: MIT */
/*
 * worker.h - the parts of a worker process
 *
 *   worker.c          start-up, sealing, the loop
 *   wait.c     sleeping, polling, the tick
 *   io.c     what goes into the ring and what comes out of it
 *   takeover.c  what the last worker left behind
 *   command.c  messages of the supervisor: sockets, snapshots, shutdown
 */
#ifndef DAEMON_WORKER_WORKER_H
#define DAEMON_WORKER_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/clock.h"
#include "core/base/ipc.h"
#include "core/relay/bufpool.h"
#include "core/relay/egress.h"
#include "core/relay/journal.h"
#include "core/relay/pace.h"
#include "core/base/ring.h"
#include "daemon/common/log.h"

struct limit_page;
struct match_table;
struct recovery;
struct relay;
struct worker_page;

/* One for each interface, and some of workers for which it stands in. */
#define WORKER_INPUTS (2 * MCR_MAX_IFACES)
static_assert(ARENA_EVENTS >= BUF_TOTAL_COUNT + 2 * WORKER_INPUTS, "room for every event");

/**
 * struct worker_input - the packet socket of one interface
 * @slot:    of the interface
 * @worker:  whose socket it is
 * @sock:    -1 when there is none
 * @serial:  tells completions of this socket from those of an earlier one in the slot
 * @armed:   a multishot receive is in the ring
 * @starved: it ended because its pool was empty
 * @rearm_ns: not before this time, after an error
 * @name:    of the interface, for the log; as the last snapshot has it
 */
struct worker_input {
	uint32_t slot;
	uint32_t worker;
	int sock;
	enum link_layer link;
	enum buf_class class;
	uint32_t serial;
	bool armed;
	bool starved;
	uint64_t rearm_ns;
	char name[MCR_IFNAME_MAX];
	struct log_limit limit_recv;
};

struct worker {
	unsigned index;
	int cpu;
	bool per_packet;
	bool netns;
	bool channel_ready;
	bool channel_armed;
	bool supervisor_gone;
	bool draining;
	bool pausing; /* what has been gathered waits: the storm guard listens */
	bool starved; /* a receive ended in this pass because its pool was empty */
	uint8_t peek; /* where the peeked byte of the channel goes */
	int applied_fd;
	void *arena;
	struct worker_page *page;
	struct limit_page *limits; /* shared with the other workers */
	struct relay *relay;
	struct match_table *table; /* in use, owned through the relay */
	struct egress *egress;
	struct ring ring;
	uint64_t now_ns;
	struct pace pace;
	unsigned queued;     /* sends since the last submission */
	uint64_t beat_calls; /* sends completed at the last heartbeat within a turn */
	uint64_t next_tick_ns;
	uint64_t busy_poll_ns;
	uint64_t active_ns; /* when something was received last */
	uint64_t gso_fallbacks_logged;
	struct log_limit limit_recv, limit_gso, limit_command;
	/* Its own, by slot; after them those of others. */
	struct worker_input inputs[WORKER_INPUTS];
	unsigned n_inputs;
	uint32_t last_serial;
	int outputs[MCR_MAX_IFACES];
	int egress_sockets[MCR_MAX_EGRESS_SOCKETS];
	struct journal journal;
	struct recovery *recovery; /* until what it found has been sent; else NULL */
	uint32_t recovered_until;  /* first event that the predecessor did not receive */
	struct bufpool pool;
};

/* No input and no output. */
static inline void worker_no_sockets(struct worker *w)
{
	w->n_inputs = MCR_MAX_IFACES;
	for (unsigned i = 0; i < WORKER_INPUTS; i++)
		w->inputs[i] = (struct worker_input){.slot = i, .worker = w->index, .sock = -1};
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++)
		w->outputs[i] = -1;
	for (unsigned i = 0; i < MCR_MAX_EGRESS_SOCKETS; i++)
		w->egress_sockets[i] = -1;
}

/* --- io.c --- */

/* For struct egress_io; ctx is the worker. */
void worker_queue_send(void *ctx, int sock, const struct msghdr *msg, struct egress_tag tag);

/*
 * Submits everything and handles completions until no send is in flight.  Receives
 * that complete meanwhile wait in the journal for the next worker_reap().
 */
void worker_drain(void *ctx);

/* Are there receives that could be handled? */
bool worker_has_input(const struct worker *w);

/* Handles every completion that is there; returns how many receives were among them. */
unsigned worker_reap(struct worker *w);

/* Sends what was gathered, and settles the batch. */
void worker_flush(struct worker *w);

/* Receives nothing more, and counts what was received and not handled.  Between batches. */
void worker_discard(struct worker *w);

/* Arms what is not armed and may be: receives, and the watch on the channel. */
void worker_arm(struct worker *w);

/* Takes the receive of an input out of the ring. */
void worker_disarm(struct worker *w, struct worker_input *in);

/* --- takeover.c --- */

/*
 * Takes the arena over, with the pool's buffers.
 * @own:  the worker's ring
 * @last: completion queue of the last worker that was ready
 */
void worker_take_over(struct worker *w, const struct ring_info *own, const struct ring_queue *last);

/*
 * Once there is a table: sends what the last worker had begun to send.  What it had
 * received beyond that is handled by worker_reap() like anything received.
 */
void worker_finish_last(struct worker *w);

/* --- wait.c --- */

/* Starts the tick: a signal that ends a sleep.  Before the system calls are sealed. */
int worker_tick_start(void);

/* Returns when there may be something to do: input, a message, a tick. */
int worker_wait(struct worker *w);

/* Heartbeat. */
void worker_beat(struct worker *w);

/* If it is due: heartbeat, a slice of the table's hash, and the pools' low marks. */
void worker_tick(struct worker *w);

/* --- command.c --- */

/* Handles every message that the supervisor has sent.  Between batches only. */
void worker_commands(struct worker *w);

#endif
