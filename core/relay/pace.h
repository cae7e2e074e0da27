/* SPDX-License-Identifier: MIT */
/*
 * pace.h - how much a turn of a worker's loop may send, so that it ends in time
 *
 * Between two turns a worker takes commands and new rules, and shows that it lives.  How
 * long a packet takes depends on the machine, on its other load, on sizes and on segmentation,
 * so it is measured: the time of each turn, divided by the packets that left in it.  A
 * measure that is slower than the estimate becomes the estimate at once, a faster one by
 * an eighth, because a turn that is too long costs more than one that is too short.
 *
 * The worker bounds the number as well (core/relay/relay.h): the first turn after a change of the
 * traffic has only an old estimate.
 */
#ifndef CORE_RELAY_PACE_H
#define CORE_RELAY_PACE_H

#include <stdint.h>

#include "core/base/clock.h"

#define PACE_TURN_NS  (25 * NS_PER_MS) /* what a turn is to take at most */
#define PACE_FIRST_NS 5000u            /* a packet, before there is a measure */
#define PACE_SAMPLE   64u              /* packets below which a turn says little */

/**
 * struct pace
 * @packet_ns: estimate of a packet's time, 0: no measure yet
 */
struct pace {
	uint64_t packet_ns;
};

/* A turn has sent @packets in @took_ns. */
static inline void pace_took(struct pace *p, uint32_t packets, uint64_t took_ns)
{
	uint64_t each_ns;

	if (packets < PACE_SAMPLE)
		return;
	each_ns = took_ns / packets;
	if (each_ns >= p->packet_ns)
		p->packet_ns = each_ns;
	else
		p->packet_ns -= (p->packet_ns - each_ns + 7) / 8;
}

/* How many packets the next turn may send; the caller bounds it, from below as well. */
static inline uint64_t pace_packets(const struct pace *p)
{
	return PACE_TURN_NS / (p->packet_ns ? p->packet_ns : PACE_FIRST_NS);
}

#endif
