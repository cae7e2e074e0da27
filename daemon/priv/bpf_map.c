// SPDX-License-Identifier: MIT
/* bpf_map.c - elements of the map of references, by bpf(2) */
#include "daemon/priv/bpf_map.h"

#include "daemon/priv/bpf_call.h"

int bpf_map_put(int map, const struct kernel_path_key *key, uint64_t ref)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)map;
	attr.key = (uintptr_t)key;
	attr.value = (uintptr_t)&ref;
	attr.flags = BPF_ANY;
	return bpf_call(BPF_MAP_UPDATE_ELEM, &attr);
}

int bpf_map_remove(int map, const struct kernel_path_key *key)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)map;
	attr.key = (uintptr_t)key;
	return bpf_call(BPF_MAP_DELETE_ELEM, &attr);
}

/* The kernel gives whole buckets, as many as there is room for, and says -ENOENT at the end. */
int bpf_map_read(int map, struct bpf_map_cursor *cursor, struct kernel_path_key *keys,
		 uint64_t *refs, uint32_t max)
{
	uint32_t in = cursor->at;
	union bpf_attr attr;
	int ret;

	memset(&attr, 0, sizeof(attr));
	attr.batch.map_fd = (uint32_t)map;
	attr.batch.in_batch = cursor->begun ? (uintptr_t)&in : 0;
	attr.batch.out_batch = (uintptr_t)&cursor->at;
	attr.batch.keys = (uintptr_t)keys;
	attr.batch.values = (uintptr_t)refs;
	attr.batch.count = max;
	ret = bpf_call(BPF_MAP_LOOKUP_BATCH, &attr);
	if (ret < 0 && ret != -ENOENT)
		return ret;
	cursor->begun = true;
	cursor->ended = ret == -ENOENT;
	return (int)attr.batch.count;
}
