/* SPDX-License-Identifier: MIT */
/*
 * control.h - the state of the control process
 *
 * Control is unprivileged and the one place that parses operator input.  It holds
 * the rules, knows the links, and makes what is equal to what should be:
 *
 *   clients --> control_method --.                  .--> control_super --> supervisor
 *   netlink --> control_netif, --+--> reconcile() --+
 *               control_reach    |                  |
 *   timer   ---------------------'                  '--> control_publish --> workers
 *
 * Whatever happens sets @dirty; one reconcile() per turn of the loop acts on it, so
 * that changes which arrive together share one publication.  Nothing here blocks.
 */
#ifndef DAEMON_CONTROL_CONTROL_H
#define DAEMON_CONTROL_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/clock.h"
#include "core/text/config.h"
#include "daemon/common/log.h"
#include "daemon/control/client.h"
#include "daemon/control/drift.h"
#include "daemon/control/egress_socket.h"
#include "daemon/control/iface.h"
#include "daemon/control/loop.h"
#include "daemon/control/netif.h"
#include "daemon/control/output.h"
#include "daemon/control/pages.h"
#include "daemon/control/publish.h"
#include "daemon/control/reach.h"
#include "daemon/control/reconcile.h"
#include "daemon/control/supervisor_channel.h"
#include "daemon/control/upgrade.h"
#include "daemon/control/wait.h"
#include "daemon/control/wiring.h"

struct control_notice;
struct ruleset;

/**
 * struct control_worker - what the supervisor last said about a worker
 * @ending:  how its last process ended: @exit_status, @ending_ms as struct ipc_worker_state says
 * @running_ns: since when it runs
 * @health_check_failures: how often the supervisor ended it because it hung
 * @out:      it cannot run for now
 * @stand_in: 1 + the worker that has its rules and sockets meanwhile, 0 for none
 * @asked:    the supervisor has been asked for that
 * @stand_in_until_ns: it runs again, and the stand-in has its rules until then; 0: it does not
 */
struct control_worker {
	bool running;
	uint32_t restarts;
	int32_t pid;
	int32_t cpu;
	uint32_t health_check_failures;
	enum ipc_ending ending;
	int32_t exit_status;
	uint32_t ending_ms;
	uint64_t running_ns;
	bool out;
	unsigned stand_in;
	bool asked;
	uint64_t stand_in_until_ns;
	struct control_drift drift;
};

/* START_SPAWN: workers and links are awaited.  START_SETTLE: the first requests are. */
enum control_phase { PHASE_SPAWN, PHASE_SETTLE, PHASE_RUNNING };

/**
 * struct control - everything
 * @started_ns:  CLOCK_MONOTONIC of the supervisor's start
 * @cpus:        that this host has or could have: numbers from there on are of none
 * @settings:    what the configuration says about interfaces; its rules are in @rules
 * @interfaces:  names given with --interface: inputs whether a rule names them or not
 * @dirty:       reconcile() is due
 * @kept:        outlives this process
 */
struct control {
	int epoll;
	uint64_t started_ns;
	uint64_t ready_ns;
	enum control_phase phase;
	bool dirty;
	bool shutdown;
	bool per_packet;
	unsigned busy_poll_us;
	unsigned workers;
	unsigned cpus;
	struct control_worker worker[MCR_MAX_WORKERS];
	struct config settings;
	const char *interfaces[16];
	unsigned n_interfaces;
	struct ruleset *rules;
	struct control_super super;
	struct control_netif netif;
	struct control_wiring wiring;
	struct control_loop loop;
	struct control_reach reach;
	struct control_clients clients;
	struct control_reconcile rec;
	struct control_egress_sockets egress_sockets;
	struct control_publish pub;
	struct control_waits waits;
	struct control_upgrade upgrade;
	struct control_stats stats;
	struct heartbeat_page *kept;
	struct control_notice *notice; /* NULL: none */
	struct log_limit log_changes, log_ifaces;
};

#endif
