/* SPDX-License-Identifier: MIT */
/*
 * traffic.h - rates, and times of datagrams, from counters that are looked at once a second
 *
 * A look at all counters is a round.  A series keeps what its counters were in the last two rounds,
 * and at each fifth round of the last minute.  Nothing is measured where datagrams are relayed, so
 * times are those of rounds: a datagram came up to a second earlier.
 */
#ifndef DAEMON_CONTROL_TRAFFIC_H
#define DAEMON_CONTROL_TRAFFIC_H

#include <stdint.h>

#include "core/base/statpage.h"

#define TRAFFIC_BLOCKS       12u
#define TRAFFIC_BLOCK_ROUNDS 5u
#define TRAFFIC_ROUNDS_KEPT  64u

/* When the last rounds began: @at_ns by round; the first round is 1. */
struct traffic_clock {
	uint32_t round;
	uint64_t at_ns[TRAFFIC_ROUNDS_KEPT];
};

struct traffic_count {
	uint64_t packets, bytes;
};

/**
 * struct traffic_series - a rule's input or an output
 * @owner:     its incarnation
 * @first:     round from which on it is known
 * @now, @before: its last two rounds; @at_now, @at_before: its counters then
 * @block:     its counters in round b * TRAFFIC_BLOCK_ROUNDS, in place b % TRAFFIC_BLOCKS
 */
struct traffic_series {
	uint64_t owner;
	uint32_t first, now, before;
	struct traffic_count at_now, at_before;
	struct traffic_count block[TRAFFIC_BLOCKS];
};

/* Traffic within @ms milliseconds; 0: nothing is known yet. */
struct traffic_window {
	uint64_t ms, packets, bytes;
};

/* @second: the time between the last two rounds; @minute: 55 to 60 s, less of a younger series */
struct traffic_rates {
	struct traffic_window second, minute;
};

/* The first round is due; series that are new then began at @now_ns. */
void traffic_clock_init(struct traffic_clock *k, uint64_t now_ns);

/* A round begins. */
void traffic_round(struct traffic_clock *k, uint64_t now_ns);

/**
 * traffic_take() - the counters of a series in this round; a second time in a round does nothing
 * @seen:  of the same rule or output, in memory that outlives the process
 * @owner: its incarnation; another one than before begins at zero
 */
void traffic_take(struct traffic_series *s, const struct traffic_clock *k,
		  struct traffic_seen *seen, uint64_t owner, const struct traffic_count *count);

/* All zero when the series is of another @owner. */
void traffic_rates(const struct traffic_series *s, const struct traffic_clock *k, uint64_t owner,
		   struct traffic_rates *out);

#endif
