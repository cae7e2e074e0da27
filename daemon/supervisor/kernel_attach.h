/* SPDX-License-Identifier: MIT */
/*
 * kernel_attach.h - the tc program at inputs, by tcx or clsact
 *
 * An input that asks for it gets it before its sockets are opened, and loses it when they are
 * closed.  Programs that mcrd did not attach are never removed.
 */
#ifndef DAEMON_SUPERVISOR_KERNEL_ATTACH_H
#define DAEMON_SUPERVISOR_KERNEL_ATTACH_H

struct input;
struct options;
struct supervisor;

/* Where that fails a line is logged, @in->mark stays 0, and workers relay all of it. */
void kernel_path_attach(struct supervisor *s, struct input *in);
void kernel_path_detach(struct supervisor *s, struct input *in);

/*
 * Inputs from which somebody else has taken the program get it again.  Return: how many did.
 */
unsigned kernel_path_verify(struct supervisor *s);

/* Control has asked for all its inputs: what an earlier mcrd has attached elsewhere is removed. */
void kernel_path_drop_others(struct supervisor *s);

/* mcrd --detach: pins and filters of an mcrd that has ended.  Return: exit status. */
int kernel_path_remove_left(const struct options *options);

#endif
