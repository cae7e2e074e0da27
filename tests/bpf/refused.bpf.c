// SPDX-License-Identifier: MIT
/*
 * refused.bpf.c - stands in place of relay.bpf.c; the verifier refuses it
 *
 * It has the maps that the loader looks for, and reads past the end of a block.
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "core/rules/kernel_path_map.h"

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
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct kernel_path_block);
} blocks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct kernel_path_record);
} counters SEC(".maps");

SEC("tc")
int relay_frame(struct __sk_buff *skb)
{
	__u32 first = lanes_shared ? 0 : lanes;
	struct kernel_path_key key = {.group = mark_bit};
	const char *block = bpf_map_lookup_elem(&blocks, &first);

	if (!block || bpf_map_lookup_elem(&rules, &key) || bpf_map_lookup_elem(&counters, &first))
		return 0;
	return block[skb->len];
}

char program_license[] SEC("license") = "Dual MIT/GPL";
