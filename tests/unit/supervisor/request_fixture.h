/* SPDX-License-Identifier: MIT */
/*
 * request_fixture.h - a supervisor that is asked as control asks it
 *
 * Messages go through a real channel and ipc_recv(); privileged calls (priv_fake.h) and
 * the processes are replaced.  Include it after cmocka.h, in one file of a program.
 */
#ifndef TESTS_UNIT_SUPERVISOR_REQUEST_FIXTURE_H
#define TESTS_UNIT_SUPERVISOR_REQUEST_FIXTURE_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/statpage.h"
#include "daemon/common/log.h"
#include "daemon/supervisor/child.h"
#include "daemon/supervisor/control_channel.h"
#include "daemon/supervisor/egress_socket.h"
#include "daemon/supervisor/iface.h"
#include "daemon/supervisor/lifecycle.h"
#include "daemon/supervisor/membership.h"
#include "daemon/supervisor/request.h"
#include "daemon/supervisor/stand_in.h"
#include "daemon/supervisor/state.h"
#include "daemon/supervisor/upgrade.h"
#include "daemon/supervisor/worker_channel.h"
#include "daemon/supervisor/worker_memory.h"
#include "tests/unit/supervisor/priv_fake.h"

/* Calls of the replaced functions. */
static struct {
	int started, announced, killed;
} calls;

/* Replies to requests that request_read() read. */
static struct {
	unsigned n, seq, type;
	int status;
} replied;

void log_msg(enum log_severity s, enum log_facility f, const char *fmt, ...)
{
}

void log_limited(struct log_limit *l, uint64_t now_ns, enum log_severity s, enum log_facility f,
		 const char *fmt, ...)
{
}

static uint64_t fixture_now_ns;

uint64_t monotonic_ns(void)
{
	return fixture_now_ns;
}

void lifecycle_announce(struct supervisor *s)
{
	calls.announced++;
}

void child_end(struct supervisor *s, struct child *c, enum ipc_ending why, unsigned ms)
{
	c->ending = why;
	c->channel = -1;
	calls.killed++;
}

int upgrade_begin(struct supervisor *s)
{
	return -EBUSY;
}

int child_start(struct supervisor *s, struct child *c)
{
	calls.started++;
	return 0;
}

int worker_memory_make(struct supervisor *s, unsigned workers)
{
	return 0;
}

void control_channel_give_page(struct supervisor *s, unsigned worker)
{
}

void control_channel_reply(struct supervisor *s, uint32_t seq, unsigned type, int status,
			   uint64_t value)
{
	replied.n++;
	replied.seq = seq;
	replied.type = type;
	replied.status = status;
}

void child_hung_up(struct supervisor *s, struct child *c)
{
	fail_msg("control is there");
}

void child_watch(struct supervisor *s, struct child *c, bool readable, bool writable)
{
}

int stand_in_begin(struct supervisor *s, unsigned worker, unsigned by)
{
	return 0;
}

void worker_channel_await(struct supervisor *s)
{
}

bool worker_channel_sync(struct supervisor *s, unsigned worker)
{
	return true;
}

uint64_t worker_channel_sync_all(struct supervisor *s)
{
	return 2; /* worker 1 is busy */
}

static struct supervisor *sup;
static struct iface_page page;
static int channel[2];

static int setup(void **state)
{
	memset(&fake, 0, sizeof(fake));
	memset(&calls, 0, sizeof(calls));
	memset(&replied, 0, sizeof(replied));
	memset(&page, 0, sizeof(page));
	fixture_now_ns = NS_PER_S;
	sup = calloc(1, sizeof(*sup));
	sup->iface_page = &page;
	sup->snapshot_fd = sup->changes_fd = -1;
	supervisor_no_sockets(sup);
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, channel);
}

static int teardown(void **state)
{
	iface_fini(sup);
	egress_socket_fini(sup);
	membership_fini(&sup->memberships);
	if (sup->snapshot_fd >= 0)
		close(sup->snapshot_fd);
	if (sup->changes_fd >= 0)
		close(sup->changes_fd);
	free(sup);
	close(channel[0]);
	close(channel[1]);
	return 0;
}

static uint64_t reply_value;

/* Sends @m as control would; the status of the reply, or what ipc_recv() refused it with. */
static inline int ask(struct ipc_msg m, int fd)
{
	struct ipc_msg got;
	int got_fd, ret;

	assert_int_equal(ipc_send(channel[0], &m, fd), 0);
	ret = ipc_recv(channel[1], IPC_FROM_CONTROL, &got, &got_fd);
	if (ret != 1)
		return ret;
	ret = request_serve(sup, &got, &got_fd, &reply_value);
	if (got_fd >= 0)
		close(got_fd);
	return ret;
}

static inline struct ipc_msg iface_msg(enum ipc_request type, uint32_t slot, uint64_t mask)
{
	return (struct ipc_msg){
		.type = type,
		.iface = {.slot = slot, .ifindex = 5, .mtu = 1500, .worker_mask = mask}};
}

static inline void configure(unsigned workers)
{
	struct ipc_msg m = {.type = IPC_CONFIGURE, .configure = {.workers = workers}};

	assert_int_equal(ask(m, -1), 0);
}

static inline int memory(const void *head, size_t head_len, size_t size, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	if (head_len)
		assert_int_equal(pwrite(fd, head, head_len, 0), head_len);
	if (seals)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

#endif
