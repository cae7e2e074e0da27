// SPDX-License-Identifier: MIT
/*
 * test_child.c - how long a child that ended waits for its next start
 *
 * Time is a variable of the test; the processes are real and end at once.
 *
 * Links: daemon/supervisor/child.c daemon/supervisor/role.c daemon/common/ending.c
 * Links: daemon/supervisor/child_log.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/statpage.h"
#include "daemon/common/log.h"
#include "daemon/common/roles.h"
#include "daemon/supervisor/child.h"
#include "daemon/supervisor/control_channel.h"
#include "daemon/supervisor/rings.h"
#include "daemon/supervisor/role.h"
#include "daemon/supervisor/state.h"
#include "daemon/supervisor/worker_channel.h"

#define MINUTE_NS (60000 * NS_PER_MS)

static struct supervisor *sup;
static struct child *worker;
static uint64_t now_ns;

/* --- the rest of the supervisor --- */

uint64_t monotonic_ns(void)
{
	return now_ns;
}

static char logged[200];

void log_msg(enum log_severity sev, enum log_facility f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(logged, sizeof(logged), fmt, ap);
	va_end(ap);
}

void log_limited(struct log_limit *l, uint64_t at_ns, enum log_severity s, enum log_facility f,
		 const char *fmt, ...)
{
}

void log_forward(const char *line, size_t len)
{
}

void control_channel_begin(struct supervisor *s)
{
}

void control_channel_worker_state(struct supervisor *s, unsigned index)
{
}

void control_channel_spawn_done(struct supervisor *s, int status, uint64_t value)
{
}

void worker_channel_begin(struct supervisor *s, unsigned index)
{
}

int rings_prepare(struct supervisor *s, unsigned index)
{
	return 0;
}

int priv_kill(int pidfd, int sig, const struct priv_identity *id)
{
	return 0;
}

static int setup(void **state)
{
	sup = calloc(1, sizeof(*sup));
	sup->phase = PHASE_RUN;
	sup->epoll = -1;
	worker = &sup->child[0];
	child_init(worker, &role_worker, 0);
	worker->cpu = 0;
	now_ns = 1000 * MINUTE_NS;
	return 0;
}

static int teardown(void **state)
{
	for (unsigned i = 0; i < CHILDREN; i++) {
		if (sup->child[i].pid) {
			kill(sup->child[i].pid, SIGKILL);
			waitpid(sup->child[i].pid, NULL, 0);
		}
	}
	free(sup);
	return 0;
}

/* A process that was started @lived_ns ago exits now.  Return: milliseconds to the next start. */
static unsigned wait_after(uint64_t lived_ns)
{
	char expect[sizeof(logged)];
	unsigned wait_ms;
	siginfo_t info;

	assert_int_equal(sup->phase, PHASE_RUN);
	worker->pid = fork();
	if (worker->pid == 0)
		_exit(3);
	assert_true(worker->pid > 0);
	worker->started_ns = now_ns - lived_ns;
	assert_int_equal(waitid(P_PID, (id_t)worker->pid, &info, WEXITED | WNOWAIT), 0);
	child_exited(sup, worker);
	assert_int_equal(worker->pid, 0);
	assert_int_equal(worker->state, CHILD_PLANNED);
	assert_true(worker->due_ns >= now_ns);
	wait_ms = (unsigned)((worker->due_ns - now_ns) / NS_PER_MS);
	snprintf(expect, sizeof(expect), "worker 0 exited with status 3; restart in %u ms, CPU 0",
		 wait_ms);
	assert_string_equal(logged, expect);
	return wait_ms;
}

static void test_waits(void **state)
{
	static const unsigned expect_ms[] = {0, 100, 200, 400, 800, 1000, 1000};

	for (unsigned i = 0; i < sizeof(expect_ms) / sizeof(expect_ms[0]); i++) {
		assert_int_equal(wait_after(NS_PER_MS), expect_ms[i]);
		assert_int_equal(worker->restarts, i + 1);
		assert_int_equal(WEXITSTATUS(worker->last_status), 3);
		now_ns = worker->due_ns;
	}
}

