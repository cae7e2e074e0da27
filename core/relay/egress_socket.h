/* SPDX-License-Identifier: MIT */
/*
 * egress_socket.h - an egress socket, and what the kernel has taken or refused there
 *
 * An ICMP message fails a later send of the socket that the message quotes.  The kind of the
 * socket (enum egress_socket_kind) says whose send that may be: that of one output, of an
 * output to the same host, or of any output of the interface.
 *
 * Only a try shows whether UDP_SEGMENT works: that depends on the device (checksum offload),
 * its MTU and the kernel's number of segments.  The socket remembers the largest send that
 * was taken since one was refused.  If the device refuses UDP_SEGMENT, the next try comes
 * after a wait.
 */
#ifndef CORE_RELAY_EGRESS_SOCKET_H
#define CORE_RELAY_EGRESS_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/iface.h"
#include "core/relay/gso_batch.h"
#include "core/relay/refusal.h"
#include "core/rules/snapshot.h"

/* How often a send is repeated that an ICMP message may have failed. */
#define EGRESS_SOCKET_RETRIES 64u

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
 * @source_port:    that it is bound to, 0: none
 * @segments_taken: most datagrams in one send; 0: none since one was refused
 * @payload_taken:  largest segment, in bytes
 * @persistent_err: errno that a send still had after all retries, until the socket takes
 *                  a send; 0: none
 * @refused, @unreached: datagrams that are counted as sent, and of which the kernel
 *                  learnt later that no port took them, or that they reached no host
 * @gso_wait_ns:    how long UDP_SEGMENT was put off last; 0: it works
 * @gso_after_ns:   when it may be tried again
 */
struct egress_socket {
	int sock;
	uint8_t kind;
	bool connected;
	uint16_t port, source_port;
	uint32_t iface;
	uint32_t to_be;
	uint16_t segments_taken;
	uint16_t payload_taken;
	int persistent_err;
	uint32_t refused, unreached;
	uint64_t gso_wait_ns;
	uint64_t gso_after_ns;
};

/*
 * Is it for that output?  The record says so and not what was derived from it; while
 * sockets change hands a table may name one that is another output's already.
 */
static inline bool egress_socket_serves(const struct egress_socket *es,
					const struct snapshot_output *o)
{
	return es->sock >= 0 && es->iface == o->iface &&
	       memcmp(&es->to_be, o->group.bytes, sizeof(es->to_be)) == 0 &&
	       es->source_port == o->source_port &&
	       (es->kind != EGRESS_SOCKET_OWN || es->port == o->port);
}

/* May it refuse @datagrams as a whole, and take them or others one by one? */
static inline bool egress_socket_may_refuse(const struct egress_socket *es, uint32_t datagrams,
					    uint32_t segment_bytes)
{
	const uint32_t enough = datagrams > GSO_SEGMENTS_OLD ? GSO_SEGMENTS_OLD + 1 : 1;

	return datagrams > 1 && (es->segments_taken < enough || es->payload_taken < segment_bytes);
}

static inline bool egress_socket_takes_segments(const struct egress_socket *es, uint64_t now_ns)
{
	return !es->gso_wait_ns || now_ns >= es->gso_after_ns;
}

static inline void egress_socket_took(struct egress_socket *es, uint32_t datagrams,
				      uint32_t segment_bytes)
{
	if (datagrams == 1) {
		if (!refusal_splits(es->persistent_err))
			es->persistent_err = 0;
		return;
	}
	es->persistent_err = 0;
	es->gso_wait_ns = 0;
	if (es->segments_taken < datagrams)
		es->segments_taken = (uint16_t)datagrams;
	if (es->payload_taken < segment_bytes)
		es->payload_taken = (uint16_t)segment_bytes;
}

static inline void egress_socket_refused(struct egress_socket *es)
{
	es->segments_taken = es->payload_taken = 0;
}

/* Return: is it news that UDP_SEGMENT does not work? */
static inline bool egress_socket_put_off_segments(struct egress_socket *es, uint64_t now_ns)
{
	const bool news = !es->gso_wait_ns;

	/* The other sends of a batch that were refused with the first say nothing new. */
	if (!egress_socket_takes_segments(es, now_ns))
		return false;
	es->gso_wait_ns = news ? EGRESS_SOCKET_GSO_WAIT_NS : es->gso_wait_ns * 2;
	if (es->gso_wait_ns > EGRESS_SOCKET_GSO_WAIT_MAX_NS)
		es->gso_wait_ns = EGRESS_SOCKET_GSO_WAIT_MAX_NS;
	es->gso_after_ns = now_ns + es->gso_wait_ns;
	return news;
}

/* How often a send that fails with @err is repeated. */
static inline uint32_t egress_socket_retries(const struct egress_socket *es, int err)
{
	return es->persistent_err == err ? 1 : EGRESS_SOCKET_RETRIES;
}

#endif
