/* SPDX-License-Identifier: MIT */
/*
 * kernel_path.h - the tc program and its maps, as the supervisor holds them
 *
 * With --path auto the program is made, or found in the pins of an mcrd that was killed,
 * before rights are given up.  Control gets the maps, and never the program.
 */
#ifndef DAEMON_SUPERVISOR_KERNEL_PATH_H
#define DAEMON_SUPERVISOR_KERNEL_PATH_H

#include <stdbool.h>
#include <stdint.h>

struct input;
struct ipc_start;
struct supervisor;

/* Make program and maps; a line is logged where that fails, and the user path takes over. */
void kernel_path_start(struct supervisor *s);
void kernel_path_fini(struct supervisor *s);

/* The descriptors of one that a program before this one has made. */
int kernel_path_resume(struct supervisor *s);

/* Of struct ipc_start for control. */
void kernel_path_describe(const struct supervisor *s, struct ipc_start *start);

#endif
