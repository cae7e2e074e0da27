// SPDX-License-Identifier: MIT
/* hostile_frame.c - a frame that the host never sends by itself */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "tests/hostile/hostile.h"

/* RFC 1071 */
static uint16_t checksum(const void *data, size_t bytes)
{
	const uint8_t *at = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < bytes; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

size_t hostile_frame(uint8_t *frame, const char *dst)
{
	static const char text[] = HOSTILE_MARK " frame";
	struct ethhdr eth = {.h_proto = htons(ETH_P_IP)};
	struct udphdr udp = {.source = htons(53), .dest = htons(7001)};
	struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP};
	size_t n = sizeof(struct virtio_net_hdr);

	memset(frame, 0, n);
	memset(eth.h_dest, 0xff, sizeof(eth.h_dest));
	udp.len = htons(sizeof(udp) + sizeof(text));
	ip.tot_len = htons(sizeof(ip) + sizeof(udp) + sizeof(text));
	ip.saddr = htonl(0x06060606);
	inet_pton(AF_INET, dst, &ip.daddr);
	ip.check = checksum(&ip, sizeof(ip));
	memcpy(frame + n, &eth, sizeof(eth));
	n += sizeof(eth);
	memcpy(frame + n, &ip, sizeof(ip));
	n += sizeof(ip);
	memcpy(frame + n, &udp, sizeof(udp));
	n += sizeof(udp);
	memcpy(frame + n, text, sizeof(text));
	return n + sizeof(text);
}
