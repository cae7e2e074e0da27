/* SPDX-License-Identifier: MIT */
/*
 * process.h - descriptors and start of the control process; for control.c,
 * start.c and config.c only
 */
#ifndef DAEMON_CONTROL_PROCESS_H
#define DAEMON_CONTROL_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/ipc.h"
#include "core/base/limits.h"

struct control;
struct heartbeat_page;

/**
 * struct process - what the other modules do not see
 * @c:         the state; @config_name: for messages
 * @listener:  by read_only, -1 when it was not given
 * @watched:   the listeners are in the epoll set
 * @restarted: a predecessor has configured the workers
 * @calm_ns:   what neighbours and routes have changed is not acted upon before
 * @heartbeat: written in each turn of the loop, watched by the supervisor
 */
struct process {
	struct control *c;
	const char *config_name;
	int listener[2];
	int netlink, routes, applied, config, snapshot;
	bool watched, channel_out, restarted;
	unsigned workers_option;
	uint32_t start_flags;
	uid_t uid; /* to become */
	gid_t gid;
	uint32_t settle_seq;
	uint64_t tick_ns, sweep_ns, check_ns, calm_ns;
	uint64_t verify_ns; /* when to ask next whether the kernel still has everything */
	struct heartbeat_page *heartbeat;
	unsigned n_cpus;
	int cpus[MCR_MAX_WORKERS];
};

/* --- start.c --- */

/* Descriptors until IPC_START; what comes later goes to control_take_fd(). */
void control_receive_fds(struct process *p);

/* @fd: taken */
void control_take_fd(struct process *p, const struct ipc_pass_fd *as, int fd);

/* Give up every right; what must be asked for before is asked for here. */
void control_seal(struct process *p);

/* Configure, pin and start the workers; p->settle_seq is the last request. */
void control_start_workers(struct process *p);

/* --- probe.c --- */

/* Routes and neighbours have changed. */
void control_routes_read(struct control *c, uint64_t now_ns);

/* Ask the kernel what is due about routes and neighbours, and the supervisor for probes. */
void control_look_around(struct control *c, uint64_t now_ns);

/* --- config.c --- */

/* Settings, and rules unless a snapshot has them.  Return: 0, or -errno after a log line. */
int control_config_start(struct process *p);

/* SIGHUP.  @fd: taken.  A bad file changes nothing. */
void control_config_reload(struct process *p, int fd);

#endif
