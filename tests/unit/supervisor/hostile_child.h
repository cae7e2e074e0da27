/* SPDX-License-Identifier: MIT */
/*
 * hostile_child.h - a test program that plays control or a worker, well or badly
 *
 * The supervisor under test starts /proc/self/exe for a child, which is the test itself:
 * its main() comes here when there is a role.  The first process of the role that
 * HOSTILE_ROLE names does what HOSTILE_ACT says once it is ready; every other process
 * plays its part as the protocol wants it.  A line on standard error, which the test
 * reads together with the log, tells how far it is.
 */
#ifndef TESTS_HOSTILE_CHILD_H
#define TESTS_HOSTILE_CHILD_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/ipc.h"
#include "core/base/statpage.h"
#include "daemon/common/roles.h"

#define FAR_AHEAD_NS 60000000000ull

enum act {
	ACT_NONE,
	ACT_SHORT,
	ACT_LONG,
	ACT_NO_MAGIC,
	ACT_UNKNOWN_TYPE,
	ACT_FOREIGN_TYPE,
	ACT_BAD_INDEX,
	ACT_TWO_FDS,
	ACT_MANY_FDS,
	ACT_FD_UNASKED,
	ACT_FLOOD_DEAF,
	ACT_FLOOD,
	ACT_CLOSE,
	ACT_EXIT,
	ACT_SIGNAL,
	ACT_READY_TWICE,
	ACT_HANG,
	ACT_HANG_BEATEN,
	ACT_SPIN,
	ACT_PAGE_MAGIC,
	ACT_PAGE_SIZE,
	ACT_PAGE_STATE,
	ACT_PAGE_FUTURE,
	ACT_PAGE_NOISE,
};

static struct worker_page *child_page;
static struct heartbeat_page *child_beat;

static void child_alive(void)
{
	struct timespec ts;
	uint64_t now_ns;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now_ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	if (child_page)
		__atomic_store_n(&child_page->heartbeat_ns, now_ns, __ATOMIC_RELAXED);
	if (child_beat)
		__atomic_store_n(&child_beat->heartbeat_ns, now_ns, __ATOMIC_RELAXED);
}

static void child_send_raw(const void *bytes, size_t len, unsigned n_fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(200 * sizeof(int))];
	} ctl = {0};
	struct iovec iov = {(void *)(uintptr_t)bytes, len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	int fds[200];

	for (unsigned i = 0; i < n_fds; i++)
		fds[i] = STDERR_FILENO;
	if (n_fds) {
		mh.msg_control = ctl.bytes;
		mh.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		CMSG_FIRSTHDR(&mh)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&mh)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&mh)->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&mh)), fds, n_fds * sizeof(int));
	}
	sendmsg(CHILD_CHANNEL_FD, &mh, MSG_NOSIGNAL);
}

/* The next message, alive all the while; exits when the channel is closed. */
static struct ipc_msg child_next(enum ipc_peer from, int *fd)
{
	struct pollfd channel = {.fd = CHILD_CHANNEL_FD, .events = POLLIN};
	struct ipc_msg m;
	int ret;

	for (;;) {
		child_alive();
		ret = ipc_recv(CHILD_CHANNEL_FD, from, &m, fd);
		if (ret == 1)
			return m;
		if (ret != -EAGAIN)
			_exit(ret == 0 ? 0 : 70);
		poll(&channel, 1, 50);
	}
}

