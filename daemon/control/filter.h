/* SPDX-License-Identifier: MIT */
/*
 * filter.h - the prefilter of each input, made from what its rules want
 *
 * The programs are made and sent only when the list of what an interface's rules
 * want has changed.  Where the kernel refuses a program for its size, the supervisor
 * sets the coarse pair, which lets all UDP through, and says so in its reply.
 */
#ifndef DAEMON_CONTROL_FILTER_H
#define DAEMON_CONTROL_FILTER_H

struct control;

/* Return: 0 or negative errno (-ENOMEM; memfd_create(2)). */
int control_filter_update(struct control *c);

#endif
