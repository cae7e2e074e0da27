// SPDX-License-Identifier: MIT
/*
 * test_control.c - how much control may say: its budget, and how it fills again
 *
 * Links: daemon/supervisor/budget.c daemon/supervisor/control_channel.c core/base/ipc.c
 * Links: core/base/addr.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "daemon/common/log.h"
#include "daemon/common/memfd.h"
#include "daemon/supervisor/child.h"
#include "daemon/supervisor/control_channel.h"
#include "daemon/supervisor/egress_socket.h"
#include "daemon/supervisor/request.h"
#include "daemon/supervisor/state.h"

#define DAY_NS (24 * 3600 * NS_PER_S)
#define FULL   200000u
#define PER_S  20000u
/* The least number of nanoseconds that times PER_S does not fit into 64 bits. */
#define WRAPS_NS (UINT64_MAX / PER_S + 1)

static uint64_t now_ns;
static unsigned served;
static enum ipc_ending ended;

void log_msg(enum log_severity s, enum log_facility f, const char *fmt, ...)
{
}

void log_limited(struct log_limit *l, uint64_t at_ns, enum log_severity s, enum log_facility f,
		 const char *fmt, ...)
{
}

uint64_t monotonic_ns(void)
{
	return now_ns;
}

unsigned egress_socket_budget(void)
{
	return 0;
}

int request_serve(struct supervisor *s, const struct ipc_msg *m, int *fd, uint64_t *value)
{
	served++;
	*value = 0;
	return 0;
}

void child_end(struct supervisor *s, struct child *c, enum ipc_ending why, unsigned ms)
{
	ended = why;
	close(c->channel);
	c->channel = -1;
}

void child_hung_up(struct supervisor *s, struct child *c)
{
	fail_msg("control is there");
}

void child_watch(struct supervisor *s, struct child *c, bool readable, bool writable)
{
}

int memfd_reader(int fd)
{
	return -1;
}

int priv_netlink_socket(unsigned groups)
{
	return -1;
}

static const struct {
	const char *name;
	unsigned had;
	uint64_t silent_ns;
	enum ipc_ending ends;
	unsigned has; /* after one message */
} cases[] = {
	{"nothing left, no time", 0, 0, END_FLOOD, 0},
	{"nothing left, less than a message's time", 0, NS_PER_S / PER_S - 1, END_FLOOD, 0},
	{"nothing left, a message's time", 0, NS_PER_S / PER_S, END_NONE, 0},
	{"something left, no time", 5, 0, END_NONE, 4},
	{"a second", 0, NS_PER_S, END_NONE, PER_S - 1},
	{"until it is full", 0, 10 * NS_PER_S, END_NONE, FULL - 1},
	{"full, and more time", FULL, 10 * NS_PER_S, END_NONE, FULL - 1},
	{"almost full", FULL - 1, NS_PER_S, END_NONE, FULL - 1},
	{"a day", 0, DAY_NS, END_NONE, FULL - 1},
	{"just before the product wraps", 0, WRAPS_NS - 1, END_NONE, FULL - 1},
	{"the product wraps", 0, WRAPS_NS, END_NONE, FULL - 1},
	{"a year", 0, 365 * DAY_NS, END_NONE, FULL - 1},
};

static void test_budget(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct supervisor *s = calloc(1, sizeof(*s));
		struct ipc_msg m = {.type = IPC_REFRESH_STATS};
		int pair[2];

		print_message("%s\n", cases[i].name);
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
		s->child[CONTROL_INDEX].channel = pair[0];
		s->budget = cases[i].had;
		s->budget_ns = 1000;
		now_ns = 1000 + cases[i].silent_ns;
		served = 0;
		ended = END_NONE;
		assert_int_equal(ipc_send(pair[1], &m, -1), 0);
		control_readable(s);
		assert_int_equal(ended, cases[i].ends);
		assert_int_equal(served, cases[i].ends == END_NONE);
		if (cases[i].ends == END_NONE)
			assert_int_equal(s->budget, cases[i].has);
		if (s->child[CONTROL_INDEX].channel >= 0)
			close(s->child[CONTROL_INDEX].channel);
		close(pair[1]);
		free(s);
	}
}

/* A descriptor for which there is no room costs its request, not control. */
static void test_no_room_for_a_descriptor(void **state)
{
	struct ipc_msg m = {.type = IPC_SET_FILTER, .seq = 7}, got;
	struct supervisor *s = calloc(1, sizeof(*s));
	struct rlimit had, none;
	int pair[2], fd;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	s->child[CONTROL_INDEX].channel = pair[0];
	s->budget = 10;
	served = 0;
	ended = END_NONE;
	assert_int_equal(ipc_send(pair[1], &m, STDERR_FILENO), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
	none = (struct rlimit){0, had.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	control_readable(s);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
	assert_int_equal(ended, END_NONE);
	assert_int_equal(served, 0);
	assert_int_equal(ipc_recv(pair[1], IPC_TO_CONTROL, &got, &fd), 1);
	assert_int_equal(got.seq, 7);
	assert_int_equal(got.reply.request, IPC_SET_FILTER);
	assert_int_equal(got.reply.status, -EMFILE);
	/* The next one, with room again, is served. */
	assert_int_equal(ipc_send(pair[1], &m, STDERR_FILENO), 0);
	control_readable(s);
	assert_int_equal(served, 1);
	close(pair[0]);
	close(pair[1]);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_room_for_a_descriptor),
		cmocka_unit_test(test_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