/* In the first minute of failures no wait is longer than a second; then they grow. */
static void test_first_minute(void **state)
{
	const uint64_t began_ns = now_ns;
	unsigned wait_ms, last_ms = 1000;

	do {
		wait_ms = wait_after(NS_PER_MS);
		assert_in_range(wait_ms, 0, 1000);
		now_ns = worker->due_ns;
	} while (now_ns - began_ns < MINUTE_NS);
	for (unsigned i = 0; i < 8; i++) {
		wait_ms = wait_after(NS_PER_MS);
		assert_int_equal(wait_ms, i == 0                ? 1000
					  : last_ms * 2 > 30000 ? 30000
								: last_ms * 2);
		last_ms = wait_ms;
		now_ns = worker->due_ns;
	}
	assert_int_equal(last_ms, 30000);
}

static void serving(bool has_rules)
{
	worker->state = CHILD_READY;
	sup->worker[0].page->generation = has_rules ? 7 : 0;
}

/* Killed ten times, half a second apart; and again and again without a pause. */
static void test_served(void **state)
{
	unsigned at_once = 0;

	sup->worker[0].page = calloc(1, sizeof(struct worker_page));
	assert_non_null(sup->worker[0].page);
	for (unsigned i = 0; i < 10; i++, now_ns += 500 * NS_PER_MS) {
		serving(true);
		assert_int_equal(wait_after(450 * NS_PER_MS), 0);
	}
	for (;; at_once++) {
		serving(true);
		if (wait_after(NS_PER_MS))
			break;
	}
	assert_in_range(at_once, 10, 20);
	/* A second later one more is saved up. */
	now_ns += 2 * NS_PER_S;
	serving(true);
	assert_int_equal(wait_after(NS_PER_MS), 0);
	/* A worker that never had its rules has not served. */
	now_ns += MINUTE_NS;
	for (unsigned i = 0; i < 3; i++) {
		serving(false);
		assert_int_equal(wait_after(NS_PER_MS), i ? 100 << (i - 1) : 0);
	}
	free(sup->worker[0].page);
}