static void child_start(enum ipc_peer peer)
{
	struct ipc_msg m;
	void **place;
	int fd;

	do {
		m = child_next(peer, &fd);
		place = m.type != IPC_PASS_FD                  ? NULL
			: m.pass_fd.what == PASSED_HEARTBEAT   ? (void **)&child_beat
			: peer == IPC_TO_NEW_CONTROL           ? NULL
			: m.pass_fd.what == PASSED_WORKER_PAGE ? (void **)&child_page
							       : NULL;
		if (place)
			*place = mmap(NULL,
				      peer == IPC_TO_NEW_CONTROL ? sizeof(struct heartbeat_page)
								 : sizeof(struct worker_page),
				      PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (fd >= 0)
			close(fd);
	} while (m.type != IPC_START);
}

static void child_flood(bool read_replies)
{
	struct ipc_msg m = {.type = IPC_REFRESH_STATS}, reply;
	int fd, ret;

	for (;;) {
		ret = ipc_send(CHILD_CHANNEL_FD, &m, -1);
		while (read_replies && ipc_recv(CHILD_CHANNEL_FD, IPC_TO_CONTROL, &reply, &fd) == 1)
			if (fd >= 0)
				close(fd);
		if (ret < 0 && ret != -EAGAIN)
			_exit(0);
		child_alive();
	}
}

static void child_damage_page(enum act act)
{
	struct worker_page *p = child_page;

	if (!p) /* control, of whose page only the time is looked at */
		child_beat->heartbeat_ns += FAR_AHEAD_NS;
	else if (act == ACT_PAGE_MAGIC)
		p->magic ^= 1;
	else if (act == ACT_PAGE_SIZE)
		p->size_bytes++;
	else if (act == ACT_PAGE_STATE)
		p->state = WORKER_STATES;
	else if (act == ACT_PAGE_FUTURE)
		p->heartbeat_ns += FAR_AHEAD_NS;
	else
		for (size_t i = 0; i < sizeof(*p) / 64; i++)
			((uint64_t *)p)[i] = 0x5555555555555555ull * i;
	for (;;)
		pause();
}

static void child_act(enum act act)
{
	struct ipc_msg m = {.magic = IPC_MAGIC, .type = child_page ? IPC_WORKER_READY : IPC_READY};
	char longer[sizeof(m) + 1] = {0};

	memcpy(longer, &m, sizeof(m));
	switch (act) {
	case ACT_NONE:
		return;
	case ACT_SHORT:
		child_send_raw(&m, sizeof(m) - 1, 0);
		break;
	case ACT_LONG:
		child_send_raw(longer, sizeof(longer), 0);
		break;
	case ACT_NO_MAGIC:
		m.magic = 0;
		child_send_raw(&m, sizeof(m), 0);
		break;
	case ACT_UNKNOWN_TYPE:
		m.type = 0;
		child_send_raw(&m, sizeof(m), 0);
		break;
	case ACT_FOREIGN_TYPE:
		m.type = IPC_SNAPSHOT;
		child_send_raw(&m, sizeof(m), 0);
		break;
	case ACT_BAD_INDEX:
		m.type = IPC_CLOSE_INPUT;
		m.iface.slot = MCR_MAX_IFACES;
		child_send_raw(&m, sizeof(m), 0);
		break;
	case ACT_TWO_FDS:
		m.has_fd = 1;
		child_send_raw(&m, sizeof(m), 2);
		break;
	case ACT_MANY_FDS:
		m.has_fd = 1;
		child_send_raw(&m, sizeof(m), 200);
		break;
	case ACT_FD_UNASKED:
		m.has_fd = 1;
		child_send_raw(&m, sizeof(m), 1);
		break;
	case ACT_FLOOD_DEAF:
	case ACT_FLOOD:
		child_flood(act == ACT_FLOOD);
		break;
	case ACT_CLOSE:
		close(CHILD_CHANNEL_FD);
		break;
	case ACT_EXIT:
		_exit(3);
	case ACT_SIGNAL:
		prctl(PR_SET_DUMPABLE, 0); /* no core file in whatever directory this is */
		signal(SIGSEGV, SIG_DFL);  /* a sanitizer has it otherwise */
		raise(SIGSEGV);
		break;
	case ACT_READY_TWICE:
		child_send_raw(&m, sizeof(m), 0);
		break;
	case ACT_HANG:
		break;
	case ACT_HANG_BEATEN: /* the last heartbeat may be one that has not come yet */
		child_alive();
		break;
	case ACT_SPIN:
		child_alive();
		for (;;)
			__asm__ volatile("");
	case ACT_PAGE_MAGIC:
	case ACT_PAGE_SIZE:
	case ACT_PAGE_STATE:
	case ACT_PAGE_FUTURE:
	case ACT_PAGE_NOISE:
		child_damage_page(act);
		break;
	}
	for (;;)
		pause();
}

static void child_ask(enum ipc_request type)
{
	struct ipc_msg m = {.type = (uint16_t)type}, reply;
	int fd = -1;

	if (type == IPC_CONFIGURE)
		m.configure.workers = 2;
	if (type == IPC_PUBLISH) {
		m.publish = (struct ipc_publish){1, 4096};
		fd = memfd_create("rules", MFD_ALLOW_SEALING);
		if (ftruncate(fd, 4096) < 0 ||
		    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) < 0)
			_exit(73);
	}
	if (ipc_send(CHILD_CHANNEL_FD, &m, fd) < 0)
		_exit(71);
	if (fd >= 0)
		close(fd);
	do
		reply = child_next(IPC_TO_CONTROL, &fd);
	while (reply.type != IPC_REPLY);
	if (reply.reply.status || reply.reply.request != type)
		_exit(72);
}

