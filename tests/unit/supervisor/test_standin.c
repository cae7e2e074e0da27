// SPDX-License-Identifier: MIT
/*
 * test_standin.c - sockets of a worker that cannot run go to another, and back
 *
 * Links: daemon/supervisor/standin.c
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
#include "core/base/statpage.h"
#include "daemon/supervisor/standin.h"
#include "daemon/supervisor/state.h"
#include "daemon/supervisor/worker_channel.h"

static struct supervisor *sup;
static uint64_t now_ns;
static bool full;       /* the channel of the stand-in takes nothing */
static char said[256];  /* messages: worker, '+' or '-', owner and slot */
static unsigned synced; /* workers that were brought up to date by a timer or a request */

uint64_t monotonic_ns(void)
{
	return now_ns;
}

int worker_send_input(struct supervisor *s, unsigned worker, unsigned slot, unsigned owner,
		      int sock)
{
	const size_t at = strlen(said);

	if (full)
		return -EAGAIN;
	s->worker[worker].sent++;
	snprintf(said + at, sizeof(said) - at, "%u%c%u.%u ", worker, sock < 0 ? '-' : '+', owner,
		 slot);
	return 0;
}

bool worker_sync(struct supervisor *s, unsigned worker)
{
	synced |= 1u << worker;
	return stand_in_sync(s, worker) == 0;
}

static int setup(void **state)
{
	sup = calloc(1, sizeof(*sup));
	assert_non_null(sup);
	sup->workers = 3;
	now_ns = 1000 * NS_PER_S;
	full = false;
	said[0] = '\0';
	synced = 0;
	supervisor_no_sockets(sup);
	for (unsigned i = 0; i < sup->workers; i++) {
		sup->child[i].ready = i != 0;
		sup->child[i].channel = i ? 7 : -1;
		sup->worker[i].page = calloc(1, sizeof(struct worker_page));
		assert_non_null(sup->worker[i].page);
	}
	sup->child[0].out = true;
	for (unsigned slot = 0; slot < 2; slot++) {
		sup->input[slot].incarnation = 10 + slot;
		for (unsigned i = 0; i < sup->workers; i++)
			sup->input[slot].sock[i] = 5;
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

static const char *new_said(void)
{
	static char last[sizeof(said)];

	memcpy(last, said, sizeof(last));
	said[0] = '\0';
	return last;
}

static void handled(unsigned worker)
{
	sup->worker[worker].page->commands = sup->worker[worker].sent;
}

static void worker_0_ready(void)
{
	sup->child[0].ready = true;
	sup->child[0].channel = 7;
	sup->child[0].out = false;
	stand_in_return(sup, 0);
}

static void test_refused(void **state)
{
	assert_int_equal(stand_in_begin(sup, 3, 1), -ERANGE);
	assert_int_equal(stand_in_begin(sup, 0, 3), -ERANGE);
	assert_int_equal(stand_in_begin(sup, 1, 2), -EALREADY);
	sup->child[1].ready = false;
	assert_int_equal(stand_in_begin(sup, 0, 1), -EAGAIN);
	assert_string_equal(new_said(), "");
	assert_true(stand_in_timers(sup, now_ns) == UINT64_MAX);
}

static void test_there_and_back(void **state)
{
	assert_int_equal(stand_in_begin(sup, 0, 1), 0);
	assert_string_equal(new_said(), "1+0.0 1+0.1 ");
	assert_int_equal(stand_in_begin(sup, 0, 1), 0);
	assert_string_equal(new_said(), "");
	/* An input that changes, one that is closed. */
	sup->input[0].incarnation = 20;
	sup->input[1].incarnation = 0;
	sup->input[1].sock[0] = -1;
	worker_sync(sup, 1);
	assert_string_equal(new_said(), "1-0.0 1+0.0 1-0.1 ");
	assert_true(stand_in_timers(sup, now_ns) == UINT64_MAX);

	worker_0_ready();
	assert_string_equal(new_said(), "1-0.0 ");
	/* Not before the stand-in has handled it. */
	synced = 0;
	assert_true(stand_in_timers(sup, now_ns) > now_ns);
	assert_int_equal(sup->worker[0].stand_in, 2);
	assert_int_equal(synced, 0);
	handled(1);
	assert_true(stand_in_timers(sup, now_ns) == UINT64_MAX);
	assert_int_equal(sup->worker[0].stand_in, 0);
	assert_int_equal(synced, 1);
	assert_string_equal(new_said(), "");
}

/* Its channel is full, it dies, or it does not answer: the worker gets its sockets all the same. */
static void test_return_without_answer(void **state)
{
	assert_int_equal(stand_in_begin(sup, 0, 1), 0);
	handled(1);
	full = true;
	worker_0_ready();
	assert_true(stand_in_timers(sup, now_ns) > now_ns);
	assert_int_equal(sup->worker[0].stand_in, 2);
	now_ns += NS_PER_S;
	assert_true(stand_in_timers(sup, now_ns) == UINT64_MAX);
	assert_int_equal(sup->worker[0].stand_in, 0);

	full = false;
	sup->child[0].out = true;
	assert_int_equal(stand_in_begin(sup, 0, 1), 0);
	worker_0_ready();
	sup->child[1].ready = false;
	assert_true(stand_in_timers(sup, now_ns) == UINT64_MAX);
	assert_int_equal(sup->worker[0].stand_in, 0);
}

/* A new process of the stand-in is given everything again; another worker may take over. */
static void test_stand_in_dies(void **state)
{
	assert_int_equal(stand_in_begin(sup, 0, 1), 0);
	new_said();
	stand_in_forget(sup, 1);
	worker_sync(sup, 1);
	assert_string_equal(new_said(), "1+0.0 1+0.1 ");
	sup->child[1].ready = false;
	assert_int_equal(stand_in_begin(sup, 0, 2), 0);
	assert_string_equal(new_said(), "2+0.0 2+0.1 ");
	worker_sync(sup, 1);
	assert_string_equal(new_said(), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_there_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_return_without_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stand_in_dies, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
