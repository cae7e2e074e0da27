/* SPDX-License-Identifier: MIT */
/*
 * watch.h - payloads that come again to a rule, for control to judge (control/kernel_watch.h)
 */
#ifndef DAEMON_BPF_WATCH_H
#define DAEMON_BPF_WATCH_H

#include "daemon/bpf/count.h"

/* Payload that a watch hashes: the first bytes, as many as there are of these two. */
#define WATCH_WORDS 8
#define WATCH_LEAST 2

static __always_inline __u64 mix(__u64 h, __u64 word)
{
	h = (h ^ word) * 0xff51afd7ed558ccdull;
	return h ^ (h >> 32);
}

/* Has this payload come before, from the same sender?  Of a super-datagram the first one counts. */
static __always_inline void watch(const struct relaying *r, __u32 number)
{
	const __u32 payload = r->mac_bytes + IP_BYTES + UDP_BYTES;
	__u64 word[WATCH_WORDS] = {}, h = ((__u64)r->found.ip.saddr << 32) + r->bytes;
	struct kernel_path_record *seen;

	if (number >= KERNEL_PATH_WATCHES)
		return;
	if (bpf_skb_load_bytes(r->skb, payload, word, sizeof(word)) < 0)
		bpf_skb_load_bytes(r->skb, payload, word, WATCH_LEAST * sizeof(word[0]));
#pragma unroll
	for (int i = 0; i < WATCH_WORDS; i++)
		h = mix(h, word[i]);
	h |= 1; /* 0: the place is free */
	seen = record(KERNEL_PATH_WATCH(number) + (h >> 1) % KERNEL_PATH_WATCH_PAYLOADS);
	if (!seen)
		return;
	if (!seen->a)
		seen->a = h;
	else if (seen->a == h)
		__sync_fetch_and_add(&seen->b, 1);
}

#endif
