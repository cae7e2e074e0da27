// SPDX-License-Identifier: MIT
/*
 * supervisor.c - the privileged parent: start, event loop, shutdown
 *
 * Theory of operation.  Everything that matters to the kernel lives here: sockets,
 * memberships, listeners, the last snapshot, counters.  The supervisor parses
 * nothing that an operator or the network wrote.  It answers control's fixed-size
 * requests, passes descriptors on, and restarts what dies.
 *
 * Start: what needs a right that is not kept (reading the configuration, making
 * the sockets' files, raising limits) comes first, then the rights go, then the
 * first child is started.
 *
 * Loop: one epoll, one event at a time.  Taking one at a time is slower than a
 * batch and never serves an event of a child that the event before has ended.
 *
 * End: the workers are told to drain, then the counters are read, then control is
 * told to say its last words; each step has a deadline, a second signal skips it.
 */
#include "daemon/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/notify.h"
#include "daemon/version.h"

#define STATS_INTERVAL_NS 1000000000ull
#define DRAIN_NS          1000000000ull
#define FAREWELL_NS       500000000ull

uint64_t supervisor_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

void supervisor_fail(struct supervisor *s)
{
	s->exit_status = 1;
	s->phase = PHASE_END;
}

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
		(unsigned long long)((supervisor_now_ns() - s->started_ns) / 1000000), s->workers);
}

static struct supervisor *supervisor_new(const struct options *options)
{
	struct supervisor *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->options = options;
	s->started_ns = supervisor_now_ns();
	s->stats_ns = s->started_ns + STATS_INTERVAL_NS;
	s->epoll = s->signals = s->notify = s->control_listener = s->status_listener = -1;
	s->config_fd = s->applied = s->iface_page_fd = s->snapshot_fd = -1;
	s->heartbeat_fd = -1;
	s->health_ns = s->started_ns;
	upgrade_init(s);
	for (unsigned i = 0; i < CHILDREN; i++)
		child_init(&s->child[i], i);
	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++)
		s->worker[i].cpu = s->worker[i].page_fd = s->worker[i].arena_fd = -1;
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++) {
		s->input[i].ipv4_udp = s->input[i].foreign = -1;
		for (unsigned k = 0; k < MCR_MAX_WORKERS; k++)
			s->input[i].sock[k] = s->output[i].sock[k] = -1;
	}
	return s;
}

static int make_pages(struct supervisor *s)
{
	s->iface_page_fd = child_memfd("mcr-iface-page", sizeof(*s->iface_page));
	if (s->iface_page_fd < 0)
		return s->iface_page_fd;
	s->iface_page = mmap(NULL, sizeof(*s->iface_page), PROT_READ | PROT_WRITE, MAP_SHARED,
			     s->iface_page_fd, 0);
	if (s->iface_page == MAP_FAILED) {
		s->iface_page = NULL;
		return -errno;
	}
	iface_page_init(s->iface_page);
	s->heartbeat_fd = child_memfd("mcr-heartbeat", sizeof(*s->heartbeat));
	if (s->heartbeat_fd < 0)
		return s->heartbeat_fd;
	s->heartbeat = mmap(NULL, sizeof(*s->heartbeat), PROT_READ | PROT_WRITE, MAP_SHARED,
			    s->heartbeat_fd, 0);
	if (s->heartbeat == MAP_FAILED) {
		s->heartbeat = NULL;
		return -errno;
	}
	s->applied = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return s->applied < 0 ? -errno : 0;
}

static int make_event_sources(struct supervisor *s)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = EVENT_SIGNALS};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR2);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->signals < 0 || s->epoll < 0 ||
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->signals, &ev) < 0)
		return -errno;
	return 0;
}

/* 5,000 memberships are 500 sockets, 64 workers on 100 interfaces 12,800. */
static void raise_descriptor_limit(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
}

static int find_rights(struct supervisor *s)
{
	int ret = priv_identity_find(&s->identity);
	if (ret < 0) {
		log_msg(SEV_CRITICAL, FAC_SECURITY,
			"there is neither a user mcr nor a user nobody to run the workers as");
		return ret;
	}
	ret = priv_check_rights(&s->identity);
	if (ret < 0) {
		log_msg(SEV_CRITICAL, FAC_SECURITY,
			"CAP_NET_RAW is missing: run as root, or grant "
			"cap_net_raw,cap_setuid,cap_setgid");
	}
	return ret;
}

static int prepare(struct supervisor *s)
{
	const struct options *o = s->options;
	int ret = check_kernel();

	if (ret < 0)
		return ret;
	ret = find_rights(s);
	if (ret < 0)
		return ret;
	if (o->config_path) {
		ret = s->config_fd = check_open_config(o->config_path);
		if (ret < 0)
			return ret;
	}
	s->notify = notify_open();
	if (s->notify < -1)
		log_msg(SEV_WARNING, FAC_SUPERVISOR, "NOTIFY_SOCKET: %s", strerror(-s->notify));
	ret = check_open_listeners(s);
	if (ret < 0)
		return ret;
	check_interfaces(o);
	raise_descriptor_limit();
	ret = make_event_sources(s);
	if (ret == 0)
		ret = make_pages(s);
	if (ret < 0)
		log_msg(SEV_CRITICAL, FAC_SUPERVISOR, "start: %s", strerror(-ret));
	return ret;
}

