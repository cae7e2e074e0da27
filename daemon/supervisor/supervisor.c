// SPDX-License-Identifier: MIT
/*
 * supervisor.c - the privileged parent: event loop
 *
 * Theory of operation.  Everything that matters to the kernel lives here: sockets,
 * memberships, listeners, the last snapshot, counters.  The supervisor parses
 * nothing that an operator or the network wrote.  It answers control's fixed-size
 * requests, passes descriptors on, and restarts what dies.
 *
 * Loop: one epoll, one event at a time.  Taking one at a time is slower than a
 * batch and never serves an event of a child that the event before has ended.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "core/base/clock.h"
#include "daemon/common/log.h"
#include "daemon/common/roles.h"
#include "daemon/priv/file.h"
#include "daemon/supervisor/child.h"
#include "daemon/supervisor/child_log.h"
#include "daemon/supervisor/egress_socket.h"
#include "daemon/supervisor/epoll_key.h"
#include "daemon/supervisor/health.h"
#include "daemon/supervisor/iface.h"
#include "daemon/supervisor/kernel_attach.h"
#include "daemon/supervisor/kernel_path.h"
#include "daemon/supervisor/lifecycle.h"
#include "daemon/supervisor/membership.h"
#include "daemon/supervisor/probe.h"
#include "daemon/supervisor/request.h"
#include "daemon/supervisor/stand_in.h"
#include "daemon/supervisor/start.h"
#include "daemon/supervisor/state.h"
#include "daemon/supervisor/stats.h"
#include "daemon/supervisor/upgrade.h"
#include "daemon/supervisor/worker_channel.h"
#include "daemon/supervisor/worker_ready.h"

#define STATS_INTERVAL_NS (1 * NS_PER_S)

static void take_channel(struct supervisor *s, unsigned child, uint32_t events)
{
	if (child == CONTROL_INDEX)
		request_read(s);
	else if (events & EPOLLOUT && !(events & EPOLLIN))
		worker_channel_sync(s, child);
	else
		worker_ready_read(s, child);
}

static void take_event(struct supervisor *s, union epoll_key key, uint32_t events)
{
	switch ((enum epoll_source)key.source) {
	case SOURCE_CHANNEL:
		take_channel(s, key.child, events);
		return;
	case SOURCE_EXIT:
		child_exited(s, &s->child[key.child]);
		return;
	case SOURCE_LOG:
		child_log_read(s, &s->child[key.child]);
		return;
	case SOURCE_SIGNALS:
		lifecycle_signal(s);
		return;
	case SOURCE_CHECKER:
		upgrade_checked(s);
		return;
	}
}

/* Does what is due.  Return: milliseconds until something will be. */
static int run_timers(struct supervisor *s, uint64_t now_ns)
{
	const bool up = supervisor_is_up(s);
	const uint64_t due_ns[] = {s->stats_ns,
				   child_log_timers(s, now_ns),
				   up ? child_timers(s, now_ns) : s->phase_end_ns,
				   up ? health_check(s, now_ns) : NEVER_NS,
				   up ? upgrade_advance(s, now_ns) : NEVER_NS,
				   up ? stand_in_timers(s, now_ns) : NEVER_NS};

	return timeout_ms(due_ns, sizeof(due_ns) / sizeof(due_ns[0]), now_ns);
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
			take_event(s, (union epoll_key){.word = ev.data.u64}, ev.events);
		lifecycle_advance(s, monotonic_ns());
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
		child_log_close(c);
	}
	upgrade_abandon(s);
	iface_fini(s);
	kernel_path_drop_others(s);
	kernel_path_fini(s);
	egress_socket_fini(s);
	probe_fini(s);
	membership_fini(&s->memberships);
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
	if (options->detach)
		return kernel_path_remove_left(options);
	log_detach();
	s = start_new(options);
	if (!s)
		die(FAC_SUPERVISOR, "out of memory");
	s->exit_status = 1;
	if (start_run(s) == 0) {
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
