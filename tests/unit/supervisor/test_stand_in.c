// SPDX-License-Identifier: MIT
/*
 * test_stand_in.c - sockets of a worker that cannot run go to another, and back
 *
 * Links: daemon/supervisor/stand_in.c daemon/supervisor/worker_channel.c core/base/statpage.c
 * Links: core/base/counters.c
 * Links: daemon/common/startup.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/ipc.h"
#include "core/base/statpage.h"
#include "daemon/common/log.h"
#include "daemon/common/roles.h"
#include "daemon/supervisor/child.h"
#include "daemon/supervisor/rings.h"
#include "daemon/supervisor/stand_in.h"
#include "daemon/supervisor/state.h"
#include "daemon/supervisor/worker_channel.h"

#define CHANNEL 100 /* and the worker's number */

static const struct options no_options;
static struct supervisor *sup;
static uint64_t now_ns;
static bool full;      /* no channel takes anything */
static char sent[256]; /* messages about inputs: worker, '+' or '-', owner and slot */

void log_msg(enum log_severity s, enum log_facility f, const char *fmt, ...)
{
}

uint64_t monotonic_ns(void)
{
	return now_ns;
}

int ipc_send(int sock, struct ipc_msg *m, int fd)
{
	const size_t at = strlen(sent);

	if (full)
		return -EAGAIN;
	if (m->type == IPC_INPUT || m->type == IPC_INPUT_CLOSE)
		snprintf(sent + at, sizeof(sent) - at, "%d%c%u.%u ", sock - CHANNEL,
			 m->type == IPC_INPUT ? '+' : '-', m->input.worker, m->input.slot);
	return 0;
}

int ipc_recv(int sock, enum ipc_peer from, struct ipc_msg *m, int *fd)
{
	return -EAGAIN;
}

int rings_describe(const struct worker_record *w)
{
	return -ECONNRESET;
}

void child_end(struct supervisor *s, struct child *c, enum ipc_ending why, unsigned ms)
{
	fail();
}

void child_watch(struct supervisor *s, struct child *c, bool readable, bool writable)
{
}

static int setup(void **state)
{
	sup = calloc(1, sizeof(*sup));
	assert_non_null(sup);
	sup->workers = 3;
	now_ns = 1000 * NS_PER_S;
	full = false;
	sent[0] = '\0';
	sup->options = &no_options;
	sup->snapshot_fd = -1;
	supervisor_no_sockets(sup);
	for (unsigned i = 0; i < sup->workers; i++) {
		sup->child[i].state = i ? CHILD_READY : CHILD_AWAY;
		sup->child[i].channel = i ? CHANNEL + (int)i : -1;
		sup->worker[i].page = calloc(1, sizeof(struct worker_page));
		assert_non_null(sup->worker[i].page);
	}
	sup->child[0].out = true;
	for (unsigned slot = 0; slot < 2; slot++) {
		sup->input[slot].incarnation = 10 + slot;
		sup->input[slot].sock[0] = 5;
	}
	return 0;
}

static int teardown(void **state)
{
	for (unsigned i = 0; i < sup->workers; i++)
		free(sup->worker[i].page);
	free(sup);
	return 0;
}

static const char *new_sent(void)
{
	static char last[sizeof(sent)];

	memcpy(last, sent, sizeof(last));
	sent[0] = '\0';
	return last;
}

static void handled(unsigned worker)
{
	sup->worker[worker].page->commands = sup->worker[worker].sent;
}

static void worker_0_ready(void)
{
	sup->child[0].state = CHILD_READY;
	sup->child[0].channel = CHANNEL;
	sup->child[0].out = false;
	stand_in_return(sup, 0);
}

static void test_refused(void **state)
{
	assert_int_equal(stand_in_begin(sup, 3, 1), -ERANGE);
	assert_int_equal(stand_in_begin(sup, 0, 3), -ERANGE);
	assert_int_equal(stand_in_begin(sup, 1, 2), -EALREADY);
	sup->child[1].state = CHILD_PLANNED;
	assert_int_equal(stand_in_begin(sup, 0, 1), -EAGAIN);
	assert_string_equal(new_sent(), "");
	assert_true(stand_in_timers(sup, now_ns) == UINT64_MAX);
}

static void test_begin_and_end(void **state)
{
	assert_int_equal(stand_in_begin(sup, 0, 1), 0);
	assert_string_equal(new_sent(), "1+0.0 1+0.1 ");
	assert_int_equal(stand_in_begin(sup, 0, 1), 0);
	assert_string_equal(new_sent(), "");
	/* An input that changes, one that is closed. */
	sup->input[0].incarnation = 20;
	sup->input[1].incarnation = 0;
	sup->input[1].sock[0] = -1;
	worker_channel_sync(sup, 1);
	assert_string_equal(new_sent(), "1-0.0 1+0.0 1-0.1 ");
	assert_true(stand_in_timers(sup, now_ns) == UINT64_MAX);

	worker_0_ready();
	assert_string_equal(new_sent(), "1-0.0 ");
	/* Not before the stand-in has handled it. */
	assert_true(stand_in_timers(sup, now_ns) > now_ns);
	assert_int_equal(sup->worker[0].lending, LENDING_RETURNING);
	worker_channel_sync(sup, 0);
	assert_string_equal(new_sent(), "");
	handled(1);
	assert_true(stand_in_timers(sup, now_ns) == UINT64_MAX);
	assert_int_equal(sup->worker[0].lending, LENDING_NONE);
	assert_string_equal(new_sent(), "0+0.0 ");
}

/* Its channel is full, it dies, or it does not answer: the worker gets its sockets all the same. */
static void test_return_without_answer(void **state)
{
	assert_int_equal(stand_in_begin(sup, 0, 1), 0);
	handled(1);
	full = true;
	worker_0_ready();
	assert_true(stand_in_timers(sup, now_ns) > now_ns);
	assert_int_equal(sup->worker[0].lending, LENDING_RETURNING);
	now_ns += NS_PER_S;
	assert_true(stand_in_timers(sup, now_ns) == UINT64_MAX);
	assert_int_equal(sup->worker[0].lending, LENDING_NONE);

	full = false;
	sup->child[0].out = true;
	assert_int_equal(stand_in_begin(sup, 0, 1), 0);
	worker_0_ready();
	sup->child[1].state = CHILD_PLANNED;
	assert_true(stand_in_timers(sup, now_ns) == UINT64_MAX);
	assert_int_equal(sup->worker[0].lending, LENDING_NONE);
}

/* A new process of the stand-in is given everything again; another worker may take over. */
static void test_stand_in_dies(void **state)
{
	assert_int_equal(stand_in_begin(sup, 0, 1), 0);
	new_sent();
	worker_channel_begin(sup, 1);
	worker_channel_sync(sup, 1);
	assert_string_equal(new_sent(), "1+0.0 1+0.1 ");
	sup->child[1].state = CHILD_PLANNED;
	assert_int_equal(stand_in_begin(sup, 0, 2), 0);
	assert_string_equal(new_sent(), "2+0.0 2+0.1 ");
	worker_channel_sync(sup, 1);
	assert_string_equal(new_sent(), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_begin_and_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_return_without_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stand_in_dies, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
