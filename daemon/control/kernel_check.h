/* SPDX-License-Identifier: MIT */
/* kernel_check.h - what another program has changed in the maps */
#ifndef DAEMON_CONTROL_KERNEL_CHECK_H
#define DAEMON_CONTROL_KERNEL_CHECK_H

#include <stdbool.h>
#include <stdint.h>

struct kernel_map;

/**
 * kernel_map_check() - does the kernel hold what was written?
 * @changed: filled: somebody else has changed it
 *
 * Looks at a part of it, some thousand elements and their blocks, when one is due.  Called every
 * 100 ms it finds any change within 1.7 seconds.
 *
 * Return: 0; 1: all rules are to be set again, for that or because a change has failed;
 * negative errno of bpf(2).
 */
int kernel_map_check(struct kernel_map *m, uint64_t now_ns, bool *changed);

#endif
