/* SPDX-License-Identifier: MIT */
/*
 * read.h - the headers of a frame that arrives
 *
 * Devices with and without a MAC header (Ethernet, tun) are told apart by the frame.
 */
#ifndef DAEMON_BPF_READ_H
#define DAEMON_BPF_READ_H

#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "core/rules/kernel_path_map.h"
#include "daemon/bpf/relaying.h"
#include "daemon/bpf/rewrite.h"

#define IP_FIRST_BYTE 0x45
#define IP_FRAGMENT   0x3fff /* more fragments, or an offset */
#define VLAN_VID      0x0fff

/* Looped back by this host (without a MAC header), and what is for others: not ours. */
static __always_inline bool may_be_ours(const struct __sk_buff *skb)
{
	return skb->pkt_type != PACKET_LOOPBACK && skb->pkt_type != PACKET_OTHERHOST;
}

/* Is nothing before the network header?  Then the last byte is as far from it as it is long. */
static __always_inline bool begins_with_network_header(struct __sk_buff *skb)
{
	__u8 last;

	return bpf_skb_pull_data(skb, skb->len) == 0 &&
	       bpf_skb_load_bytes_relative(skb, skb->len - 1, &last, 1, BPF_HDR_START_NET) == 0;
}

/*
 * Does an IPv4 frame come without MAC header, as from a tun device?  Seldom a byte of an
 * Ethernet address is that of version and length, or an IP address has 08:00 at that place.
 */
static __always_inline bool is_without_mac_header(struct __sk_buff *skb)
{
	const __u8 *at = (const __u8 *)(long)skb->data;

	if (at + ETH_HLEN > (const __u8 *)(long)skb->data_end || at[0] != IP_FIRST_BYTE)
		return false;
	if (at[2 * ETH_ALEN] != ETH_P_IP >> 8 || at[2 * ETH_ALEN + 1] != (ETH_P_IP & 0xff))
		return true;
	return begins_with_network_header(skb);
}

/* By words, while memcpy() would copy bytes, because it does not know where a packet begins. */
static __always_inline void copy_headers(struct headers *to, const __u8 *from)
{
#pragma unroll
	for (unsigned i = 0; i < ETH_HLEN / sizeof(__u16); i++)
		((__u16 *)to->mac)[i] = ((const __u16 *)from)[i];
#pragma unroll
	for (unsigned i = 0; i < IP_UDP / sizeof(__u32); i++)
		((__u32 *)&to->ip)[i] = ((const __u32 *)(from + ETH_HLEN))[i];
}

/* Return: whether the frame is long enough. */
static __always_inline bool load_headers(struct relaying *r)
{
	struct __sk_buff *skb = r->skb;
	struct headers *h = &r->found;
	const __u8 *at;

	if (is_without_mac_header(skb)) {
		*h = (struct headers){.protocol = bpf_htons(ETH_P_IP)};
		r->mac_bytes = 0;
		return bpf_skb_load_bytes(skb, 0, &h->ip, IP_UDP) == 0;
	}
	r->mac_bytes = ETH_HLEN;
	at = (const __u8 *)(long)skb->data;
	/* Mostly they lie in one piece. */
	if (at + ETH_HLEN + IP_UDP > (const __u8 *)(long)skb->data_end)
		return bpf_skb_load_bytes(skb, 0, h->mac, ETH_HLEN + IP_UDP) == 0;
	copy_headers(h, at);
	return true;
}

/* The headers of untagged IPv4 UDP without options that is no fragment; else false. */
static __always_inline bool read_headers(struct relaying *r)
{
	const struct __sk_buff *skb = r->skb;
	const struct headers *h = &r->found;

	if (skb->protocol != bpf_htons(ETH_P_IP) || skb->vlan_present || !may_be_ours(skb) ||
	    !load_headers(r))
		return false;
	return h->protocol == bpf_htons(ETH_P_IP) && *(const __u8 *)&h->ip == IP_FIRST_BYTE &&
	       h->ip.protocol == IPPROTO_UDP && !(h->ip.frag_off & bpf_htons(IP_FRAGMENT));
}

/* The kernel has taken the outer tag off; below one with VID 0 there may be another such one. */
static __always_inline bool is_ipv4_for_workers(const struct __sk_buff *skb)
{
	if (!may_be_ours(skb))
		return false;
	if (!skb->vlan_present)
		return skb->protocol == bpf_htons(ETH_P_IP);
	return !(skb->vlan_tci & VLAN_VID) &&
	       (skb->protocol == bpf_htons(ETH_P_IP) || skb->protocol == bpf_htons(ETH_P_8021Q) ||
		skb->protocol == bpf_htons(ETH_P_8021AD));
}

/*
 * The source address of a frame that is left to workers says nothing of a division: one from
 * the wire that seems to is changed.
 */
static __always_inline void take_off_forged_division(struct __sk_buff *skb)
{
	const __u8 *mac = (const __u8 *)(long)skb->data;
	const __u8 none[] = {KERNEL_PATH_DIVISION_MAC_0, 0};

	if (mac + 2 * ETH_ALEN > (const __u8 *)(long)skb->data_end)
		return;
	if (mac[MAC_SOURCE] == KERNEL_PATH_DIVISION_MAC_0 &&
	    mac[MAC_SOURCE + 1] == KERNEL_PATH_DIVISION_MAC_1 && is_ipv4_for_workers(skb) &&
	    !begins_with_network_header(skb))
		bpf_skb_store_bytes(skb, MAC_SOURCE, none, sizeof(none), 0);
}

#endif
