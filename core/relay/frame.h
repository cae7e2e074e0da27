/* SPDX-License-Identifier: MIT */
/*
 * frame.h - untrusted bytes from a packet socket become a bounded view, or a drop reason
 *
 * This is the only code that reads headers.  A view holds pointers and lengths that have been
 * checked against the frame; later code never looks at the raw bytes again.
 */
#ifndef CORE_RELAY_FRAME_H
#define CORE_RELAY_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/counters.h"
#include "core/base/iface.h"

/* struct virtio_net_hdr, which PACKET_VNET_HDR puts before every frame (packet(7)). */
#define FRAME_VNET_BYTES 10

/* Largest UDP payload of an IPv4 datagram without options. */
#define FRAME_PAYLOAD_MAX 65507

/*
 * Most datagrams in one super-datagram: UDP_MAX_SEGMENTS of the kernel.  GRO merges 64.  A
 * tap device of a kernel before 6.7 hands on what its owner claims, one byte each if so.
 */
#define FRAME_DATAGRAMS_MAX 128

/**
 * struct frame_view - one datagram, or a super-datagram of many of one flow
 * @payload:       first byte; datagrams follow one another without gaps
 * @payload_bytes: of all datagrams together, 0..FRAME_PAYLOAD_MAX
 * @segment_bytes: payload of each datagram; the last may be shorter.  Equals
 *                 payload_bytes when there is one datagram
 * @datagrams:     how many, 1..FRAME_DATAGRAMS_MAX.  Set even when the frame is dropped
 * @source_be, @group_be: IPv4 addresses, network order; also set for a fragment
 * @ttl:           of the IPv4 header
 * @port:          destination port, host order; of a fragment other than the first 0
 * @division:      number that the source address of the MAC header carries: the kernel path has
 *                 sent the frame to some of the outputs already (core/rules/snapshot.h); 0: none
 */
struct frame_view {
	const uint8_t *payload;
	uint32_t payload_bytes;
	uint32_t segment_bytes;
	uint32_t datagrams;
	uint32_t source_be;
	uint32_t group_be;
	uint32_t division;
	uint16_t port;
	uint8_t ttl;
};

/**
 * frame_parse() - check a frame and give a view of its payload
 * @frame: as received, virtio_net_hdr first
 * @len:   bytes, the virtio_net_hdr included
 * @link:  what precedes the IP header
 * @view:  filled; on failure only @datagrams counts, and of a fragment where it goes
 * @why:   on failure the one reason for which the frame is dropped
 *
 * Checks, in this order: link layer, IPv4 header and total length (RFC 791), header
 * checksum (RFC 1071), protocol, fragmentation, UDP length, number of datagrams, UDP
 * checksum (RFC 768).  One with more datagrams than there can be counts as one.
 * The UDP checksum is not computed when it is zero, or when the virtio header says
 * that it is known to be good or has not been filled in yet (virtio 1.2, 5.1.6).
 *
 * Return: whether @view is valid.
 */
bool frame_parse(const uint8_t *frame, size_t len, enum link_layer link, struct frame_view *view,
		 enum drop_reason *why);

#endif
