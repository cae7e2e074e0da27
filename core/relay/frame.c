// SPDX-License-Identifier: MIT
/*
 * frame.c - parser of what packet sockets deliver
 *
 * A frame is [virtio_net_hdr][Ethernet header, or nothing][IPv4][UDP][payload].
 * Every read is preceded by a check that the bytes are there; multi-byte fields are
 * read with memcpy because nothing is aligned.
 *
 * A super-datagram is one IPv4/UDP packet whose total length covers all of its
 * datagrams (GRO rewrites the lengths and the IP checksum as it merges), and whose
 * virtio header says UDP_L4 and gives the segment size.  experiments/poc_gro_gso_super
 * shows what the kernel delivers.
 */
#include "core/relay/frame.h"

#include <assert.h>
#include <string.h>

#include "core/rules/kernel_path_map.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHER_BYTES    14
#define ETHER_SOURCE   6
#define IP_MIN_BYTES   20
#define UDP_BYTES      8
#define PROTO_UDP      17
#define IP_OFFSET      0x1fff
#define IP_MF_OFFSET   0x3fff /* more fragments, or an offset: a fragment (RFC 791) */

/* From linux/virtio_net.h; Debian 12's header predates VIRTIO_NET_HDR_GSO_UDP_L4. */
#define VNET_F_NEEDS_CSUM 1
#define VNET_F_DATA_VALID 2
#define VNET_GSO_UDP_L4   5
#define VNET_GSO_ECN      0x80

struct vnet_hdr {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
};
static_assert(sizeof(struct vnet_hdr) == FRAME_VNET_BYTES, "struct virtio_net_hdr is ten bytes");

static uint16_t get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/*
 * Return: the division of a frame of which the kernel path has served some outputs
 * (core/rules/kernel_path_map.h); 0: it has none.
 */
static uint32_t division_of(const uint8_t *ether)
{
	const uint8_t *mac = ether + ETHER_SOURCE;

	if (get_be16(mac) != (KERNEL_PATH_DIVISION_MAC_0 << 8 | KERNEL_PATH_DIVISION_MAC_1))
		return 0;
	return (uint32_t)get_be16(mac + 2) << 16 | get_be16(mac + 4);
}

/* One's complement sum of RFC 1071, not folded, in whatever byte order memory has. */
static uint64_t sum_bytes(const uint8_t *p, size_t len, uint64_t sum)
{
	uint32_t word;
	uint16_t half;

	for (; len >= 4; p += 4, len -= 4) {
		memcpy(&word, p, 4);
		sum += word;
	}
	if (len >= 2) {
		memcpy(&half, p, 2);
		sum += half;
		p += 2;
		len -= 2;
	}
	if (len) {
		const uint8_t last[2] = {*p, 0};

		memcpy(&half, last, 2);
		sum += half;
	}
	return sum;
}

