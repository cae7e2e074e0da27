/* SPDX-License-Identifier: MIT */
/*
 * bpf_map.h - elements of the map of references (core/rules/kernel_path_map.h)
 *
 * Since Linux 5.19 the holder of a map's descriptor needs no capability for these
 * commands of bpf(2).
 */
#ifndef DAEMON_PRIV_BPF_MAP_H
#define DAEMON_PRIV_BPF_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rules/kernel_path_map.h"

/* Return: 0; -E2BIG: the map is full; other negative errno of bpf(2). */
int bpf_map_put(int map, const struct kernel_path_key *key, uint64_t ref);
/* Return: 0; -ENOENT; other negative errno of bpf(2). */
int bpf_map_remove(int map, const struct kernel_path_key *key);

/**
 * struct bpf_map_cursor - how far a map was read; zeroed: not at all
 * @at:    next bucket of the kernel
 * @begun: @at is set
 * @ended: there are no more
 */
struct bpf_map_cursor {
	uint32_t at;
	bool begun, ended;
};

/**
 * bpf_map_read() - next elements
 * @keys, @refs: filled, room for @max each
 *
 * An element that is put or removed meanwhile may be missed; no other one is.
 *
 * Return: how many; -ENOSPC when @max is too small for one bucket; other negative errno of
 * bpf(2).
 */
int bpf_map_read(int map, struct bpf_map_cursor *cursor, struct kernel_path_key *keys,
		 uint64_t *refs, uint32_t max);

#endif
