// SPDX-License-Identifier: MIT
/*
 * start.c - rights are used, given up, and control is started
 *
 * Work that needs a right that is not kept (reading the configuration, making the sockets'
 * files, raising limits) comes first, then the rights go, then the first child is
 * started.  The program that an upgrade put in the place of another one has all that
 * already and takes it over instead.
 */
#include "daemon/supervisor/start.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/limit_page.h"
#include "core/base/statpage.h"
#include "daemon/common/log.h"
#include "daemon/common/memfd.h"
#include "daemon/common/roles.h"
#include "daemon/common/version.h"
#include "daemon/priv/drop.h"
#include "daemon/priv/file.h"
#include "daemon/priv/seccomp.h"
#include "daemon/supervisor/check.h"
#include "daemon/supervisor/child.h"
#include "daemon/supervisor/descriptor_reserve.h"
#include "daemon/supervisor/epoll_key.h"
#include "daemon/supervisor/handover.h"
#include "daemon/supervisor/kernel_path.h"
#include "daemon/supervisor/notify.h"
#include "daemon/supervisor/rings.h"
#include "daemon/supervisor/role.h"
#include "daemon/supervisor/state.h"
#include "daemon/supervisor/upgrade.h"

struct supervisor *start_new(const struct options *options)
{
	struct supervisor *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->options = options;
	s->started_ns = monotonic_ns();
	s->epoll = s->signals = s->notify = s->control_listener = s->status_listener = -1;
	s->config_fd = s->applied = s->iface_page_fd = -1;
	s->snapshot_fd = s->changes_fd = -1;
	s->heartbeat_fd = s->limits_fd = -1;
	s->health_ns = s->started_ns;
	upgrade_init(s);
	child_init(&s->child[CONTROL_INDEX], &role_control, CONTROL_INDEX);
	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++) {
		child_init(&s->child[i], &role_worker, i);
		s->worker[i].page_fd = s->worker[i].arena_fd = -1;
		rings_init(&s->worker[i]);
	}
	supervisor_no_sockets(s);
	return s;
}

static int make_pages(struct supervisor *s)
{
	int ret;

	ret = s->iface_page_fd = memfd_zeroed("mcr-iface-page", sizeof(*s->iface_page));
	if (ret >= 0)
		ret = memfd_map_shared(s->iface_page_fd, sizeof(*s->iface_page), 0,
				       (void **)&s->iface_page);
	if (ret < 0)
		return ret;
	iface_page_init(s->iface_page);
	ret = s->heartbeat_fd = memfd_zeroed("mcr-heartbeat", sizeof(*s->heartbeat));
	if (ret >= 0)
		ret = memfd_map_shared(s->heartbeat_fd, sizeof(*s->heartbeat), 0,
				       (void **)&s->heartbeat);
	if (ret < 0)
		return ret;
	s->limits_fd = memfd_zeroed("mcr-limits", sizeof(struct limit_page));
	if (s->limits_fd < 0)
		return s->limits_fd;
	s->applied = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return s->applied < 0 ? -errno : 0;
}

static int make_event_sources(struct supervisor *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR2);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signals < 0)
		return -errno;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0)
		return -errno;
	if (epoll_watch(s->epoll, EPOLL_CTL_ADD, s->signals, EPOLLIN,
			epoll_key_of(SOURCE_SIGNALS)) < 0)
		return -errno;
	return 0;
}

static int find_rights(struct supervisor *s)
{
	int ret = priv_identity_find(&s->identity);
	if (ret < 0) {
		log_msg(SEV_CRITICAL, FAC_SECURITY,
			ret == -EINVAL ? "the user mcr is root: give it a number of its own"
				       : "there is no user to run the workers as: make a user mcr");
		return ret;
	}
	ret = priv_check_rights();
	if (ret < 0)
		log_msg(SEV_CRITICAL, FAC_SECURITY,
			"CAP_NET_RAW is missing: run as root, or grant it to the user (setcap "
			"cap_net_raw+ep on the program, AmbientCapabilities=CAP_NET_RAW of the "
			"service)");
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
	/* Two rings of a worker exist while one process follows another. */
	priv_raise_locked_memory(2 * MCR_MAX_WORKERS * ring_locked_bytes(RING_FULL));
	/* Children take the limit that this raises with them. */
	descriptor_reserve_set(SUPERVISOR_RESERVE(0));
	descriptor_budget();
	kernel_path_start(s);
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
	int ret = handover_restore(s, s->options->resume_fd);

	prctl(PR_SET_NAME, "mcrd", 0, 0, 0); /* the exec by descriptor leaves a number */
	if (ret == 0)
		ret = find_rights(s);
	if (ret == 0)
		ret = check_status_path(s);
	if (ret == 0)
		ret = kernel_path_resume(s);
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
	descriptor_reserve_set(SUPERVISOR_RESERVE(s->workers));
	upgrade_resumed(s);
	return 0;
}

static void log_user(const struct priv_identity *id)
{
	switch (id->user) {
	case PRIV_USER_OWN:
	case PRIV_USER_MCR:
		return;
	case PRIV_USER_UNLISTED:
		log_msg(SEV_NOTICE, FAC_SECURITY,
			"there is no user mcr: children are %s, a number that no account has",
			id->name);
		return;
	case PRIV_USER_NOBODY:
		log_msg(SEV_WARNING, FAC_SECURITY,
			"there is no user mcr: children are nobody, and other processes of nobody "
			"may end them; make a user mcr");
		return;
	case PRIV_USER_ONE_MAPPED:
		log_msg(SEV_WARNING, FAC_SECURITY,
			"only one user is mapped here: children keep it, everything else of "
			"their isolation applies");
		return;
	case PRIV_USER_NO_RIGHT:
		log_msg(SEV_WARNING, FAC_SECURITY,
			"CAP_SETUID or CAP_SETGID is missing: children stay root, everything else "
			"of their isolation applies; grant both, or start as another user with "
			"CAP_NET_RAW");
		return;
	}
}

/* A file that could be read at the start may be out of reach without the rights given up. */
static void check_reload(const char *path)
{
	int fd = path ? priv_open_to_read(path) : -1;

	if (fd >= 0)
		close(fd);
	else if (path)
		log_msg(SEV_WARNING, FAC_SUPERVISOR,
			"configuration %s was read, and SIGHUP cannot read it again: %s", path,
			strerror(-fd));
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
	log_user(&s->identity);
	check_reload(s->options->config_path);
	return check_io_uring();
}

int start_run(struct supervisor *s)
{
	bool first = s->options->resume_fd < 0;
	int ret = first ? prepare(s) : resume(s);

	s->supers_unreadable = !check_reads_supers();
	if (ret == 0)
		ret = seal(s);
	if (ret == 0 && first)
		ret = child_start(s, &s->child[CONTROL_INDEX]);
	return ret;
}
