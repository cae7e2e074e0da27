/* SPDX-License-Identifier: MIT */
/*
 * kernel_entry.h - elements of the kernel's map of references, by their keys
 *
 * The program looks for the key without a source first, and for that of the frame's source when
 * KERNEL_PATH_REF_SOURCES says so.  An element for a source is put before the one that leads to
 * it, and removed after it.  A stream without any rule for the program has no element.
 */
#ifndef DAEMON_CONTROL_KERNEL_ENTRY_H
#define DAEMON_CONTROL_KERNEL_ENTRY_H

#include <stdint.h>

struct kernel_map;
struct kernel_path_key;

void kernel_entries_init(struct kernel_map *m);

/* Return: MCR_NO_SLOT: there is none. */
uint32_t kernel_entry_find(const struct kernel_map *m, const struct kernel_path_key *key);
/* The same, which is made when there is none.  Return: MCR_NO_SLOT: there is no room. */
uint32_t kernel_entry_get(struct kernel_map *m, const struct kernel_path_key *key);

/* Behind the rules that have the key already. */
void kernel_entry_add_rule(struct kernel_map *m, uint32_t at, uint32_t slot);
void kernel_entry_remove_rule(struct kernel_map *m, uint32_t at, uint32_t slot);

/* The kernel's map holds @ref for the key, 0: nothing. */
void kernel_entry_holds(struct kernel_map *m, uint32_t at, uint64_t ref);

/**
 * kernel_entry_update() - put and remove what the rules of a key make necessary
 *
 * That of its stream for any source goes with it, and those for sources when that one
 * begins or ends to take their frames.  An entry that nobody needs is gone afterwards.
 *
 * Return: 0; negative errno of bpf(2), with m->failed set.
 */
int kernel_entry_update(struct kernel_map *m, uint32_t at);

#endif
