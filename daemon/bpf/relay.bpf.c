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
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "core/rules/kernel_path_map.h"
#include "daemon/bpf/count.h"
#include "daemon/bpf/read.h"
#include "daemon/bpf/relaying.h"
#include "daemon/bpf/rewrite.h"
#include "daemon/bpf/watch.h"

/* enum send_drop of core/base/counters.h; daemon/priv/bpf.c asserts that they are equal. */
enum {
	DROP_QUEUE_FULL = 1,
	DROP_NO_INTERFACE = 2,
	DROP_OTHER = 8,
	DROP_TTL_EXPIRED = 9,
};

#define ID_SPREAD 0x9e37u /* odd: outputs begin at identifications of their own */

/* linux/errno.h as negative values of helpers. */
#define RETURNS_EINVAL   (-22)
#define RETURNS_ENETDOWN (-100)

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

/* The end of a frame. */
enum fate {
	FATE_LEFT,    /* workers have it, as it came */
	FATE_RELAYED, /* all outputs of its rule have it, or have counted it as lost */
	FATE_DIVIDED, /* so have some of them, and its MAC header tells workers which */
	FATE_LOST     /* there is no memory to put it back as it came */
};

/*
 * Reason for a failed send.  NET_XMIT_CN: the queue dropped a packet of the flow, or the device
 * is down.
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

static __always_inline void send_copy(struct relaying *r, const struct kernel_path_output *o)
{
	const __u32 slot = o->slot, refused = refusal(r, o);
	struct kernel_path_record *sent =
		record(KERNEL_PATH_LANE(r->lane) + KERNEL_PATH_OUTPUT_SENT + slot);
	struct headers to;
	long ret;

	if (!sent || slot >= KERNEL_PATH_OUTPUTS)
		return;
	if (refused) {
		count_drop(slot, r->lane, refused - 1, r->datagrams);
		return;
	}
	to = headers_of_copy(r, o, sent->a);
	ret = fit_mac_header(r, o);
	if (ret == 0)
		ret = rewrite(r, &to);
	if (ret == 0) {
		r->calls++;
		ret = bpf_clone_redirect(r->skb, o->ifindex, 0);
	}
	if (ret != 0) {
		count_drop(slot, r->lane, drop_of(ret), r->datagrams);
		return;
	}
	r->copies++;
	add(&sent->a, r->datagrams);
	add(&sent->b, r->bytes);
}

/*
 * Callback of bpf_loop().  Before Linux 6.7 the kernel verifies one call of it alone, and removes
 * what that cannot reach; so @i says which output is next, and no variable that begins with 0.
 *
 * Return: 1 ends the loop.
 */
static long send_next(__u32 i, struct relaying *r)
{
	struct kernel_path_block *block = bpf_map_lookup_elem(&blocks, &r->block);
	__u64 at = i % KERNEL_PATH_BLOCK_OUTPUTS;

	/* The kernel wants to see the comparison, which the compiler would spare. */
	asm volatile("" : "+r"(at));
	if (!block || at >= KERNEL_PATH_BLOCK_OUTPUTS)
		return 1;
	if (at == KERNEL_PATH_BLOCK_OUTPUTS - 1)
		r->block = block->next;
	send_copy(r, &block->output[at]);
	return 0;
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

/* The frame's way through the outputs of a rule. */
static __always_inline enum fate relay_to_outputs(struct relaying *r, __u32 n)
{
	bpf_loop(n, send_next, r, 0);
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
	r->bytes = bpf_ntohs(r->found.udp.len) - UDP_BYTES;
	r->datagrams = count_datagrams(r->skb, r->bytes);
	r->lane = bpf_get_smp_processor_id() & (lanes - 1);
	r->identification = r->lane * (0x10000 / lanes);
	r->changed = false;
	r->copies = 0;
	r->calls = 0;
	if (!r->division)
		count_in(r, slot, iface);
	if (b->watch)
		watch(r, b->watch - 1);
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
