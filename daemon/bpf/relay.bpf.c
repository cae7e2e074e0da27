// SPDX-License-Identifier: MIT
/*
 * relay.bpf.c - the kernel path: a tc program that relays where a frame arrives
 *
 * It runs at tc ingress of an input.  There the kernel has served packet sockets on
 * ETH_P_ALL already and those on ETH_P_IP not yet, so the program decides once for each
 * frame: either it sends a copy to every output of the rule and marks the frame, or it
 * does nothing and clears the mark.  The workers' packet sockets are on ETH_P_IP, and their
 * filter refuses the mark (core/rules/steer.h).  So no frame is relayed twice or never,
 * whatever happens to the maps meanwhile.  The decision comes before the first copy.
 *
 * A rule may have outputs that need a worker beside those in its blocks.  Then the frame gets the
 * division of the block as its source MAC address, and no mark: the worker that receives it
 * serves the other outputs.
 *
 * A rule that consumes spares the IP stack: the frame ends behind its copies.  One that goes to
 * workers nevertheless becomes a frame for others, which the IP stack discards before it looks
 * for local members, and is marked.
 *
 * Devices with and without a MAC header (Ethernet, tun) are told apart by the frame.
 *
 * To the user path go: fragments, IP options, a wrong IP checksum, lengths that contradict
 * each other, IP packets larger than the smallest MTU of the outputs, a priority tag.
 *
 * A copy is made by bpf_clone_redirect(), which says what the device's queue said, and takes the
 * MAC header off for a device that has none.  The headers are rewritten before each copy, and put
 * back after the last, because local programs may have joined the group.  The UDP checksum is
 * changed by the difference: zero stays zero, a wrong one stays wrong, one that the device is to
 * fill in stays so.
 *
 * experiments/poc_kernel_path shows that both paths divide the frames exactly, and what a clone
 * returns; experiments/poc_kernel_path_consume who gets a frame that is consumed.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "core/rules/kernel_path_map.h"

/* enum send_drop of core/base/counters.h; daemon/priv/bpf.c asserts that they are equal. */
enum {
	DROP_QUEUE_FULL = 1,
	DROP_NO_INTERFACE = 2,
	DROP_OTHER = 8,
	DROP_TTL_EXPIRED = 9,
};

#define IP_BYTES      20
#define UDP_BYTES     8
#define IP_UDP        (IP_BYTES + UDP_BYTES)
#define UDP_CHECK     (IP_BYTES + (int)offsetof(struct udphdr, check)) /* from the IP header on */
#define IP_FIRST_BYTE 0x45
#define IP_FRAGMENT   0x3fff /* more fragments, or an offset */
#define MAC_SOURCE    ETH_ALEN
#define VLAN_VID      0x0fff
#define ID_SPREAD     0x9e37u /* odd: outputs begin at identifications of their own */

/* linux/errno.h as negative values of helpers. */
#define RETURNS_EINVAL   (-22)
#define RETURNS_ENETDOWN (-100)

/* Set by the loader. */
const volatile __u32 mark_bit = 1u << 26;
const volatile __u32 lanes = 1;
const volatile bool lanes_shared = true;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KERNEL_PATH_KEYS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct kernel_path_key);
	__type(value, __u64);
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, KERNEL_PATH_BLOCKS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct kernel_path_block);
} blocks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* the loader knows how many CPUs there are */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct kernel_path_record);
} counters SEC(".maps");

/* Headers of a frame, from @mac on; @unused aligns the IP header, and copies are of whole words. */
struct headers {
	__u16 unused[3];
	__u8 mac[2 * ETH_ALEN];
	__be16 protocol;
	struct iphdr ip;
	struct udphdr udp;
} __attribute__((aligned(8)));

/* What becomes of a frame. */
enum fate {
	FATE_LEFT,    /* workers have it, as it came */
	FATE_RELAYED, /* all outputs of its rule have it, or have counted it as lost */
	FATE_DIVIDED, /* so have some of them, and its MAC header tells workers which */
	FATE_LOST     /* there is no memory to put it back as it came */
};

