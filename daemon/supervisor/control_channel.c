// SPDX-License-Identifier: MIT
/*
 * control_channel.c - the channel to control
 *
 * A fresh control is given everything it works with, then told to start.  A
 * restarted one gets the same again and in addition the last snapshot and the state
 * of every worker, so that it can take up where its predecessor stopped.
 *
 * Replies go out in the order of the requests.  While IPC_SPAWN waits for its
 * workers the channel is parked: later requests wait in it.
 */
#include "daemon/supervisor/control_channel.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/ipc.h"
#include "core/base/statpage.h"
#include "daemon/common/log.h"
#include "daemon/common/memfd.h"
#include "daemon/common/roles.h"
#include "daemon/priv/priv.h"
#include "daemon/supervisor/budget.h"
#include "daemon/supervisor/child.h"
#include "daemon/supervisor/egress_socket.h"
#include "daemon/supervisor/request.h"
#include "daemon/supervisor/state.h"

#define MESSAGES_PER_WAKE 64
#define SERVE_NS          (50 * NS_PER_MS) /* so that others are served, too */

static struct child *control(struct supervisor *s)
{
	return &s->child[CONTROL_INDEX];
}

void control_send(struct supervisor *s, struct ipc_msg *msg, int fd)
{
	int ret;

	if (control(s)->channel < 0)
		return;
	ret = ipc_send(control(s)->channel, msg, fd);
	if (ret == 0 || ret == -EPIPE || ret == -ECONNRESET)
		return; /* gone: its pidfd tells */
	log_msg(SEV_ERROR, FAC_SUPERVISOR, "control does not take its messages (%s); restarting it",
		strerror(-ret));
	child_end(s, control(s), END_DEAF, 0);
}

/* @fd: borrowed; a descriptor that is not there (-1) is left out. */
static void pass(struct supervisor *s, enum passed_fd what, unsigned index, int fd)
{
	struct ipc_msg msg = {.type = IPC_PASS_FD, .pass_fd = {.what = what, .index = index}};

	if (fd >= 0)
		control_send(s, &msg, fd);
}

static void pass_and_close(struct supervisor *s, enum passed_fd what, unsigned index, int fd)
{
	pass(s, what, index, fd);
	if (fd >= 0)
		close(fd);
	else
		log_msg(SEV_ERROR, FAC_SUPERVISOR, "a descriptor for control: %s", strerror(-fd));
}

void control_give_page(struct supervisor *s, unsigned worker)
{
	pass_and_close(s, PASSED_WORKER_PAGE, worker, memfd_reader(s->worker[worker].page_fd));
}

void control_worker_state(struct supervisor *s, unsigned worker)
{
	const struct child *c = &s->child[worker];
	struct ipc_msg msg = {.type = IPC_WORKER_STATE,
			      .worker = {.worker = worker,
					 .running = c->ready,
					 .restarts = c->restarts,
					 .exit_status = c->last_status,
					 .pid = c->pid,
					 .cpu = s->worker[worker].cpu,
					 .ending = c->last_ending,
					 .ending_ms = c->last_ms,
					 .health_check_failures = c->health_check_failures,
					 .out = c->out}};

	control_send(s, &msg, -1);
}

void control_begin(struct supervisor *s)
{
	struct ipc_msg start = {
		.type = IPC_START,
		.start = {.workers = s->workers ? s->workers : s->options->workers,
			  .cpu = -1,
			  .flags = s->worker_flags | (s->options->json_log ? IPC_FLAG_JSON_LOG : 0),
			  .started_ns = s->started_ns,
			  .busy_poll_us = s->busy_poll_us,
			  .egress_sockets = egress_socket_budget(),
			  .uid = s->identity.uid,
			  .gid = s->identity.gid}};

	__atomic_store_n(&s->heartbeat->heartbeat_ns, 0, __ATOMIC_RELAXED);
	s->budget = control_budget.most;
	s->joins.round = ++s->round;
	pass(s, PASSED_HEARTBEAT, 0, s->heartbeat_fd);
	pass(s, PASSED_CONTROL_LISTENER, 0, s->control_listener);
	pass(s, PASSED_STATUS_LISTENER, 0, s->status_listener);
	/* A socket of its own each time: the last control's may hold half a dump. */
	pass_and_close(s, PASSED_NETLINK, 0, priv_netlink_socket(RTMGRP_LINK | RTMGRP_IPV4_IFADDR));
	pass_and_close(s, PASSED_ROUTES, 0,
		       priv_netlink_socket(RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE | RTMGRP_IPV4_RULE |
					   1u << (RTNLGRP_NEXTHOP - 1)));
	if (s->config_fd >= 0) {
		lseek(s->config_fd, 0, SEEK_SET);
		pass(s, PASSED_CONFIG, 0, s->config_fd);
	}
	pass_and_close(s, PASSED_IFACE_PAGE, 0, memfd_reader(s->iface_page_fd));
	pass(s, PASSED_APPLIED, 0, s->applied);
	pass(s, PASSED_SNAPSHOT, 0, s->snapshot_fd);
	for (unsigned i = 0; i < s->workers; i++)
		control_give_page(s, i);
	control_send(s, &start, -1);
	for (unsigned i = 0; s->spawned && i < s->workers; i++)
		control_worker_state(s, i);
}

