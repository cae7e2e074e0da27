/* SPDX-License-Identifier: MIT */
/*
 * kernel_fit.h - may the kernel path have it: the daemon, an input interface, a rule
 */
#ifndef DAEMON_CONTROL_KERNEL_FIT_H
#define DAEMON_CONTROL_KERNEL_FIT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/rules/kernel_path.h"

struct complaint;
struct control;
struct rec_iface;
struct rule;
struct rule_output;
struct ruleset_entry;

/* Has this daemon a kernel path? */
bool control_kernel_fit_available(const struct control *c);

/* Of the program at the rule's input; KERNEL_PATH_FITS: it sees the frames, and consumes them. */
enum kernel_path_reason control_kernel_fit_program(const struct control *c, const struct rule *r);

/* Of the daemon, the rule and its input, before any output is looked at. */
enum kernel_path_reason control_kernel_fit_rule(const struct control *c, const struct rule *r);

/* Is an input there to be opened with the tc program? */
bool control_kernel_fit_input(const struct control *c, const struct rec_iface *f);

/* -ENOMEM. */
int control_kernel_fit_need(struct control *c, const struct rec_iface *out, const struct rule *r,
			    const struct rule_output *o);

/* The rule goes: the need of one of its outputs goes with it. */
void control_kernel_fit_release(struct control *c, const struct rec_iface *out,
				const struct rule *r, const struct rule_output *o);

/**
 * control_kernel_fit_refuse() - does the rule ask for the kernel in vain?
 * @cpl: filled when it does
 *
 * Return: 0; -EINVAL: it says "kernel", and that will not come true by itself.
 */
int control_kernel_fit_refuse(const struct control *c, const struct rule *r, struct complaint *cpl);

/* One line about a rule that asks for the kernel in vain, and another one if that comes again. */
void control_kernel_fit_tell(struct control *c, const struct ruleset_entry *e, uint64_t now_ns);

#endif
