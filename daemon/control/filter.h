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
struct rec_iface;
struct rule_input;

/* For all rules, which are resolved.  Return: 0 or negative errno (-ENOMEM; memfd_create(2)). */
int control_filter_update(struct control *c);

/*
 * For one rule more or less that takes from @f; control_filter_send() sends what has changed.
 * Return: 0; -ENOMEM.
 */
int control_filter_add(struct rec_iface *f, const struct rule_input *in);
void control_filter_remove(struct rec_iface *f, const struct rule_input *in);

/* Return: as control_filter_update(). */
int control_filter_send(struct control *c);

#endif
