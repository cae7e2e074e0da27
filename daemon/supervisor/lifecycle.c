// SPDX-License-Identifier: MIT
/*
 * lifecycle.c - signals, and the phases of the end
 *
 * End: the workers are told to drain, then the counters are read, then control is
 * told to log its final statistics.  Each step has a deadline; a second signal skips it.
 */
#include "daemon/supervisor/lifecycle.h"

#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/ipc.h"
#include "core/base/statpage.h"
#include "daemon/common/log.h"
#include "daemon/common/roles.h"
#include "daemon/supervisor/check.h"
#include "daemon/supervisor/child.h"
#include "daemon/supervisor/control_channel.h"
#include "daemon/supervisor/iface.h"
#include "daemon/supervisor/notify.h"
#include "daemon/supervisor/state.h"
#include "daemon/supervisor/upgrade.h"

#define WORKERS_DRAIN_NS (1 * NS_PER_S)
#define FAREWELL_NS      (500 * NS_PER_MS)

/* A control that dies takes the message with it; rules come from the snapshot then. */
static void repeat_reload(struct supervisor *s)
{
	struct ipc_msg msg = {.type = IPC_RELOAD};

	if (!s->reload_due ||
	    __atomic_load_n(&s->heartbeat->reloads, __ATOMIC_RELAXED) != s->reload_mark)
		return;
	lseek(s->config_fd, 0, SEEK_SET);
	control_channel_send(s, &msg, s->config_fd);
}

void lifecycle_announce(struct supervisor *s)
{
	child_ready(&s->child[CONTROL_INDEX]);
	if (!supervisor_is_up(s))
		return;
	if (s->phase == PHASE_RUN) {
		log_msg(SEV_NOTICE, FAC_SUPERVISOR, "control runs again, pid %d",
			(int)s->child[CONTROL_INDEX].pid);
		repeat_reload(s);
		return;
	}
	s->phase = PHASE_RUN;
	notify_send(s->notify, "READY=1");
	log_msg(SEV_NOTICE, FAC_SUPERVISOR, "ready after %llu ms, %u workers",
		(unsigned long long)((monotonic_ns() - s->started_ns) / NS_PER_MS), s->workers);
}

static void enter_phase(struct supervisor *s, enum phase phase, uint64_t length_ns)
{
	s->phase = phase;
	s->phase_end_ns = monotonic_ns() + length_ns;
}

static void ask_to_end(struct supervisor *s, struct child *c)
{
	const bool control = c->index == CONTROL_INDEX;
	struct ipc_msg msg = {.type = control ? (uint16_t)IPC_SHUTDOWN : (uint16_t)IPC_DRAIN};

	if (c->channel >= 0 && ipc_send(c->channel, &msg, -1) < 0)
		child_kill(s, c); /* the deadline is for those that read it */
}

static void shut_down(struct supervisor *s, const char *signal_name)
{
	if (!supervisor_is_up(s)) {
		s->phase_end_ns = monotonic_ns();
		return;
	}
	log_msg(SEV_NOTICE, FAC_SUPERVISOR, "SIG%s: shutting down", signal_name);
	upgrade_abandon(s);
	notify_send(s->notify, "STOPPING=1");
	enter_phase(s, PHASE_DRAIN, WORKERS_DRAIN_NS);
	for (unsigned i = 0; i < s->workers; i++)
		ask_to_end(s, &s->child[i]);
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
	control_channel_send(s, &msg, fd);
}

static void upgrade_by_signal(struct supervisor *s)
{
	if (upgrade_begin(s) < 0)
		log_msg(SEV_WARNING, FAC_SUPERVISOR,
			"SIGUSR2: not now: starting, stopping, or an upgrade is under way");
}

void lifecycle_signal(struct supervisor *s)
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

static bool workers_have_ended(const struct supervisor *s)
{
	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++)
		if (s->child[i].pid)
			return false;
	return true;
}

void lifecycle_advance(struct supervisor *s, uint64_t now_ns)
{
	if (s->phase == PHASE_DRAIN && (workers_have_ended(s) || now_ns >= s->phase_end_ns)) {
		for (unsigned i = 0; i < MCR_MAX_WORKERS; i++)
			child_kill(s, &s->child[i]);
		for (unsigned i = 0; i < MCR_MAX_IFACES; i++)
			if (s->input[i].incarnation)
				iface_end_input(s, i);
		enter_phase(s, PHASE_FAREWELL, FAREWELL_NS);
		ask_to_end(s, &s->child[CONTROL_INDEX]);
	}
	if (s->phase == PHASE_FAREWELL &&
	    (!s->child[CONTROL_INDEX].pid || now_ns >= s->phase_end_ns))
		s->phase = PHASE_END;
}
