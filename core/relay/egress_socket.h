/* SPDX-License-Identifier: MIT */
/*
 * egress_socket.h - whose datagrams it sends, and what the kernel takes there
 *
 * enum egress_socket_kind has the kinds.  An error that an ICMP message causes strikes a later send
 * of the socket that the message quotes: so it strikes an output of its own, one to the same host,
 * or any of the interface.
 *
 * Whether UDP_SEGMENT works shows when it is tried, and depends on the device (checksum
 * offload), its MTU and the kernel's number of segments.  So what counts is the largest
 * send that was taken since one was refused.  A device that cannot do it at all is tried
 * again after a while.
 */
#ifndef CORE_RELAY_EGRESS_SOCKET_H
#define CORE_RELAY_EGRESS_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/ipc.h"
#include "core/relay/egress.h"
#include "core/relay/refusal.h"
#include "core/rules/snapshot.h"

/* How often the same send is made again when an ICMP message may have failed it. */
#define EGRESS_SOCKET_PATIENCE 64u

/* How long UDP_SEGMENT is not tried after a refusal; doubled with each in succession. */
#define EGRESS_SOCKET_GSO_WAIT_NS     NS_PER_S
#define EGRESS_SOCKET_GSO_WAIT_MAX_NS (64 * NS_PER_S)

/**
 * struct egress_socket
 * @sock:           -1 when there is none
 * @kind:           enum egress_socket_kind
 * @connected:      sends need no address
 * @iface:          slot of its interface
 * @to, @port:      its destination, network and host order; @port only of EGRESS_SOCKET_OWN
 * @segments_taken: most datagrams in one send; 0: none since one was refused
 * @payload_taken:  largest segment, in bytes
 * @lasting:        errno that a send ended with in spite of all patience, until one is
 *                  taken; 0 for none
 * @refused, @unreached: datagrams that are counted as sent, and of which the kernel
 *                  learnt later that no port took them, or that they reached no host
 * @gso_wait_ns:    how long UDP_SEGMENT was put off last; 0: it works
 * @gso_after_ns:   when it may be tried again
 */
struct egress_socket {
	int sock;
	uint8_t kind;
	bool connected;
	uint16_t port;
	uint32_t iface;
	uint32_t to_be;
	uint16_t segments_taken;
	uint16_t payload_taken;
	int lasting;
	uint32_t refused, unreached;
	uint64_t gso_wait_ns;
	uint64_t gso_after_ns;
};

/*
 * Is it for that output?  The record says so and not what was derived from it; while
 * sockets change hands a table may name one that is another output's already.
 */
static inline bool egress_socket_serves(const struct egress_socket *l,
					const struct snapshot_output *o)
{
	return l->sock >= 0 && l->iface == o->iface &&
	       memcmp(&l->to_be, o->group.bytes, sizeof(l->to_be)) == 0 &&
	       (l->kind != EGRESS_SOCKET_OWN || l->port == o->port);
}

/* May it refuse @datagrams as a whole, and take them or others one by one? */
static inline bool egress_socket_may_refuse(const struct egress_socket *l, uint32_t datagrams,
					    uint32_t segment_bytes)
{
	const uint32_t enough = datagrams > EGRESS_SEGMENTS_OLD ? EGRESS_SEGMENTS_OLD + 1 : 1;

	return datagrams > 1 && (l->segments_taken < enough || l->payload_taken < segment_bytes);
}

static inline bool egress_socket_takes_segments(const struct egress_socket *l, uint64_t now_ns)
{
	return !l->gso_wait_ns || now_ns >= l->gso_after_ns;
}

static inline void egress_socket_took(struct egress_socket *l, uint32_t datagrams,
				      uint32_t segment_bytes)
{
	if (datagrams == 1) {
		if (!refusal_splits(l->lasting))
			l->lasting = 0;
		return;
	}
	l->lasting = 0;
	l->gso_wait_ns = 0;
	if (l->segments_taken < datagrams)
		l->segments_taken = (uint16_t)datagrams;
	if (l->payload_taken < segment_bytes)
		l->payload_taken = (uint16_t)segment_bytes;
}

static inline void egress_socket_refused(struct egress_socket *l)
{
	l->segments_taken = l->payload_taken = 0;
}

/* Return: is it news that UDP_SEGMENT does not work? */
static inline bool egress_socket_put_off_segments(struct egress_socket *l, uint64_t now_ns)
{
	const bool news = !l->gso_wait_ns;

	/* The other sends of a batch that were refused with the first say nothing new. */
	if (!egress_socket_takes_segments(l, now_ns))
		return false;
	l->gso_wait_ns = news ? EGRESS_SOCKET_GSO_WAIT_NS : l->gso_wait_ns * 2;
	if (l->gso_wait_ns > EGRESS_SOCKET_GSO_WAIT_MAX_NS)
		l->gso_wait_ns = EGRESS_SOCKET_GSO_WAIT_MAX_NS;
	l->gso_after_ns = now_ns + l->gso_wait_ns;
	return news;
}

/* How often a send that ends with that is made again. */
static inline uint32_t egress_socket_patience(const struct egress_socket *l, int err)
{
	return l->lasting == err ? 1 : EGRESS_SOCKET_PATIENCE;
}

#endif
