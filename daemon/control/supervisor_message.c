// SPDX-License-Identifier: MIT
/* supervisor_message.c - take a message, and act on it */
#include "daemon/control/supervisor_message.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "daemon/common/log.h"
#include "daemon/common/roles.h"
#include "daemon/control/config.h"
#include "daemon/control/epoll_key.h"
#include "daemon/control/method_upgrade.h"
#include "daemon/control/process.h"
#include "daemon/control/start.h"
#include "daemon/control/state.h"
#include "daemon/control/stats_line.h"
#include "daemon/control/supervisor_channel.h"

#define MESSAGES_PER_TURN 256

static void take_worker_state(struct control *c, const struct ipc_worker_state *s)
{
	struct control_worker *w = &c->worker[s->worker];

	if (s->worker >= c->workers)
		return;
	/* The supervisor logs why.  A worker that an upgrade replaces is expected to end. */
	if (w->running && !s->running && s->ending != END_UPGRADE)
		log_msg(SEV_WARNING, FAC_RULE_DISPATCH, "worker %u does not run", s->worker);
	if (!w->running && s->running)
		w->running_ns = monotonic_ns();
	w->running = s->running;
	w->restarts = s->restarts;
	w->health_check_failures = s->health_check_failures;
	w->out = s->out;
	w->ending = (enum ipc_ending)s->ending;
	w->exit_status = s->exit_status;
	w->ending_ms = s->ending_ms;
	w->pid = s->pid;
	w->cpu = s->cpu;
	c->dirty = true;
}

static void take_message(struct process *p, const struct ipc_msg *msg, int fd)
{
	switch ((enum ipc_to_control)msg->type) {
	case IPC_REPLY: /* control_supervisor_recv() has handed it to its callback */
		return;
	case IPC_WORKER_PAGE:
		control_take_page(p, msg->pin.worker, fd);
		return;
	case IPC_WORKER_STATE:
		take_worker_state(p->c, &msg->worker);
		return;
	case IPC_RELOAD:
		control_config_reload(p, fd);
		return;
	case IPC_UPGRADED:
		control_upgrade_ended(p->c, &msg->upgraded, monotonic_ns());
		return;
	case IPC_SHUTDOWN:
		control_stats_line_final(p->c);
		p->c->shutdown = true;
		return;
	}
}

void control_supervisor_ready(struct process *p)
{
	static struct log_limit full;
	struct ipc_msg msg;
	int fd;

	control_supervisor_flush(&p->c->supervisor);
	for (int i = 0; i < MESSAGES_PER_TURN && !p->c->shutdown; i++) {
		int ret = control_supervisor_recv(&p->c->supervisor, &msg, &fd);

		if (ret == -EAGAIN || ret == -EINTR)
			return;
		if (ret == 0)
			p->c->shutdown = true; /* the supervisor is gone: there is nothing to do */
		else if (ret == -EMFILE)
			log_limited(
				&full, monotonic_ns(), SEV_ERROR, FAC_CONTROL_SOCKET,
				"no descriptor is free: a configuration that was to be read again "
				"was not read");
		else if (ret < 0)
			die(FAC_CONTROL_SOCKET, "supervisor: %s", strerror(-ret));
		else
			take_message(p, &msg, fd);
	}
}

void control_supervisor_watch(struct process *p)
{
	const bool out = control_supervisor_wants_write(&p->c->supervisor);
	const uint32_t events = EPOLLIN | (out ? EPOLLOUT : 0);

	if (out != p->channel_out && epoll_watch(p->c->epoll, EPOLL_CTL_MOD, CHILD_CHANNEL_FD,
						 events, epoll_key_of(SOURCE_CHANNEL)) == 0)
		p->channel_out = out;
}
