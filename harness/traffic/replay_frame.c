// SPDX-License-Identifier: MIT
/* replay_frame.c - Ethernet or raw, VLAN tags, IPv4, UDP */
#include "harness/traffic/replay_frame.h"

#include <stdbool.h>
#include <string.h>

#define TYPE_IPV4     0x0800u
#define TYPE_VLAN     0x8100u
#define TYPE_QINQ     0x88a8u
#define ETHER_BYTES   14u
#define VLAN_BYTES    4u
#define COOKED_BYTES  16u
#define COOKED2_BYTES 20u
#define IP_BYTES      20u
#define UDP_BYTES     8u
#define OFFSET_MASK   0x1fffu
#define MORE_FRAGS    0x2000u

static uint16_t read_be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Where the IPv4 header would begin, or 0 when the frame carries something else. */
static bool find_ip(enum replay_link link, const uint8_t *frame, uint32_t length, uint32_t *ip)
{
	uint32_t type_at = 0;

	switch (link) {
	case REPLAY_IPV4:
		*ip = 0;
		return true;
	case REPLAY_ETHERNET:
		type_at = ETHER_BYTES - 2;
		while (length >= type_at + 2 + VLAN_BYTES &&
		       (read_be16(frame + type_at) == TYPE_VLAN ||
			read_be16(frame + type_at) == TYPE_QINQ))
			type_at += VLAN_BYTES;
		*ip = type_at + 2;
		break;
	case REPLAY_COOKED:
		type_at = COOKED_BYTES - 2;
		*ip = COOKED_BYTES;
		break;
	case REPLAY_COOKED2:
		*ip = COOKED2_BYTES;
		break;
	case REPLAY_N_LINKS:
		return false;
	}
	return length >= type_at + 2 && read_be16(frame + type_at) == TYPE_IPV4;
}

enum replay_verdict replay_frame_read(struct replay_view *view, enum replay_link link,
				      const uint8_t *frame, uint32_t length)
{
	uint32_t at, header_bytes, total_bytes, udp_bytes;
	const uint8_t *ip, *udp;

	if (!find_ip(link, frame, length, &at))
		return REPLAY_OTHER;
	if (length < at + IP_BYTES)
		return REPLAY_CUT;
	ip = frame + at;
	header_bytes = (ip[0] & 15u) * 4u;
	total_bytes = read_be16(ip + 2);
	if (ip[0] >> 4 != 4 || ip[9] != IPPROTO_UDP)
		return REPLAY_OTHER;
	if (read_be16(ip + 6) & (OFFSET_MASK | MORE_FRAGS))
		return REPLAY_FRAGMENT;
	/* Frames may be padded behind the IP packet, never shorter than it. */
	if (header_bytes < IP_BYTES || total_bytes < header_bytes + UDP_BYTES ||
	    length - at < total_bytes)
		return REPLAY_CUT;
	udp = ip + header_bytes;
	udp_bytes = read_be16(udp + 4);
	if (udp_bytes < UDP_BYTES || udp_bytes > total_bytes - header_bytes)
		return REPLAY_CUT;
	memcpy(&view->source, ip + 12, sizeof(view->source));
	memcpy(&view->group, ip + 16, sizeof(view->group));
	view->source_port = read_be16(udp);
	view->port = read_be16(udp + 2);
	view->offset = at + header_bytes + UDP_BYTES;
	view->bytes = udp_bytes - UDP_BYTES;
	return REPLAY_DATAGRAM;
}