/* Served to the end: says so when a request is answered after a child was restarted. */
static void play_control(enum act act, bool first)
{
	struct ipc_msg m;
	int fd;

	child_start(IPC_TO_NEW_CONTROL);
	child_ask(IPC_CONFIGURE);
	child_ask(IPC_SPAWN);
	child_ask(IPC_READY);
	child_ask(IPC_PUBLISH); /* workers begin to misbehave when they have it */
	child_act(act);
	if (!first) {
		child_ask(IPC_REFRESH_STATS);
		dprintf(STDERR_FILENO, "test: control is served again\n");
	}
	for (;;) {
		m = child_next(IPC_TO_CONTROL, &fd);
		if (fd >= 0)
			close(fd);
		if (m.type == IPC_SHUTDOWN)
			_exit(0);
		if (m.type != IPC_WORKER_STATE || !m.worker.restarts)
			continue;
		dprintf(STDERR_FILENO, "test: worker %u running %u restarts %u ending %u hung %u\n",
			m.worker.worker, m.worker.running, m.worker.restarts, m.worker.ending,
			m.worker.health_check_failures);
		if (!m.worker.running)
			continue;
		child_ask(IPC_REFRESH_STATS);
		dprintf(STDERR_FILENO, "test: control is served all along\n");
	}
}

static void play_worker(enum act act)
{
	struct ipc_msg ready = {.type = IPC_WORKER_READY}, m;
	int fd;

	child_start(IPC_TO_NEW_WORKER);
	child_alive();
	if (ipc_send(CHILD_CHANNEL_FD, &ready, -1) < 0)
		_exit(71);
	do {
		m = child_next(IPC_TO_WORKER, &fd);
		if (fd >= 0)
			close(fd);
		if (m.type == IPC_SNAPSHOT)
			child_act(act);
	} while (m.type != IPC_DRAIN);
	_exit(0);
}

static int play(int argc, char **argv)
{
	const char *role = getenv("HOSTILE_ROLE"), *dir = getenv("HOSTILE_DIR");
	bool control = !strcmp(argv[1], ROLE_CONTROL), first;
	char name[32], path[256];
	enum act act;
	int fd;

	snprintf(name, sizeof(name), control ? "control" : "worker%s", argv[2]);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	first = fd >= 0;
	dprintf(STDERR_FILENO, "test: %s starts\n", name);
	act = first && !strcmp(role, name) ? (enum act)atoi(getenv("HOSTILE_ACT")) : ACT_NONE;
	if (control)
		play_control(act, first);
	play_worker(act);
	return 0;
}

#endif
