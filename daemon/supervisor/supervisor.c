// SPDX-License-Identifier: MIT
/*
 * supervisor.c - the privileged parent: event loop, shutdown
 *
 * Theory of operation.  Everything that matters to the kernel lives here: sockets,
 * memberships, listeners, the last snapshot, counters.  The supervisor parses
 * nothing that an operator or the network wrote.  It answers control's fixed-size
 * requests, passes descriptors on, and restarts what dies.
 *
 * Loop: one epoll, one event at a time.  Taking one at a time is slower than a
 * batch and never serves an event of a child that the event before has ended.
 *
 * End: the workers are told to drain, then the counters are read, then control is
 * told to say its last words; each step has a deadline, a second signal skips it.
 */
#include "daemon/supervisor/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/ipc.h"
#include "core/base/statpage.h"
#include "daemon/common/log.h"
#include "daemon/common/roles.h"
#include "daemon/priv/priv.h"
#include "daemon/supervisor/check.h"
#include "daemon/supervisor/child.h"
#include "daemon/supervisor/control_channel.h"
#include "daemon/supervisor/egress_socket.h"
#include "daemon/supervisor/health.h"
#include "daemon/supervisor/iface.h"
#include "daemon/supervisor/membership.h"
#include "daemon/supervisor/notify.h"
#include "daemon/supervisor/standin.h"
#include "daemon/supervisor/start.h"
#include "daemon/supervisor/state.h"
#include "daemon/supervisor/stats.h"
#include "daemon/supervisor/upgrade.h"
#include "daemon/supervisor/worker_channel.h"
#include "daemon/supervisor/worker_ready.h"

#define STATS_INTERVAL_NS (1 * NS_PER_S)
#define WORKERS_DRAIN_NS  (1 * NS_PER_S)
#define FAREWELL_NS       (500 * NS_PER_MS)

/* A control that dies takes the message with it; rules come from the snapshot then. */
static void repeat_reload(struct supervisor *s)
{
	struct ipc_msg msg = {.type = IPC_RELOAD};

	if (!s->reload_due ||
	    __atomic_load_n(&s->heartbeat->reloads, __ATOMIC_RELAXED) != s->reload_mark)
		return;
	lseek(s->config_fd, 0, SEEK_SET);
	control_send(s, &msg, s->config_fd);
}

void supervisor_announce(struct supervisor *s)
{
	s->child[CONTROL_INDEX].ready = true;
	s->child[CONTROL_INDEX].overdue_ns = 0;
	if (s->announced) {
		log_msg(SEV_NOTICE, FAC_SUPERVISOR, "control runs again, pid %d",
			(int)s->child[CONTROL_INDEX].pid);
		repeat_reload(s);
		return;
	}
	s->announced = true;
	notify_send(s->notify, "READY=1");
	log_msg(SEV_NOTICE, FAC_SUPERVISOR, "ready after %llu ms, %u workers",
		(unsigned long long)((monotonic_ns() - s->started_ns) / NS_PER_MS), s->workers);
}

static void enter_phase(struct supervisor *s, enum phase phase, uint64_t length_ns)
{
	s->phase = phase;
	s->phase_end_ns = monotonic_ns() + length_ns;
}

static void tell(struct supervisor *s, struct child *c)
{
	struct ipc_msg msg = {.type = IPC_SHUTDOWN};

	if (c->channel >= 0 && ipc_send(c->channel, &msg, -1) < 0)
		child_kill(s, c); /* it does not listen; the deadline is for those who do */
}

static void shut_down(struct supervisor *s, const char *signal_name)
{
	if (s->phase != PHASE_RUN) {
		s->phase_end_ns = monotonic_ns();
		return;
	}
	log_msg(SEV_NOTICE, FAC_SUPERVISOR, "SIG%s: shutting down", signal_name);
	upgrade_abandon(s);
	notify_send(s->notify, "STOPPING=1");
	enter_phase(s, PHASE_DRAIN, WORKERS_DRAIN_NS);
	for (unsigned i = 0; i < CHILDREN; i++)
		s->child[i].restart_ns = s->child[i].overdue_ns = 0;
	for (unsigned i = 0; i < s->workers; i++)
		tell(s, &s->child[i]);
}

static void reload(struct supervisor *s)
{
	struct ipc_msg msg = {.type = IPC_RELOAD};
	const char *path = s->options->config_path;
	int fd;

	if (!path) {
		log_msg(SEV_NOTICE, FAC_SUPERVISOR, "SIGHUP: there is no --config to read again");
		return;
	}
	fd = check_open_config(path);
	if (fd < 0)
		return;
	log_msg(SEV_NOTICE, FAC_SUPERVISOR, "SIGHUP: reading %s again", path);
	close(s->config_fd);
	s->config_fd = fd;
	s->reload_due = true;
	s->reload_mark = __atomic_load_n(&s->heartbeat->reloads, __ATOMIC_RELAXED);
	control_send(s, &msg, fd);
}