/**
 * struct relaying - one frame on its way to all outputs
 * @now:   headers as they are in the frame
 * @found: as they came
 * @mac_bytes: of the MAC header in the frame: 0 or ETH_HLEN
 * @consume: the frame need not be put back
 * @changed: it would have to be
 * @block, @at: block of the next output, and its place there
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
	__u32 at;
	__u32 datagrams;
	__u32 bytes;
	__u32 lane;
	__u32 identification;
	__u32 division;
	__u32 copies;
	__u32 calls;
};

static __always_inline struct kernel_path_record *record(__u32 index)
{
	return bpf_map_lookup_elem(&counters, &index);
}

static __always_inline void add(__u64 *counter, __u64 n)
{
	if (lanes_shared)
		__sync_fetch_and_add(counter, n);
	else
		*counter += n;
}

static __always_inline void add_both(__u32 index, __u64 a, __u64 b)
{
	struct kernel_path_record *r = record(index);

	if (!r)
		return;
	add(&r->a, a);
	add(&r->b, b);
}

static __always_inline void add_drop(__u32 first, __u32 reason, __u64 n)
{
	struct kernel_path_record *r = record(first + reason / 2);

	if (r)
		__sync_fetch_and_add(reason % 2 ? &r->b : &r->a, n);
}

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
static __always_inline long store(struct relaying *r, const struct headers *to, __u32 mac_bytes)
{
	if (mac_bytes)
		return bpf_skb_store_bytes(r->skb, 0, to->mac, ETH_HLEN + UDP_CHECK, 0);
	return bpf_skb_store_bytes(r->skb, 0, &to->ip, UDP_CHECK, 0);
}

/* From r->now to @to, in the frame.  Return: 0 or a negative errno. */
static __always_inline long rewrite(struct relaying *r, const struct headers *to, __u32 mac_bytes)
{
	const __u32 difference = address_difference(&r->now.ip, &to->ip);
	const __u32 check = mac_bytes + UDP_CHECK;
	long ret = 0;

	if (difference != 0 && difference != 0xffffffff)
		ret = bpf_l4_csum_replace(r->skb, check, 0, difference,
					  BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0);
	if (ret == 0 && ports(&r->now) != ports(to))
		ret = bpf_l4_csum_replace(r->skb, check, ports(&r->now), ports(to),
					  BPF_F_MARK_MANGLED_0 | sizeof(__u32));
	if (ret == 0)
		ret = store(r, to, mac_bytes);
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

static __always_inline void count_drop(const struct relaying *r, __u32 slot, __u32 reason)
{
	add_drop(KERNEL_PATH_DROPS(slot), reason, r->datagrams);
	add_drop(KERNEL_PATH_LANE(r->lane) + KERNEL_PATH_TOTAL_DROPS, reason, r->datagrams);
}

/* Reason for a failed send.  NET_XMIT_CN: the queue dropped a packet of the flow, or the device is
 * down.
 */
static __always_inline __u32 drop_of(long ret)
{
	if (ret > 0)
		return DROP_QUEUE_FULL;
	return ret == RETURNS_EINVAL || ret == RETURNS_ENETDOWN ? DROP_NO_INTERFACE : DROP_OTHER;
}

/*
 * The headers of a copy.  As an egress socket sends: the datagram may be fragmented on its
 * way, so those of an output are numbered, and not by the sender, of which there may be many.
 */
static __always_inline struct headers
headers_of_copy(const struct relaying *r, const struct kernel_path_output *o, __u64 sent)
{
	struct headers to = r->now;

	if (!(o->flags & KERNEL_PATH_OUTPUT_NO_MAC))
		__builtin_memcpy(to.mac, o->mac, sizeof(to.mac));
	to.ip.tos = o->tos;
	to.ip.id = bpf_htons((__u16)(r->identification + sent + o->slot * ID_SPREAD));
	to.ip.frag_off = 0;
	to.ip.ttl = o->ttl_set == KERNEL_PATH_TTL_DECREMENT ? r->found.ip.ttl - 1 : o->ttl;
	to.ip.saddr = o->source;
	to.ip.daddr = o->group;
	to.udp.source = o->source_port ? o->source_port : r->found.udp.source;
	to.udp.dest = o->port;
	finish_ip(&to);
	return to;
}

/* Why there is no copy for @o, as 1 + enum send_drop; else 0.  In a worker's order. */
static __always_inline __u32 refusal(const struct relaying *r, const struct kernel_path_output *o)
{
	if (o->ttl_set == KERNEL_PATH_TTL_DECREMENT && r->found.ip.ttl <= 1)
		return 1 + DROP_TTL_EXPIRED;
	if (o->hold)
		return o->hold <= KERNEL_PATH_SEND_DROPS ? o->hold : 1 + DROP_OTHER;
	return 0;
}

/*
 * Without a MAC header in the frame, an output with one has it added.  No helper takes it off
 * again, so there are such outputs only where the frame ends behind its copies.
 */
static __always_inline long fit_mac_header(struct relaying *r, const struct kernel_path_output *o)
{
	long ret;

	if (r->mac_bytes || (o->flags & KERNEL_PATH_OUTPUT_NO_MAC))
		return 0;
	if (!r->consume)
		return RETURNS_EINVAL;
	ret = bpf_skb_change_head(r->skb, ETH_HLEN, 0);
	if (ret == 0)
		r->mac_bytes = ETH_HLEN;
	return ret;
}

static __always_inline void send_copy(struct relaying *r, const struct kernel_path_output *o,
				      bool mac_header)
{
	const __u32 slot = o->slot, refused = refusal(r, o);
	struct kernel_path_record *sent =
		record(KERNEL_PATH_LANE(r->lane) + KERNEL_PATH_OUTPUT_SENT + slot);
	struct headers to;
	long ret;

	if (!sent || slot >= KERNEL_PATH_OUTPUTS)
		return;
	if (refused) {
		count_drop(r, slot, refused - 1);
		return;
	}
	to = headers_of_copy(r, o, sent->a);
	ret = mac_header ? 0 : fit_mac_header(r, o);
	if (ret == 0)
		ret = rewrite(r, &to, mac_header ? ETH_HLEN : r->mac_bytes);
	if (ret == 0) {
		r->calls++;
		ret = bpf_clone_redirect(r->skb, o->ifindex, 0);
	}
	if (ret != 0) {
		count_drop(r, slot, drop_of(ret));
		return;
	}
	r->copies++;
	add(&sent->a, r->datagrams);
	add(&sent->b, r->bytes);
}

static __always_inline long send_next(struct relaying *r, bool mac_header)
{
	struct kernel_path_block *block = bpf_map_lookup_elem(&blocks, &r->block);
	const __u32 at = r->at;

	if (!block || at >= KERNEL_PATH_BLOCK_OUTPUTS)
		return 1;
	if (at == KERNEL_PATH_BLOCK_OUTPUTS - 1) {
		r->block = block->next;
		r->at = 0;
	} else {
		r->at = at + 1;
	}
	send_copy(r, &block->output[at], mac_header);
	return 0;
}

/* Callbacks of bpf_loop().  Return: 1 ends the loop. */
static long send_next_ethernet(__u32 i, struct relaying *r)
{
	return send_next(r, true);
}

static long send_next_ip(__u32 i, struct relaying *r)
{
	return send_next(r, false);
}

/* Return: whether it is what the kernel path carries; *packet: bytes of IP. */
static __always_inline bool can_carry(const struct relaying *r, __u32 *packet)
{
	const struct headers *h = &r->found;
	const __u32 total = bpf_ntohs(h->ip.tot_len);

	/* Both parts of a super-datagram have the length of the whole. */
	if (bpf_ntohs(h->udp.len) != total - IP_BYTES || total < IP_UDP ||
	    total > r->skb->len - r->mac_bytes || header_sum(&h->ip) != 0xffff)
		return false;
	*packet = r->skb->gso_size ? r->skb->gso_size + IP_UDP : total;
	return true;
}

static __always_inline __u32 count_datagrams(const struct __sk_buff *skb, __u32 payload)
{
	const __u32 size = skb->gso_size;

	if (!size)
		return 1;
	/* The sender of a super-datagram need not fill in gso_segs. */
	return skb->gso_segs ? skb->gso_segs : (payload + size - 1) / size;
}

/* The reference of the rule that takes the frame; without KERNEL_PATH_REF_RELAY: none. */
static __always_inline __u64 match(struct kernel_path_key *key, __u32 source)
{
	__u64 *ref = bpf_map_lookup_elem(&rules, key), found;

	if (!ref)
		return 0;
	found = *(volatile __u64 *)ref;
	if (!(found & KERNEL_PATH_REF_SOURCES))
		return found;
	key->source = source;
	ref = bpf_map_lookup_elem(&rules, key);
	if (ref)
		return *(volatile __u64 *)ref;
	key->source = 0;
	return found;
}

static __always_inline bool same_key(const struct kernel_path_key *a,
				     const struct kernel_path_key *b)
{
	return a->ifindex == b->ifindex && a->group == b->group && a->source == b->source &&
	       a->port == b->port;
}

/*
 * Before the first copy: who reads what the counting sockets have seen, and this right after
 * it, is not to miss the frame for the time that many copies take (supervisor/stats.c).
 */
static __always_inline void count_in(const struct relaying *r, __u32 slot, __u32 iface)
{
	const __u32 lane = KERNEL_PATH_LANE(r->lane);

	add_both(lane + KERNEL_PATH_IFACE_FRAMES + iface, 1, 0);
	add_both(lane + KERNEL_PATH_TOTAL_IN, r->datagrams, r->bytes);
	add_both(lane + KERNEL_PATH_RULE_IN + slot, r->datagrams, r->bytes);
}

static __always_inline void count_out(const struct relaying *r)
{
	const __u32 lane = KERNEL_PATH_LANE(r->lane);

	add_both(lane + KERNEL_PATH_TOTAL_FRAMES, r->division ? 0 : 1, r->calls);
	add_both(lane + KERNEL_PATH_TOTAL_SENT, (__u64)r->copies * r->datagrams,
		 (__u64)r->copies * r->bytes);
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
 * have summed up the whole frame: that sum was changed by the difference of the addresses.
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
	bpf_csum_update(r->skb, address_difference(&to->ip, &r->now.ip));
	if (r->mac_bytes)
		return bpf_skb_store_bytes(r->skb, 0, to->mac, ETH_HLEN + IP_UDP, 0) == 0;
	return bpf_skb_store_bytes(r->skb, 0, &to->ip, IP_UDP, 0) == 0;
}

/* The frame's way through the outputs of a rule. */
static __always_inline enum fate relay_to_outputs(struct relaying *r, __u32 n)
{
	if (r->mac_bytes) {
		bpf_loop(n, send_next_ethernet, r, 0);
	} else {
		/* Or the compiler makes it one call, which the kernel does not inline. */
		asm volatile("" : "+r"(n));
		bpf_loop(n, send_next_ip, r, 0);
		asm volatile("" : "+r"(n));
	}
	count_out(r);
	if (r->consume)
		return FATE_RELAYED;
	if (!put_back(r))
		return FATE_LOST;
	return r->division ? FATE_DIVIDED : FATE_RELAYED;
}

/*
 * @r: with the frame and its headers
 * @b: the first block of its rule
 */
static __always_inline enum fate relay_by(struct relaying *r, const struct kernel_path_block *b)
{
	const __u32 slot = b->slot, iface = b->iface, n = b->n_outputs;

	if (slot >= KERNEL_PATH_RULE_COUNTERS || iface >= KERNEL_PATH_IFACES ||
	    n > KERNEL_PATH_RULE_OUTPUTS)
		return FATE_LEFT;
	r->division = b->division;
	if (r->division && !r->mac_bytes)
		return FATE_LEFT;
	r->consume = (b->flags & KERNEL_PATH_BLOCK_CONSUME) && !r->division;
	r->now = r->found;
	r->at = 0;
	r->bytes = bpf_ntohs(r->found.udp.len) - UDP_BYTES;
	r->datagrams = count_datagrams(r->skb, r->bytes);
	r->lane = bpf_get_smp_processor_id() & (lanes - 1);
	r->identification = r->lane * (0x10000 / lanes);
	r->changed = false;
	r->copies = 0;
	r->calls = 0;
	if (!r->division)
		count_in(r, slot, iface);
	cut_padding(r);
	return relay_to_outputs(r, n);
}

/*
 * @r: with the frame and its headers
 * @consume: filled: is the IP stack not to have the frame?
 */
static __always_inline enum fate relay(struct relaying *r, bool *consume)
{
	const struct headers *h = &r->found;
	struct kernel_path_key key = {
		.ifindex = r->skb->ifindex, .group = h->ip.daddr, .port = h->udp.dest};
	const __u64 ref = match(&key, h->ip.saddr);
	const struct kernel_path_block *block;
	__u32 packet;

	*consume = ref & KERNEL_PATH_REF_CONSUME;
	if (!(ref & KERNEL_PATH_REF_RELAY))
		return FATE_LEFT;
	r->block = (__u32)ref;
	block = bpf_map_lookup_elem(&blocks, &r->block);
	if (!block || !same_key(&block->key, &key))
		return FATE_LEFT;
	*consume = block->flags & KERNEL_PATH_BLOCK_CONSUME;
	if (!can_carry(r, &packet) || packet > block->mtu)
		return FATE_LEFT;
	return relay_by(r, block);
}

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

/*
 * The mark keeps a frame that is relayed from workers; with a packet type that the IP stack
 * discards at once it says that workers alone are to have the frame (core/rules/steer.c).
 */
static __always_inline void set_mark(struct __sk_buff *skb, enum fate fate, bool consume)
{
	if (fate == FATE_RELAYED || (consume && bpf_skb_change_type(skb, PACKET_OTHERHOST) == 0))
		skb->mark |= mark_bit;
	else if (skb->mark & mark_bit)
		skb->mark &= ~mark_bit;
}

SEC("tc")
int relay_frame(struct __sk_buff *skb)
{
	enum fate fate = FATE_LEFT;
	bool consume = false;
	struct relaying r;

	r.skb = skb;
	if (read_headers(&r))
		fate = relay(&r, &consume);
	if (fate == FATE_LOST || (fate == FATE_RELAYED && consume))
		return TC_ACT_SHOT;
	if (fate == FATE_LEFT)
		take_off_forged_division(skb);
	set_mark(skb, fate, consume);
	/* The next program at this hook, then the IP stack: local members get it, too. */
	return TC_ACT_UNSPEC;
}

/* Some helpers are for programs under the GPL; the MIT license permits that. */
char program_license[] SEC("license") = "Dual MIT/GPL";
