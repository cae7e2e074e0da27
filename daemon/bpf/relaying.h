/* SPDX-License-Identifier: MIT */
/* relaying.h - a frame on its way through the program of the kernel path */
#ifndef DAEMON_BPF_RELAYING_H
#define DAEMON_BPF_RELAYING_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <stdbool.h>
#include <stddef.h>

#define IP_BYTES  20
#define UDP_BYTES 8
#define IP_UDP    (IP_BYTES + UDP_BYTES)
#define UDP_CHECK (IP_BYTES + (int)offsetof(struct udphdr, check)) /* from the IP header on */

/* Set by the loader. */
const volatile __u32 mark_bit = 1u << 26;
const volatile __u32 lanes = 1;
const volatile bool lanes_shared = true;

/* Headers of a frame, from @mac on; @unused aligns the IP header, and copies are of whole words. */
struct headers {
	__u16 unused[3];
	__u8 mac[2 * ETH_ALEN];
	__be16 protocol;
	struct iphdr ip;
	struct udphdr udp;
} __attribute__((aligned(8)));

/**
 * struct relaying - one frame on its way to all outputs
 * @now:   headers as they are in the frame
 * @found: as they came
 * @mac_bytes: of the MAC header in the frame: 0 or ETH_HLEN
 * @consume: the frame need not be put back
 * @changed: it would have to be
 * @block: of the next output
 * @identification: where those of this lane begin
 * @division: 0, or a worker has the other outputs of the rule
 * @copies: that the devices took; @calls: that were handed to them
 */
struct relaying {
	struct __sk_buff *skb;
	struct headers now;
	struct headers found;
	__u32 mac_bytes;
	bool consume;
	bool changed;
	__u32 block;
	__u32 datagrams;
	__u32 bytes;
	__u32 lane;
	__u32 identification;
	__u32 division;
	__u32 copies;
	__u32 calls;
};

#endif
