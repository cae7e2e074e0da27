/* SPDX-License-Identifier: MIT */
/*
 * roles.h - the three processes of mcrd
 *
 * mcrd starts as supervisor.  Each child is a fork that executes the same binary again, with a
 * role as its first argument and its channel to the supervisor on descriptor 3.  So a child shares
 * no memory with its parent.
 */
#ifndef DAEMON_COMMON_ROLES_H
#define DAEMON_COMMON_ROLES_H

#include <stdbool.h>

#include "core/base/limits.h"

#define CHILD_CHANNEL_FD 3

/* A worker inherits its ring, and that of the last worker if there is one (core/base/ring.h). */
#define CHILD_RING_FD      4
#define CHILD_LAST_RING_FD 5

/*
 * Arguments of a child: ROLE_CONTROL CONFIG-NAME or ROLE_WORKER N, and ARG_LOG_JSON or
 * ARG_LOG_TEXT.  All else comes in its first messages (daemon/common/startup.h).
 */
#define ROLE_CONTROL "--role=control"
#define ROLE_WORKER  "--role=worker"
#define ARG_LOG_JSON "--log-format=json"
#define ARG_LOG_TEXT "--log-format=text"

/**
 * struct options - the command line of the supervisor
 * @config_path:  NULL when not given
 * @control_path: control socket; the status socket is derived from it
 * @interfaces:   names given with --interface, opened as inputs at start
 * @workers:      0 when not given
 * @path_auto:    rules relay in the kernel where they can
 * @attach:       how inputs get the program of the kernel path
 * @pin_dir:      where the kernel path is pinned, NULL: where it usually is, PIN_NONE: nowhere
 * @detach:       remove what an earlier mcrd left of the kernel path, and end
 * @mark_bit:     that the kernel path sets in the mark of what it has relayed, 0..31
 * @resume_fd:    state of the program that this one replaces (--resume), -1: none
 * @argv:         as given, without --resume; for the next exec
 */
enum attach_mode { ATTACH_AUTO, ATTACH_TCX, ATTACH_CLSACT };
#define PIN_NONE "none"

struct options {
	const char *config_path;
	const char *control_path;
	const char *interfaces[MCR_MAX_START_IFACES];
	unsigned n_interfaces;
	unsigned workers;
	bool json_log;
	bool path_auto;
	bool detach;
	enum attach_mode attach;
	const char *pin_dir;
	unsigned mark_bit;
	int resume_fd;
	char **argv;
};

/* First arguments that only mcrd itself gives; see supervisor/upgrade.c. */
#define ARG_RESUME        "--resume="
#define ARG_CHECK_UPGRADE "--check-upgrade="

/* Each returns the exit status of its process. */
int supervisor_main(const struct options *options);
/* Can this binary take over from a supervisor with these versions? */
int supervisor_check_upgrade(const char *versions);

/* @config_name: for messages, "" when there is no configuration */
int control_main(const char *config_name);
int worker_main(void);

#endif
