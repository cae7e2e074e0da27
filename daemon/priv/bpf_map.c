// SPDX-License-Identifier: MIT
/* bpf_map.c - elements of the map of references, by bpf(2) */
#include "daemon/priv/bpf_map.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int command(int number, union bpf_attr *attr)
{
	return syscall(SYS_bpf, number, attr, sizeof(*attr)) < 0 ? -errno : 0;
}

int bpf_map_put(int map, const struct kernel_path_key *key, uint64_t ref)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)map;
	attr.key = (uintptr_t)key;
	attr.value = (uintptr_t)&ref;
	attr.flags = BPF_ANY;
	return command(BPF_MAP_UPDATE_ELEM, &attr);
}

int bpf_map_remove(int map, const struct kernel_path_key *key)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)map;
	attr.key = (uintptr_t)key;
	return command(BPF_MAP_DELETE_ELEM, &attr);
}

/* The kernel gives whole buckets, says -ENOSPC when one has no room, and -ENOENT at the end. */
int bpf_map_read(int map, struct kernel_path_key *keys, uint64_t *refs, uint32_t max)
{
	uint32_t in = 0, out = 0, n = 0;
	bool first = true;
	int ret = 0;

	while (ret == 0 && n < max) {
		union bpf_attr attr;

		memset(&attr, 0, sizeof(attr));
		attr.batch.map_fd = (uint32_t)map;
		attr.batch.in_batch = first ? 0 : (uintptr_t)&in;
		attr.batch.out_batch = (uintptr_t)&out;
		attr.batch.keys = (uintptr_t)(keys + n);
		attr.batch.values = (uintptr_t)(refs + n);
		attr.batch.count = max - n;
		ret = command(BPF_MAP_LOOKUP_BATCH, &attr);
		if (ret == 0 || ret == -ENOENT)
			n += attr.batch.count;
		in = out;
		first = false;
	}
	if (ret == -ENOENT)
		return (int)n;
	return ret < 0 ? ret : -ENOSPC;
}
