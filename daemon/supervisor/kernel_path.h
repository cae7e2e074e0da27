/* SPDX-License-Identifier: MIT */
/*
 * kernel_path.h - the tc program and its maps, as the supervisor holds them
 *
 * With --path auto the program is made before rights are given up.  An input that asks for
 * it gets it before its sockets are opened, and loses it when they are closed.  Control gets
 * the maps, and never the program.
 */
#ifndef DAEMON_SUPERVISOR_KERNEL_PATH_H
#define DAEMON_SUPERVISOR_KERNEL_PATH_H

#include <stdbool.h>
#include <stdint.h>

struct input;
struct ipc_start;
struct options;
struct supervisor;

/* Make program and maps; a line is logged where that fails, and the user path takes over. */
void kernel_path_start(struct supervisor *s);
void kernel_path_fini(struct supervisor *s);

/* mcrd --detach.  Return: exit status. */
int kernel_path_remove_pins(const struct options *options);

/* The descriptors of one that a program before this one has made. */
int kernel_path_resume(struct supervisor *s);

/* Of struct ipc_start for control. */
void kernel_path_describe(const struct supervisor *s, struct ipc_start *start);

/* Where that fails a line is logged, @in->mark stays 0, and workers relay all of it. */
void kernel_path_attach(struct supervisor *s, struct input *in);
void kernel_path_detach(struct supervisor *s, struct input *in);

/* Control has asked for all its inputs: what an earlier mcrd has attached elsewhere is removed. */
void kernel_path_drop_others(struct supervisor *s);

/* Frames of the input that the kernel path has relayed since the last call. */
uint64_t kernel_path_new_frames(const struct supervisor *s, struct input *in);

#endif
