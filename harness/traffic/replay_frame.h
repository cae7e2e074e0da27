/* SPDX-License-Identifier: MIT */
/*
 * replay_frame.h - the UDP datagram in a captured frame: untrusted bytes become a bounded view here
 */
#ifndef HARNESS_TRAFFIC_REPLAY_FRAME_H
#define HARNESS_TRAFFIC_REPLAY_FRAME_H

#include <netinet/in.h>
#include <stdint.h>

/* How the captured bytes begin. */
enum replay_link {
	REPLAY_ETHERNET, /* with any number of VLAN tags */
	REPLAY_IPV4,     /* with the IP header */
	REPLAY_COOKED,   /* Linux "any" captures, version 1 */
	REPLAY_COOKED2,  /* version 2 */
	REPLAY_N_LINKS,
};

enum replay_verdict {
	REPLAY_DATAGRAM,
	REPLAY_OTHER,    /* not UDP over IPv4 */
	REPLAY_FRAGMENT, /* a piece of a datagram */
	REPLAY_CUT,      /* captured with a snap length too short, or damaged */
	REPLAY_N_VERDICTS,
};

struct replay_view {
	struct in_addr source;
	struct in_addr group; /* destination; may be a host */
	uint16_t source_port;
	uint16_t port;
	uint32_t offset; /* of the payload in the frame */
	uint32_t bytes;  /* of the payload */
};

/**
 * replay_frame_read() - find the datagram in a frame
 * @view:   filled when the verdict is REPLAY_DATAGRAM: offset + bytes is at most @length
 * @link:   how the frame begins
 * @frame:  @length captured bytes, untrusted, no alignment needed
 * @length: of @frame
 */
enum replay_verdict replay_frame_read(struct replay_view *view, enum replay_link link,
				      const uint8_t *frame, uint32_t length);

#endif
