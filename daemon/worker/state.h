/* SPDX-License-Identifier: MIT */
/* state.h - the types of a worker process */
#ifndef DAEMON_WORKER_STATE_H
#define DAEMON_WORKER_STATE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/iface.h"
#include "core/base/limits.h"
#include "core/base/ring.h"
#include "core/relay/bufpool.h"
#include "core/relay/journal.h"
#include "core/relay/pace.h"
#include "daemon/common/log.h"

struct egress;
struct limit_page;
struct match_table;
struct recovery;
struct relay;
struct worker_page;

/* Its own, one for each interface, and as many of workers for which it stands in. */
#define WORKER_INPUTS (2 * MCR_MAX_IFACES)
static_assert(ARENA_EVENTS >= BUF_TOTAL_COUNT + 2 * WORKER_INPUTS, "room for every event");

/**
 * struct worker_input - the packet socket of one interface
 * @slot:    of the interface
 * @worker:  whose socket it is
 * @sock:    -1 when there is none
 * @link, @class: of its frames, and of the buffers they are received into
 * @serial:  no other socket of the worker has had it: tells its completions from those of
 *           an earlier socket in the slot
 * @armed:   a multishot receive is in the ring
 * @starved: the receive ended because its pool was empty
 * @rearm_ns: after an error: the receive is not armed before this time
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

/**
 * struct worker
 * @channel_ready, @channel_armed: a message of the supervisor waits; the ring watches for one
 * @peek:     where the watch puts the byte it looks at
 * @draining: asked to end: what the sockets hold is still relayed
 * @pausing:  what has been gathered waits, because the storm guard listens
 * @starved:  a receive has ended in this pass because its pool was empty
 * @limits:   state of rate limits, shared with the other workers
 * @table:    in use, owned by @relay
 * @whole:    a whole snapshot whose changes follow at once; else NULL
 * @turn_ns, @now_ns: CLOCK_MONOTONIC when the turn began, and its last pass
 * @queued:   sends since the last submission
 * @beat_calls: sends completed at the last heartbeat within a turn
 * @active_ns: when something was received last
 * @inputs:   @n_inputs of them: its own, by slot, then those of others
 * @recovery: what the last worker left; NULL once it has been sent
 * @recovered_until: first event that the last worker did not receive
 */
struct worker {
	unsigned index;
	int cpu;
	bool per_packet;
	bool netns;
	bool channel_ready;
	bool channel_armed;
	bool channel_closed;
	bool draining;
	bool pausing;
	bool starved;
	uint8_t peek;
	int applied_fd;
	void *arena;
	struct worker_page *page;
	struct limit_page *limits;
	struct relay *relay;
	struct match_table *table;
	const void *whole;
	size_t whole_bytes;
	struct egress *egress;
	struct ring ring;
	uint64_t turn_ns, now_ns;
	struct pace pace;
	unsigned queued;
	uint64_t beat_calls;
	uint64_t next_tick_ns;
	uint64_t busy_poll_ns;
	uint64_t active_ns;
	uint64_t gso_fallbacks_logged;
	struct log_limit limit_recv, limit_gso, limit_command;
	struct worker_input inputs[WORKER_INPUTS];
	unsigned n_inputs;
	uint32_t last_serial;
	int outputs[MCR_MAX_IFACES];
	int egress_sockets[MCR_MAX_EGRESS_SOCKETS];
	struct journal journal;
	struct recovery *recovery;
	uint32_t recovered_until;
	struct bufpool pool;
};

#endif
