/* SPDX-License-Identifier: MIT */
/*
 * process.h - descriptors and times of the control process, which its modules do not see
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
 * struct process - for the main loop and what belongs to it
 * @c:         the state; @config_name: for messages
 * @listener:  by read_only, -1 when it was not given
 * @watched:   the listeners are in the epoll set
 * @restarted: a predecessor has configured the workers
 * @reach_pause_ns: changes of neighbours and routes are not acted upon before
 * @heartbeat: written in each turn of the loop, watched by the supervisor
 */
struct process {
	struct control *c;
	const char *config_name;
	int listener[2];
	int netlink, routes, applied, config, snapshot, changes;
	bool watched, channel_out, restarted;
	unsigned workers_option;
	uid_t uid; /* to become */
	gid_t gid;
	uint32_t settle_seq;
	uint64_t tick_ns, sweep_ns, check_ns, reach_pause_ns;
	uint64_t clients_closed; /* as far as it was logged */
	uint64_t verify_ns;      /* when to ask next whether the kernel still has everything */
	struct heartbeat_page *heartbeat;
	unsigned n_cpus;
	int cpus[MCR_MAX_WORKERS];
};

#endif
