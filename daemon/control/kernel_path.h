/* SPDX-License-Identifier: MIT */
/*
 * kernel_path.h - which rules the kernel relays, and why it does not relay the others
 *
 * Workers have every rule.  After each reconcile the rules that fit are written into the
 * maps of the tc program, which then takes their frames before a worker sees them; what
 * leaves the maps is the workers' again with the next frame.  So a rule changes path
 * without a gap, and any order of the two is right.
 */
#ifndef DAEMON_CONTROL_KERNEL_PATH_H
#define DAEMON_CONTROL_KERNEL_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/rules/kernel_path.h"

struct control;
struct ipc_pass_fd;
struct ipc_start;
struct ruleset_entry;

/* @fd: a descriptor of the maps, taken.  Return: 0 or negative errno. */
int control_kernel_path_take_fd(struct control *c, const struct ipc_pass_fd *as, int fd);
/*
 * @restarted: this daemon has written the maps; else what is there is an earlier one's, and
 * stays until the workers have the rules.
 */
void control_kernel_path_start(struct control *c, const struct ipc_start *start, bool restarted);
void control_kernel_path_fini(struct control *c);

/* Make the maps say what rules, links and addresses say now. */
void control_kernel_path_update(struct control *c, uint64_t now_ns);

/* The same when nothing has changed but the rules in these slots, which may have gone. */
void control_kernel_path_update_slots(struct control *c, const uint32_t *slots, unsigned n,
				      uint64_t now_ns);

/*
 * Several times a second: is a part of what the kernel holds what was written?  If not all of it
 * is repaired.
 */
void control_kernel_path_check(struct control *c, uint64_t now_ns);

/* Several times a second, and when workers have taken rules: rules that waited for that. */
void control_kernel_path_divide(struct control *c, uint64_t now_ns);

/* Is an update due, because something has rested? */
bool control_kernel_path_due(const struct control *c, uint64_t now_ns);

/**
 * struct kernel_path_state - what the maps hold, as last written or read
 * @generation: of the rules that they say; 0: not known, they are being repaired
 * @hash:       of all of it, another one after each change
 * @in_sync:    they say what the published rules need
 */
struct kernel_path_state {
	uint64_t generation;
	uint64_t hash;
	bool in_sync;
	uint32_t references, blocks;
};

/* Return: false: there is no kernel path. */
bool control_kernel_path_state(const struct control *c, struct kernel_path_state *s);

/* By output: why it is on the user path; KERNEL_PATH_FITS: it is not. */
void control_kernel_path_reasons(const struct control *c, const struct ruleset_entry *e,
				 enum kernel_path_reason why[static MCR_MAX_RULE_OUTPUTS]);

#endif