/* The other way to start: as the new program of a process that has everything already. */
static int resume(struct supervisor *s)
{
	int ret = state_restore(s, s->options->resume_fd);

	prctl(PR_SET_NAME, "mcrd", 0, 0, 0); /* the exec by descriptor leaves a number */
	if (ret == 0)
		ret = find_rights(s);
	if (ret == 0)
		ret = check_status_path(s);
	if (ret == 0)
		ret = make_event_sources(s);
	for (unsigned i = 0; i < CHILDREN && ret == 0; i++) {
		struct child *c = &s->child[i];

		ret = child_resume(s, c);
		if (ret == 0 && i < s->workers && s->worker[i].behind)
			child_watch(s, c, true, true);
	}
	if (ret < 0) {
		log_msg(SEV_CRITICAL, FAC_SUPERVISOR, "upgrade: the state cannot be taken over: %s",
			strerror(-ret));
		return ret;
	}
	raise_descriptor_limit();
	upgrade_resumed(s);
	return 0;
}

static int seal(struct supervisor *s)
{
	int ret = priv_seal_supervisor(&s->have_net_admin);

	/* Filters outlive an exec and pile up. */
	if (ret == 0 && s->filters_rev != PRIV_FILTERS_REVISION)
		ret = priv_seal_syscalls_supervisor();
	s->filters_rev = PRIV_FILTERS_REVISION;
	if (ret < 0) {
		log_msg(SEV_CRITICAL, FAC_SECURITY, "rights cannot be given up: %s",
			strerror(-ret));
		return ret;
	}
	log_msg(SEV_NOTICE, FAC_SUPERVISOR, "mcrd %s, children run as %s%s", mcr_version,
		s->identity.name,
		s->have_net_admin ? ""
				  : "; without CAP_NET_ADMIN GRO settings and buffer limits stay "
				    "as they are");
	if (s->identity.one_user)
		log_msg(SEV_WARNING, FAC_SECURITY,
			"only one user is mapped here: children keep it, everything else of "
			"their isolation applies");
	return check_io_uring();
}

static void enter_phase(struct supervisor *s, enum phase phase, uint64_t length_ns)
{
	s->phase = phase;
	s->phase_end_ns = supervisor_now_ns() + length_ns;
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
		s->phase_end_ns = supervisor_now_ns();
		return;
	}
	log_msg(SEV_NOTICE, FAC_SUPERVISOR, "SIG%s: shutting down", signal_name);
	upgrade_abandon(s);
	notify_send(s->notify, "STOPPING=1");
	enter_phase(s, PHASE_DRAIN, DRAIN_NS);
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
		worker_sync(s, (unsigned)source);
	else
		worker_readable(s, (unsigned)source);
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
		stats_refresh(s);
		enter_phase(s, PHASE_FAREWELL, FAREWELL_NS);
		tell(s, &s->child[CONTROL_INDEX]);
	}
	if (s->phase == PHASE_FAREWELL &&
	    (!s->child[CONTROL_INDEX].pid || now_ns >= s->phase_end_ns))
		s->phase = PHASE_END;
}

/* Milliseconds until something is due, rounded up so that it then is. */
static int next_timeout(struct supervisor *s, uint64_t now_ns)
{
	uint64_t next_ns = s->phase_end_ns;

	if (s->phase == PHASE_RUN) {
		uint64_t due_ns[] = {child_timers(s, now_ns), health_check(s, now_ns),
				     upgrade_advance(s, now_ns)};

		next_ns = due_ns[0];
		for (size_t i = 1; i < sizeof(due_ns) / sizeof(due_ns[0]); i++)
			if (due_ns[i] < next_ns)
				next_ns = due_ns[i];
	}
	if (s->stats_ns < next_ns)
		next_ns = s->stats_ns;
	return next_ns <= now_ns ? 0 : (int)((next_ns - now_ns + 999999) / 1000000);
}

static void run(struct supervisor *s)
{
	while (s->phase != PHASE_END) {
		uint64_t now_ns = supervisor_now_ns();
		struct epoll_event ev;
		int n;

		if (now_ns >= s->stats_ns) {
			stats_refresh(s);
			s->stats_ns = now_ns + STATS_INTERVAL_NS;
		}
		n = epoll_wait(s->epoll, &ev, 1, next_timeout(s, now_ns));
		if (n > 0)
			take_event(s, ev.data.u64, ev.events);
		advance_phase(s, supervisor_now_ns());
	}
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
	join_fini(&s->joins);
	if (s->control_listener >= 0)
		unlink(s->options->control_path);
	if (s->status_listener >= 0)
		unlink(s->status_path);
}

int supervisor_main(const struct options *options)
{
	struct supervisor *s;
	int status;

	log_init("supervisor", options->json_log);
	s = supervisor_new(options);
	if (!s)
		die(FAC_SUPERVISOR, "out of memory");
	s->exit_status = 1;
	if (options->resume_fd >= 0 ? resume(s) == 0 && seal(s) == 0
				    : prepare(s) == 0 && seal(s) == 0 &&
					      child_start(s, &s->child[CONTROL_INDEX]) == 0) {
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