static void test_healthy_minute(void **state)
{
	static const struct {
		const char *name;
		uint64_t lived_ns;
		unsigned expect_ms;
	} rows[] = {
		{"first", 1, 0},
		{"second", 1, 100},
		{"almost a minute", MINUTE_NS - 1, 200},
		{"a minute", MINUTE_NS, 0},
		{"the one after", 1, 100},
		{"an hour", 60 * MINUTE_NS, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("  %s\n", rows[i].name);
		assert_int_equal(wait_after(rows[i].lived_ns), rows[i].expect_ms);
	}
}

/* No descriptor is left for its channel; the time without it is not one of health. */
static void test_start_that_fails(void **state)
{
	static const unsigned expect_ms[] = {100, 200, 400, 800};
	struct rlimit was, none;

	assert_int_equal(wait_after(60 * MINUTE_NS), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (unsigned i = 0; i < sizeof(expect_ms) / sizeof(expect_ms[0]); i++) {
		uint64_t next_ns = child_timers(sup, now_ns);

		assert_int_equal(worker->pid, 0);
		assert_int_equal((next_ns - now_ns) / NS_PER_MS, expect_ms[i]);
		now_ns = next_ns;
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(worker->restarts, 1);
}

/* A child that runs and never becomes ready is ended after ten seconds, for that reason. */
static void test_never_ready(void **state)
{
	siginfo_t info;

	worker->pid = fork();
	if (worker->pid == 0)
		for (;;)
			pause();
	assert_true(worker->pid > 0);
	worker->started_ns = now_ns;
	worker->state = CHILD_STARTING;
	worker->due_ns = now_ns + 10000 * NS_PER_MS;
	assert_true(child_timers(sup, now_ns + 10000 * NS_PER_MS - 1) == worker->due_ns);
	assert_int_equal(worker->ending, END_NONE);
	now_ns += 10000 * NS_PER_MS;
	assert_true(child_timers(sup, now_ns) == NEVER_NS);
	assert_int_equal(worker->ending, END_LATE);
	assert_int_equal(worker->state, CHILD_ENDING);
	assert_int_equal(kill(worker->pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)worker->pid, &info, WEXITED | WNOWAIT), 0);
	child_exited(sup, worker);
	assert_int_equal(worker->last_ending, END_LATE);
	assert_int_equal(worker->last_ms, 10000);
	assert_int_equal(worker->restarts, 1);
	assert_true(worker->due_ns == now_ns);
}

/* Its state at the kill counts: when it has exited, its page may be another's. */
static void test_killed_when_ready(void **state)
{
	static const struct {
		enum child_state state;
		bool at_once;
	} rows[] = {{CHILD_STARTING, false}, {CHILD_READY, true}};

	sup->worker[0].page = calloc(1, sizeof(struct worker_page));
	assert_non_null(sup->worker[0].page);
	wait_after(NS_PER_MS); /* so that a wait is planned for the next one */
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		worker->pid = fork();
		if (worker->pid == 0)
			for (;;)
				pause();
		assert_true(worker->pid > 0);
		worker->state = rows[i].state;
		worker->started_ns = now_ns;
		sup->worker[0].page->generation = 7;
		child_end(sup, worker, END_HANG, 400);
		assert_int_equal(worker->state, CHILD_ENDING);
		sup->worker[0].page->generation = 0;
		assert_int_equal(kill(worker->pid, SIGKILL), 0);
		assert_int_equal(
			waitid(P_PID, (id_t)worker->pid, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
		child_exited(sup, worker);
		assert_int_equal(worker->state, CHILD_PLANNED);
		assert_int_equal(worker->last_ending, END_HANG);
		assert_int_equal(worker->due_ns == now_ns, rows[i].at_once);
		if (!rows[i].at_once)
			assert_true(worker->out);
		child_ready(worker);
		assert_false(worker->out);
	}
	free(sup->worker[0].page);
}

/* A control that never becomes ready is ended after 30 s, a worker after ten. */
static void test_how_long_a_start_may_take(void **state)
{
	static const struct {
		const struct child_role *role;
		unsigned index, limit_s;
	} rows[] = {{&role_worker, 0, 10}, {&role_control, CONTROL_INDEX, 30}};
	struct options options = {0};

	sup->options = &options;
	sup->epoll = epoll_create1(EPOLL_CLOEXEC);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct child *c = &sup->child[rows[i].index];

		child_init(c, rows[i].role, rows[i].index);
		assert_int_equal(child_start(sup, c), 0);
		assert_int_equal(c->state, CHILD_STARTING);
		assert_true(c->due_ns == now_ns + rows[i].limit_s * NS_PER_S);
		now_ns += rows[i].limit_s * NS_PER_S - 1;
		child_timers(sup, now_ns);
		assert_int_equal(c->ending, END_NONE);
		now_ns++;
		child_timers(sup, now_ns);
		assert_int_equal(c->ending, END_LATE);
		assert_int_equal(c->ending_ms, rows[i].limit_s * 1000);
	}
	close(sup->epoll);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_minute, setup, teardown),
		cmocka_unit_test_setup_teardown(test_served, setup, teardown),
		cmocka_unit_test_setup_teardown(test_healthy_minute, setup, teardown),
		cmocka_unit_test_setup_teardown(test_start_that_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_never_ready, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed_when_ready, setup, teardown),
		cmocka_unit_test_setup_teardown(test_how_long_a_start_may_take, setup, teardown),
	};

	if (argc > 1) /* as a child: it is this program that child_start() runs */
		for (;;)
			pause();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
