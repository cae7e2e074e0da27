/* SPDX-License-Identifier: MIT */
/*
 * memory.h - how much memory control may have
 *
 * The largest rule set takes about 100 MiB, and 400 MiB while it is parsed, replaced and shown
 * at once; clients may have 144 MiB beside it (client_state.h).  Beyond that control leaks, or
 * somebody else's code runs in it.  The kernel grants it no more than CONTROL_MEMORY_MAX, so
 * that it never comes to the choice of the OOM killer.  A control that has passed
 * CONTROL_MEMORY_RESTART says so and exits: the next one has all rules from the last snapshot.
 */
#ifndef DAEMON_CONTROL_MEMORY_H
#define DAEMON_CONTROL_MEMORY_H

#include <stddef.h>

#define CONTROL_MEMORY_RESTART ((size_t)640 << 20)
#define CONTROL_MEMORY_MAX     ((size_t)768 << 20)

/* From now on; before system calls are sealed.  Return: 0, or a negative errno. */
int control_memory_limit(void);

/* Once a second: exits with a line when the heap has passed CONTROL_MEMORY_RESTART. */
void control_memory_check(void);

#endif
