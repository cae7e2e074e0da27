/* SPDX-License-Identifier: MIT */
/*
 * count.h - counters of the kernel path
 *
 * Each CPU has a lane of them, to which it alone adds.
 */
#ifndef DAEMON_BPF_COUNT_H
#define DAEMON_BPF_COUNT_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "core/rules/kernel_path_map.h"
#include "daemon/bpf/relaying.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* the loader knows how many CPUs there are */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct kernel_path_record);
} counters SEC(".maps");

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

/* Global, so that the kernel verifies it once and not for each way that leads here. */
__noinline int count_drop(__u32 slot, __u32 lane, __u32 reason, __u32 datagrams)
{
	add_drop(KERNEL_PATH_DROPS(slot), reason, datagrams);
	add_drop(KERNEL_PATH_LANE(lane) + KERNEL_PATH_TOTAL_DROPS, reason, datagrams);
	return 0;
}

/* Before the first copy. */
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

#endif