/* All ones exactly when the data, checksum included, is intact. */
static bool sum_is_good(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* The pseudo header of RFC 768 is the two addresses, the protocol and the UDP length. */
static bool udp_sum_is_good(const uint8_t *ip, const uint8_t *udp, uint16_t udp_bytes)
{
	const uint8_t tail[4] = {0, PROTO_UDP, (uint8_t)(udp_bytes >> 8), (uint8_t)udp_bytes};
	uint64_t sum;

	sum = sum_bytes(ip + 12, 8, 0);
	sum = sum_bytes(tail, sizeof(tail), sum);
	return sum_is_good(sum_bytes(udp, udp_bytes, sum));
}

static bool drop(enum drop_reason *why, enum drop_reason reason)
{
	*why = reason;
	return false;
}

/* Checks the IPv4 header.  On success *header and *total are its length and the packet's. */
static bool parse_ip(const uint8_t *ip, size_t len, size_t *header, size_t *total,
		     enum drop_reason *why)
{
	if (len < 1)
		return drop(why, DROP_TRUNCATED);
	if (ip[0] >> 4 != 4)
		return drop(why, DROP_NOT_IPV4_UDP);
	if (len < IP_MIN_BYTES)
		return drop(why, DROP_TRUNCATED);
	*header = (size_t)(ip[0] & 0xf) * 4;
	*total = get_be16(ip + 2);
	if (*header < IP_MIN_BYTES || *total < *header)
		return drop(why, DROP_BAD_LENGTH);
	if (*total > len)
		return drop(why, DROP_TRUNCATED);
	if (!sum_is_good(sum_bytes(ip, *header, 0)))
		return drop(why, DROP_BAD_IP_CHECKSUM);
	if (ip[9] != PROTO_UDP)
		return drop(why, DROP_NOT_IPV4_UDP);
	if (get_be16(ip + 6) & IP_MF_OFFSET)
		return drop(why, DROP_FRAGMENT);
	return true;
}

/* Segment size and number of datagrams, from what the virtio header claims; false: too many. */
static bool split(struct frame_view *view, const struct vnet_hdr *vnet)
{
	const uint32_t segment = vnet->gso_size;
	const bool super = (vnet->gso_type & ~VNET_GSO_ECN) == VNET_GSO_UDP_L4;
	uint32_t n = 1;

	view->segment_bytes = view->payload_bytes;
	if (super && segment && segment < view->payload_bytes) {
		view->segment_bytes = segment;
		n = (view->payload_bytes + segment - 1) / segment;
	}
	view->datagrams = n <= FRAME_DATAGRAMS_MAX ? n : 1;
	return n <= FRAME_DATAGRAMS_MAX;
}

/* Where a fragment goes; only the first one has a port. */
static void address_fragment(const uint8_t *ip, size_t header, size_t total,
			     struct frame_view *view)
{
	const bool first = (get_be16(ip + 6) & IP_OFFSET) == 0;

	memcpy(&view->source_be, ip + 12, 4);
	memcpy(&view->group_be, ip + 16, 4);
	view->port = first && total - header >= 4 ? get_be16(ip + header + 2) : 0;
}

bool frame_parse(const uint8_t *frame, size_t len, enum link_layer link, struct frame_view *view,
		 enum drop_reason *why)
{
	struct vnet_hdr vnet;
	const uint8_t *ip, *udp;
	size_t header, total, udp_room;
	uint16_t udp_bytes, udp_sum;

	view->datagrams = 1;
	view->division = 0;
	if (len < sizeof(vnet))
		return drop(why, DROP_TRUNCATED);
	memcpy(&vnet, frame, sizeof(vnet));
	ip = frame + sizeof(vnet);
	len -= sizeof(vnet);
	if (link == LINK_ETHERNET) {
		if (len < ETHER_BYTES)
			return drop(why, DROP_TRUNCATED);
		if (get_be16(ip + 12) != ETHERTYPE_IPV4)
			return drop(why, DROP_NOT_IPV4_UDP);
		view->division = division_of(ip);
		ip += ETHER_BYTES;
		len -= ETHER_BYTES;
	}
	if (!parse_ip(ip, len, &header, &total, why)) {
		if (*why == DROP_FRAGMENT)
			address_fragment(ip, header, total, view);
		return false;
	}

	udp = ip + header;
	udp_room = total - header;
	if (udp_room < UDP_BYTES)
		return drop(why, DROP_TRUNCATED);
	udp_bytes = get_be16(udp + 4);
	if (udp_bytes < UDP_BYTES || udp_bytes > udp_room)
		return drop(why, DROP_BAD_LENGTH);
	view->payload = udp + UDP_BYTES;
	view->payload_bytes = udp_bytes - UDP_BYTES;
	if (!split(view, &vnet))
		return drop(why, DROP_BAD_LENGTH);
	memcpy(&udp_sum, udp + 6, sizeof(udp_sum));
	if (udp_sum && !(vnet.flags & (VNET_F_NEEDS_CSUM | VNET_F_DATA_VALID)) &&
	    !udp_sum_is_good(ip, udp, udp_bytes))
		return drop(why, DROP_BAD_UDP_CHECKSUM);
	memcpy(&view->source_be, ip + 12, 4);
	memcpy(&view->group_be, ip + 16, 4);
	view->port = get_be16(udp + 2);
	view->ttl = ip[8];
	return true;
}
