/* SPDX-License-Identifier: MIT */
/*
 * rewrite.h - a frame gets the headers of a copy, and its own again
 */
#ifndef DAEMON_BPF_REWRITE_H
#define DAEMON_BPF_REWRITE_H

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "core/rules/kernel_path_map.h"
#include "daemon/bpf/relaying.h"

#define MAC_SOURCE ETH_ALEN

/* Sum of 16-bit words in memory order, folded (RFC 1071). */
static __always_inline __u16 header_sum(const struct iphdr *ip)
{
	const __u16 *word = (const __u16 *)ip;
	__u32 sum = 0;

#pragma unroll
	for (int i = 0; i < IP_BYTES / 2; i++)
		sum += word[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)((sum & 0xffff) + (sum >> 16));
}

/* Difference of the pseudo header's addresses, as bpf_l4_csum_replace() takes it. */
static __always_inline __u32 address_difference(const struct iphdr *from, const struct iphdr *to)
{
	__u64 sum = (__u64)(__u32)~from->saddr + to->saddr + (__u32)~from->daddr + to->daddr;

	sum = (sum & 0xffffffff) + (sum >> 32);
	return (__u32)((sum & 0xffffffff) + (sum >> 32));
}

/* Source and destination, as they lie in the header. */
static __always_inline __u32 ports(const struct headers *h)
{
	return *(const __u32 *)&h->udp;
}

/* All but the UDP checksum, which ends the headers. */
static __always_inline long store(struct relaying *r, const struct headers *to)
{
	if (r->mac_bytes)
		return bpf_skb_store_bytes(r->skb, 0, to->mac, ETH_HLEN + UDP_CHECK, 0);
	return bpf_skb_store_bytes(r->skb, 0, &to->ip, UDP_CHECK, 0);
}

/* From r->now to @to, in the frame.  Return: 0 or a negative errno. */
static __always_inline long rewrite(struct relaying *r, const struct headers *to)
{
	const __u32 difference = address_difference(&r->now.ip, &to->ip);
	const __u32 check = r->mac_bytes + UDP_CHECK;
	long ret = 0;

	if (difference != 0 && difference != 0xffffffff)
		ret = bpf_l4_csum_replace(r->skb, check, 0, difference,
					  BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0);
	if (ret == 0 && ports(&r->now) != ports(to))
		ret = bpf_l4_csum_replace(r->skb, check, ports(&r->now), ports(to),
					  BPF_F_MARK_MANGLED_0 | sizeof(__u32));
	if (ret == 0)
		ret = store(r, to);
	if (ret == 0) {
		r->now = *to;
		r->changed = true;
	}
	return ret;
}

/* @mac: destination and source */
static __always_inline void set_division(__u8 *mac, __u32 division)
{
	mac[MAC_SOURCE] = KERNEL_PATH_DIVISION_MAC_0;
	mac[MAC_SOURCE + 1] = KERNEL_PATH_DIVISION_MAC_1;
	mac[MAC_SOURCE + 2] = division >> 24;
	mac[MAC_SOURCE + 3] = division >> 16;
	mac[MAC_SOURCE + 4] = division >> 8;
	mac[MAC_SOURCE + 5] = division;
}

static __always_inline void finish_ip(struct headers *h)
{
	h->ip.check = 0;
	h->ip.check = (__u16)~header_sum(&h->ip);
}

/* An Ethernet frame may be padded up to 60 bytes; a device without Ethernet would show that. */
static __always_inline void cut_padding(const struct relaying *r)
{
	const __u32 len = r->mac_bytes + bpf_ntohs(r->found.ip.tot_len);

	if (!r->skb->gso_size && r->skb->len > len)
		bpf_skb_change_tail(r->skb, len, 0);
}

/*
 * Puts the headers back, for local programs and for the worker of a divided rule.  A device may
 * have summed up the whole frame: with the UDP checksum that sum was changed by the difference
 * of the addresses.
 *
 * Return: whether the frame is as it came, but for the number of a division.
 */
static __always_inline bool put_back(struct relaying *r)
{
	struct headers *to = &r->found;

	if (r->division)
		set_division(to->mac, r->division);
	else if (!r->changed)
		return true;
	if (to->udp.check)
		bpf_csum_update(r->skb, address_difference(&to->ip, &r->now.ip));
	if (r->mac_bytes)
		return bpf_skb_store_bytes(r->skb, 0, to->mac, ETH_HLEN + IP_UDP, 0) == 0;
	return bpf_skb_store_bytes(r->skb, 0, &to->ip, IP_UDP, 0) == 0;
}

#endif
