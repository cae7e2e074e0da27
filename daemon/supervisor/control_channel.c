// SPDX-License-Identifier: MIT
/*
 * control_channel.c - first messages, states of the workers, replies
 *
 * A fresh control is given everything it works with, then told to start.  A
 * restarted one gets the same again and in addition the last snapshot and the state
 * of every worker, so that it can take up where its predecessor stopped.
 *
 * Its requests are read and answered in request.c.
 */
#include "daemon/supervisor/control_channel.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

#include "core/base/ipc.h"
#include "core/base/statpage.h"
#include "daemon/common/log.h"
#include "daemon/common/memfd.h"
#include "daemon/common/startup.h"
#include "daemon/priv/socket.h"
#include "daemon/supervisor/budget.h"
#include "daemon/supervisor/child.h"
#include "daemon/supervisor/egress_socket.h"
#include "daemon/supervisor/kernel_path.h"
#include "daemon/supervisor/state.h"

void control_channel_send(struct supervisor *s, struct ipc_msg *msg, int fd)
{
	int ret;

	if (s->child[CONTROL_INDEX].channel < 0)
		return;
	ret = ipc_send(s->child[CONTROL_INDEX].channel, msg, fd);
	if (ret == 0 || ret == -EPIPE || ret == -ECONNRESET)
		return; /* its pidfd shows that it has ended */
	log_msg(SEV_ERROR, FAC_SUPERVISOR, "control does not take its messages (%s); restarting it",
		strerror(-ret));
	child_end(s, &s->child[CONTROL_INDEX], END_CHANNEL_FULL, 0);
}

void control_channel_give_page(struct supervisor *s, unsigned worker)
{
	struct ipc_msg msg = {.type = IPC_WORKER_PAGE, .pin = {.worker = worker}};
	const int fd = memfd_reader(s->worker[worker].page_fd);

	if (fd < 0) {
		log_msg(SEV_ERROR, FAC_SUPERVISOR, "a descriptor for control: %s", strerror(-fd));
		return;
	}
	control_channel_send(s, &msg, fd);
	close(fd);
}

void control_channel_worker_state(struct supervisor *s, unsigned worker)
{
	const struct child *c = &s->child[worker];
	struct ipc_msg msg = {.type = IPC_WORKER_STATE,
			      .worker = {.worker = worker,
					 .running = c->state == CHILD_READY,
					 .restarts = c->restarts,
					 .exit_status = c->last_status,
					 .pid = c->pid,
					 .cpu = c->cpu,
					 .ending = c->last_ending,
					 .ending_ms = c->last_ms,
					 .health_check_failures = c->health_check_failures,
					 .out = c->out}};

	control_channel_send(s, &msg, -1);
}

/* One made for control; without it control says what it lacks.  @fd: taken, or a negative errno. */
static void pass_new(struct startup *u, enum passed_fd what, unsigned index, int fd)
{
	if (fd < 0)
		log_msg(SEV_ERROR, FAC_SUPERVISOR, "a descriptor for control: %s", strerror(-fd));
	else
		startup_new(u, what, index, fd);
}

/* The last control left its configuration, its snapshot and the pages of the workers. */
static void pass_inheritance(struct supervisor *s, struct startup *u)
{
	if (s->config_fd >= 0)
		lseek(s->config_fd, 0, SEEK_SET);
	startup_pass(u, PASSED_CONFIG, 0, s->config_fd);
	startup_pass(u, PASSED_SNAPSHOT, 0, s->snapshot_fd);
	startup_pass(u, PASSED_SNAPSHOT, 0, s->changes_fd);
	for (unsigned i = 0; i < s->workers; i++)
		pass_new(u, PASSED_WORKER_PAGE, i, memfd_reader(s->worker[i].page_fd));
}

static int begin(struct supervisor *s)
{
	struct ipc_start start = child_start_values(s, &s->child[CONTROL_INDEX]);
	struct startup u = {.channel = s->child[CONTROL_INDEX].channel};

	start.egress_sockets = egress_socket_budget();
	kernel_path_describe(s, &start);
	startup_pass(&u, PASSED_HEARTBEAT, 0, s->heartbeat_fd);
	startup_pass(&u, PASSED_CONTROL_LISTENER, 0, s->control_listener);
	startup_pass(&u, PASSED_STATUS_LISTENER, 0, s->status_listener);
	/* A socket of its own each time: the last control's may hold half a dump. */
	pass_new(&u, PASSED_NETLINK, 0, priv_netlink_socket(RTMGRP_LINK | RTMGRP_IPV4_IFADDR));
	pass_new(&u, PASSED_ROUTES, 0,
		 priv_netlink_socket(RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE | RTMGRP_IPV4_RULE |
				     1u << (RTNLGRP_NEXTHOP - 1)));
	pass_new(&u, PASSED_IFACE_PAGE, 0, memfd_reader(s->iface_page_fd));
	startup_pass(&u, PASSED_APPLIED, 0, s->applied);
	startup_pass(&u, PASSED_KERNEL_RULES, 0, s->bpf.rules);
	startup_pass(&u, PASSED_KERNEL_BLOCKS, 0, s->bpf.blocks);
	startup_pass(&u, PASSED_KERNEL_COUNTERS, s->bpf.lanes ? s->bpf.lanes - 1 : 0,
		     s->bpf.counters);
	pass_inheritance(s, &u);
	for (unsigned i = 0; i < s->options->n_interfaces; i++)
		startup_interface(&u, s->options->interfaces[i]);
	return startup_end(&u, &start);
}

void control_channel_begin(struct supervisor *s)
{
	int ret;

	__atomic_store_n(&s->heartbeat->heartbeat_ns, 0, __ATOMIC_RELAXED);
	s->budget = control_budget.most;
	s->memberships.round = ++s->round;
	ret = begin(s);
	if (ret < 0 && ret != -EPIPE && ret != -ECONNRESET) {
		log_msg(SEV_ERROR, FAC_SUPERVISOR, "control: first messages: %s", strerror(-ret));
		child_end(s, &s->child[CONTROL_INDEX], END_CHANNEL_FULL, 0);
	}
	for (unsigned i = 0; s->phase >= PHASE_SPAWN && i < s->workers; i++)
		control_channel_worker_state(s, i);
}

void control_channel_reply(struct supervisor *s, uint32_t seq, unsigned type, int status,
			   uint64_t value)
{
	struct ipc_msg msg = {.type = IPC_REPLY,
			      .seq = seq,
			      .reply = {.status = status, .request = type, .value = value}};

	control_channel_send(s, &msg, -1);
}

void control_channel_spawn_done(struct supervisor *s, int status, uint64_t value)
{
	if (!s->spawn_pending)
		return;
	s->spawn_pending = false;
	control_channel_reply(s, s->spawn_seq, IPC_SPAWN, status, value);
	child_watch(s, &s->child[CONTROL_INDEX], true, false);
}