static void upgrade_by_signal(struct supervisor *s)
{
	if (upgrade_begin(s) < 0)
		log_msg(SEV_WARNING, FAC_SUPERVISOR,
			"SIGUSR2: not now: starting, stopping, or an upgrade is under way");
}

static void take_signal(struct supervisor *s)
{
	struct signalfd_siginfo si;

	if (read(s->signals, &si, sizeof(si)) != sizeof(si))
		return;
	if (si.ssi_signo == SIGHUP)
		reload(s);
	else if (si.ssi_signo == SIGUSR2)
		upgrade_by_signal(s);
	else
		shut_down(s, sigabbrev_np((int)si.ssi_signo));
}

static void take_event(struct supervisor *s, uint64_t source, uint32_t events)
{
	if (source == EVENT_SIGNALS)
		take_signal(s);
	else if (source == EVENT_CHECKER)
		upgrade_checked(s);
	else if (source >= CHILDREN)
		child_exited(s, &s->child[source - CHILDREN]);
	else if (source == CONTROL_INDEX)
		control_readable(s);
	else if (events & EPOLLOUT && !(events & EPOLLIN))
		worker_channel_sync(s, (unsigned)source);
	else
		worker_ready_read(s, (unsigned)source);
}

static bool workers_gone(const struct supervisor *s)
{
	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++)
		if (s->child[i].pid)
			return false;
	return true;
}

/* From one phase of the end to the next, when it is complete or overdue. */
static void advance_phase(struct supervisor *s, uint64_t now_ns)
{
	if (s->phase == PHASE_DRAIN && (workers_gone(s) || now_ns >= s->phase_end_ns)) {
		for (unsigned i = 0; i < MCR_MAX_WORKERS; i++)
			child_kill(s, &s->child[i]);
		for (unsigned i = 0; i < MCR_MAX_IFACES; i++)
			if (s->input[i].incarnation)
				iface_end_input(s, i);
		enter_phase(s, PHASE_FAREWELL, FAREWELL_NS);
		tell(s, &s->child[CONTROL_INDEX]);
	}
	if (s->phase == PHASE_FAREWELL &&
	    (!s->child[CONTROL_INDEX].pid || now_ns >= s->phase_end_ns))
		s->phase = PHASE_END;
}

/* Does what is due.  Return: milliseconds until something will be. */
static int run_timers(struct supervisor *s, uint64_t now_ns)
{
	if (s->phase == PHASE_RUN) {
		const uint64_t due_ns[] = {child_timers(s, now_ns), health_check(s, now_ns),
					   upgrade_advance(s, now_ns), stand_in_timers(s, now_ns),
					   s->stats_ns};

		return timeout_ms(due_ns, sizeof(due_ns) / sizeof(due_ns[0]), now_ns);
	}
	return timeout_ms((const uint64_t[]){s->phase_end_ns, s->stats_ns}, 2, now_ns);
}

static void run(struct supervisor *s)
{
	s->stats_ns = monotonic_ns() + STATS_INTERVAL_NS;
	while (s->phase != PHASE_END) {
		uint64_t now_ns = monotonic_ns();
		struct epoll_event ev;
		int n;

		if (now_ns >= s->stats_ns) {
			stats_refresh(s);
			s->stats_ns = now_ns + STATS_INTERVAL_NS;
		}
		n = epoll_wait(s->epoll, &ev, 1, run_timers(s, now_ns));
		if (n > 0)
			take_event(s, ev.data.u64, ev.events);
		advance_phase(s, monotonic_ns());
		log_catch_up();
	}
}

static void remove_socket(const char *path)
{
	int ret = priv_unlink(path);

	if (ret < 0 && ret != -ENOENT)
		log_msg(SEV_WARNING, FAC_SUPERVISOR, "%s cannot be removed: %s", path,
			strerror(-ret));
}

static void finish(struct supervisor *s)
{
	for (unsigned i = 0; i < CHILDREN; i++) {
		struct child *c = &s->child[i];

		child_kill(s, c);
		if (c->pid)
			waitpid(c->pid, NULL, 0);
	}
	upgrade_abandon(s);
	iface_fini(s);
	egress_socket_fini(s);
	join_fini(&s->joins);
	if (s->control_listener >= 0)
		remove_socket(s->options->control_path);
	if (s->status_listener >= 0)
		remove_socket(s->status_path);
}

int supervisor_main(const struct options *options)
{
	struct supervisor *s;
	int status;

	log_init("supervisor", options->json_log);
	log_detach();
	s = supervisor_new(options);
	if (!s)
		die(FAC_SUPERVISOR, "out of memory");
	s->exit_status = 1;
	if (supervisor_start(s) == 0) {
		s->exit_status = 0;
		run(s);
	}
	finish(s);
	status = s->exit_status;
	if (status == 0)
		log_msg(SEV_NOTICE, FAC_SUPERVISOR, "stopped");
	free(s);
	return status;
}