static void reply(struct supervisor *s, uint32_t seq, unsigned type, int status, uint64_t value)
{
	struct ipc_msg msg = {.type = IPC_REPLY,
			      .seq = seq,
			      .reply = {.status = status, .request = type, .value = value}};

	control_send(s, &msg, -1);
}

void control_spawn_done(struct supervisor *s, int status, uint64_t value)
{
	if (!s->spawn_pending)
		return;
	s->spawn_pending = false;
	reply(s, s->spawn_seq, IPC_SPAWN, status, value);
	if (s->channel_parked) {
		s->channel_parked = false;
		child_watch(s, control(s), true, false);
	}
}

static void serve(struct supervisor *s, const struct ipc_msg *m, int fd)
{
	uint64_t value = 0;
	int status = request_serve(s, m, &fd, &value);

	if (fd >= 0)
		close(fd);
	if (status <= 0) {
		reply(s, m->seq, m->type, status, value);
		return;
	}
	s->spawn_pending = true;
	s->spawn_seq = m->seq;
	s->channel_parked = true;
	child_watch(s, control(s), false, false);
}

/* The request came without its descriptor, for which there was no room here. */
static void refuse_for_room(struct supervisor *s, const struct ipc_msg *m)
{
	static struct log_limit limit;

	log_limited(&limit, monotonic_ns(), SEV_ERROR, FAC_SUPERVISOR,
		    "no descriptor is free for a message of control; raise the limit on open "
		    "files (RLIMIT_NOFILE, LimitNOFILE= of the service)");
	reply(s, m->seq, m->type, -EMFILE, 0);
}

static void refill_budget(struct supervisor *s)
{
	const uint64_t refill_ns = control_budget.most / control_budget.per_s * NS_PER_S;
	uint64_t now_ns = monotonic_ns(), since_ns = now_ns - s->budget_ns, more;

	/* A silence of days multiplied is more than 64 bits hold. */
	if (since_ns > refill_ns)
		since_ns = refill_ns;
	more = since_ns * control_budget.per_s / NS_PER_S;
	if (more == 0)
		return;
	s->budget = more > control_budget.most - s->budget ? control_budget.most
							   : s->budget + (unsigned)more;
	s->budget_ns = now_ns;
}

void control_readable(struct supervisor *s)
{
	const uint64_t until_ns = monotonic_ns() + SERVE_NS;
	struct ipc_msg m;
	int fd, ret;

	refill_budget(s);
	for (unsigned i = 0; i < MESSAGES_PER_WAKE; i++) {
		if (control(s)->channel < 0 || s->channel_parked || monotonic_ns() > until_ns)
			return;
		ret = ipc_recv(control(s)->channel, IPC_FROM_CONTROL, &m, &fd);
		if (ret == -EAGAIN || ret == -EINTR)
			return;
		/* Reset: it went without reading what we had sent. */
		if (ret == 0 || ret == -ECONNRESET) {
			child_hung_up(s, control(s));
			return;
		}
		if (ret < 0 && ret != -EMFILE) {
			log_msg(SEV_ERROR, FAC_SECURITY, "control sent what it may not (%s)",
				strerror(-ret));
			child_end(s, control(s), END_MESSAGE, 0);
			return;
		}
		if (s->budget-- == 0) {
			if (fd >= 0)
				close(fd);
			child_end(s, control(s), END_FLOOD, 0);
			return;
		}
		if (ret == -EMFILE)
			refuse_for_room(s, &m);
		else
			serve(s, &m, fd);
	}
}
