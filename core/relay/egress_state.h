/* SPDX-License-Identifier: MIT */
/* egress_state.h - the types that the three parts of egress share */
#ifndef CORE_RELAY_EGRESS_STATE_H
#define CORE_RELAY_EGRESS_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "core/base/limits.h"
#include "core/relay/egress_io.h"
#include "core/relay/egress_socket.h"
#include "core/relay/finished.h"
#include "core/relay/gso_batch.h"
#include "core/relay/match_rule.h"

/* By id; those of the interfaces follow, by slot. */
#define EGRESS_SOCKETS (MCR_MAX_EGRESS_SOCKETS + MCR_MAX_IFACES)

/**
 * struct send - one sendmsg(2) on its way
 * @msg:     what is sent; @control has its control messages unless the output's own suffice
 * @one:     payload of a datagram sent by itself
 * @unit:    number of its first datagram
 * @tries:   times it was repeated because an ICMP message may have failed it
 * @refused, @unreached: those tries that ended with ECONNREFUSED, and with no route or host
 * @singles: it waits to be sent datagram by datagram
 * @next:    in the free list or the retry list
 * @egress_socket: where it goes out, whatever becomes of the output meanwhile
 */
struct send {
	struct msghdr msg;
	struct iovec one;
	_Alignas(struct cmsghdr) uint8_t control[MATCH_CONTROL_MAX + CMSG_SPACE(sizeof(int))];
	struct match_output *output;
	struct gso_batch *gso;
	uint32_t unit;
	uint32_t datagrams;
	uint32_t bytes;
	uint16_t tries;
	uint16_t refused, unreached;
	bool singles;
	uint32_t next;
	uint32_t egress_socket;
};

/**
 * struct egress
 * @retrying:  egress_retry() holds sends that are in no list
 * @segments_max, @segments_next: most segments of a send in this batch, and in the next one.
 *             Boundaries of GSO batches decide the numbers of datagrams, so a limit that
 *             is found in a batch holds from the next one on
 * @taken, @taken_units: send slots that are not free, and the datagrams in them
 * @unit:      number of the next datagram
 * @notices:   outputs that have begun to send fragments, for egress_next_fragmented()
 */
struct egress {
	struct bufpool *pool;
	struct worker_page *page;
	struct egress_io io;
	bool per_packet;
	bool retrying;
	uint32_t segments_max, segments_next;
	uint32_t in_flight;
	uint32_t taken, taken_units;
	uint32_t unit;
	struct finished finished;
	uint32_t free_send, free_gso;
	uint32_t retry_head, retry_tail;
	uint64_t now_ns;
	uint32_t n_notices;
	struct snapshot_output notices[EGRESS_NOTICES];
	struct egress_socket egress_sockets[EGRESS_SOCKETS];
	struct send sends[EGRESS_SENDS];
	struct gso_batch gso_batches[EGRESS_GSO_BATCHES];
};

#endif
