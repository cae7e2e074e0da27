// SPDX-License-Identifier: MIT
/*
 * bpf_check.c - what the kernel says of descriptors
 *
 * The program is ours when it is for tc and works with these three maps, whose formats are
 * those of kernel_path_map.h.  Which build compiled it does not matter: programs of one
 * KERNEL_PATH_VERSION do the same.
 */
#include "daemon/priv/bpf_check.h"

#include <stdbool.h>

#include "core/rules/kernel_path_map.h"
#include "daemon/priv/bpf.h"
#include "daemon/priv/bpf_call.h"

#define PROGRAM_MAPS 16 /* more than ours has */

static bool is_map(int fd, const struct bpf_map_info *wanted, struct bpf_map_info *found)
{
	memset(found, 0, sizeof(*found));
	return bpf_call_info(fd, found, sizeof(*found)) == 0 && found->type == wanted->type &&
	       found->key_size == wanted->key_size && found->value_size == wanted->value_size &&
	       found->map_flags == wanted->map_flags &&
	       (!wanted->max_entries || found->max_entries == wanted->max_entries);
}

static unsigned lanes_of(const struct bpf_map_info *counters)
{
	for (unsigned lanes = 1; lanes <= KERNEL_PATH_LANES_MAX; lanes *= 2)
		if (counters->max_entries == KERNEL_PATH_LANE(lanes))
			return lanes;
	return 0;
}

static bool has_map(const uint32_t *ids, uint32_t n, uint32_t id)
{
	for (uint32_t i = 0; i < n; i++)
		if (ids[i] == id)
			return true;
	return false;
}

static bool is_program_of(int fd, const struct bpf_map_info *maps, unsigned n)
{
	uint32_t ids[PROGRAM_MAPS] = {0};
	struct bpf_prog_info info;

	memset(&info, 0, sizeof(info));
	info.nr_map_ids = PROGRAM_MAPS;
	info.map_ids = (uintptr_t)ids;
	if (bpf_call_info(fd, &info, sizeof(info)) < 0 || info.type != BPF_PROG_TYPE_SCHED_CLS ||
	    info.nr_map_ids > PROGRAM_MAPS)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (!has_map(ids, info.nr_map_ids, maps[i].id))
			return false;
	return true;
}

int priv_bpf_check(struct priv_bpf *bpf, const char **what)
{
	const struct bpf_map_info rules = {.type = BPF_MAP_TYPE_HASH,
					   .key_size = sizeof(struct kernel_path_key),
					   .value_size = sizeof(uint64_t),
					   .max_entries = KERNEL_PATH_KEYS,
					   .map_flags = BPF_F_NO_PREALLOC};
	const struct bpf_map_info blocks = {.type = BPF_MAP_TYPE_ARRAY,
					    .key_size = sizeof(uint32_t),
					    .value_size = sizeof(struct kernel_path_block),
					    .max_entries = KERNEL_PATH_BLOCKS,
					    .map_flags = BPF_F_MMAPABLE};
	const struct bpf_map_info counters = {.type = BPF_MAP_TYPE_ARRAY,
					      .key_size = sizeof(uint32_t),
					      .value_size = sizeof(struct kernel_path_record),
					      .map_flags = BPF_F_MMAPABLE};
	struct bpf_map_info found[3];

	*what = "rules";
	if (!is_map(bpf->rules, &rules, &found[0]))
		return -EBADF;
	*what = "blocks";
	if (!is_map(bpf->blocks, &blocks, &found[1]))
		return -EBADF;
	*what = "counters";
	if (!is_map(bpf->counters, &counters, &found[2]))
		return -EBADF;
	bpf->lanes = lanes_of(&found[2]);
	if (!bpf->lanes)
		return -EBADF;
	*what = "program";
	return is_program_of(bpf->program, found, 3) ? 0 : -EBADF;
}
