// SPDX-License-Identifier: MIT
/*
 * test_health.c - who is taken for hung, and who is not
 *
 * Time and the CPU time of the children are variables of the test.  A child that wants the CPU is
 * this process, which always does; one that does not is a process that is stopped.
 *
 * Links: daemon/supervisor/health.c core/base/statpage.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/statpage.h"
#include "daemon/common/log.h"
#include "daemon/supervisor/child.h"
#include "daemon/supervisor/health.h"
#include "daemon/supervisor/state.h"

#define MS NS_PER_MS

static struct supervisor *sup;
static struct child *worker, *control;
static uint64_t now_ns, cpu_ns;
static pid_t stopped;

/* --- what it asks of others --- */

int clock_getcpuclockid(pid_t pid, clockid_t *clock)
{
	*clock = CLOCK_PROCESS_CPUTIME_ID;
	return 0;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	*ts = (struct timespec){.tv_sec = (time_t)(cpu_ns / NS_PER_S),
				.tv_nsec = (long)(cpu_ns % NS_PER_S)};
	return 0;
}

void child_end(struct supervisor *s, struct child *c, enum ipc_ending why, unsigned ms)
{
	if (c->ending == END_NONE) {
		c->ending = why;
		c->ending_ms = ms;
	}
}

void log_limited(struct log_limit *l, uint64_t at_ns, enum log_severity s, enum log_facility f,
		 const char *fmt, ...)
{
}

/* As child_start() opens it. */
static int stat_of(pid_t pid)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void is_process(struct child *c, pid_t pid)
{
	close(c->stat_fd);
	c->pid = pid;
	c->stat_fd = stat_of(pid);
}

static void begin(struct child *c, unsigned index)
{
	*c = (struct child){.index = index, .pid = getpid(), .state = CHILD_READY, .channel = 3};
	c->stat_fd = stat_of(getpid());
}

static int setup(void **state)
{
	stopped = fork();
	if (stopped == 0)
		for (;;)
			pause();
	kill(stopped, SIGSTOP);
	assert_int_equal(waitpid(stopped, NULL, WUNTRACED), stopped);
	sup = calloc(1, sizeof(*sup));
	sup->workers = 1;
	sup->worker[0].page = calloc(1, sizeof(*sup->worker[0].page));
	sup->heartbeat = calloc(1, sizeof(*sup->heartbeat));
	worker_page_init(sup->worker[0].page);
	worker = &sup->child[0];
	control = &sup->child[CONTROL_INDEX];
	begin(worker, 0);
	begin(control, CONTROL_INDEX);
	now_ns = 1000 * NS_PER_S;
	cpu_ns = NS_PER_S;
	sup->health_ns = now_ns;
	return 0;
}

static int teardown(void **state)
{
	kill(stopped, SIGKILL);
	waitpid(stopped, NULL, 0);
	close(worker->stat_fd);
	close(control->stat_fd);
	free(sup->worker[0].page);
	free(sup->heartbeat);
	free(sup);
	return 0;
}

static void worker_beats(void)
{
	sup->worker[0].page->heartbeat_ns = now_ns;
}

static void control_beats(void)
{
	sup->heartbeat->heartbeat_ns = now_ns;
}

/* So much time passes, of which the children use so much CPU; the supervisor looks when it wants.
 */
static void pass(uint64_t time_ns, uint64_t used_ns)
{
	const uint64_t end_ns = now_ns + time_ns, from_ns = cpu_ns, began_ns = now_ns;

	while (sup->health_ns <= end_ns) {
		now_ns = sup->health_ns;
		cpu_ns = from_ns + used_ns * (now_ns - began_ns) / time_ns;
		health_check(sup, now_ns);
	}
	now_ns = end_ns;
	cpu_ns = from_ns + used_ns;
}

static void test_worker_that_hangs(void **state)
{
	is_process(worker, stopped);
	control_beats();
	worker_beats();
	pass(400 * MS, 0);
	assert_int_equal(worker->ending, END_NONE);
	control_beats();
	pass(2 * MS, 0);
	assert_int_equal(worker->ending, END_HANG);
	assert_int_equal(worker->ending_ms, 400);
	assert_int_equal(control->ending, END_NONE);
}

/* It runs without a heartbeat, and uses all the CPU: a loop without end. */
static void test_worker_that_loops(void **state)
{
	worker_beats();
	pass(410 * MS, 410 * MS);
	assert_int_equal(worker->ending, END_HANG);
}

/* Hardly any CPU: starved, however long, until it has used as much as a hang may last. */
static void test_worker_that_starves(void **state)
{
	worker_beats();
	pass(3900 * MS, 390 * MS);
	assert_int_equal(worker->ending, END_NONE);
	pass(1000 * MS, 100 * MS);
	assert_int_equal(worker->ending, END_HANG);
}

/*
 * Waits in the kernel and cannot be interrupted, as while a packet socket is closed: here for its
 * vfork(2).  It is accepted for ten seconds.
 */
static void test_worker_that_the_kernel_holds(void **state)
{
	int end[2];
	pid_t pid;

	assert_int_equal(pipe(end), 0);
	pid = fork();
	if (pid == 0) {
		close(end[1]);
		if (vfork() == 0) {
			char byte;
			ssize_t n = read(end[0], &byte, 1);

			_exit(n != 0);
		}
		_exit(0);
	}
	close(end[0]);
	is_process(worker, pid);
	for (char text[200] = "", *name_end = NULL; !name_end || name_end[2] != 'D';) {
		assert_true(pread(worker->stat_fd, text, sizeof(text) - 1, 0) > 0);
		name_end = strrchr(text, ')');
	}
	worker_beats();
	pass(9900 * MS, 0);
	assert_int_equal(worker->ending, END_NONE);
	pass(400 * MS, 0);
	assert_int_equal(worker->ending, END_HANG);
	close(end[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Where its state is not to be had, a silence without CPU time is believed for two seconds.
 */
static void test_worker_of_unknown_state(void **state)
{
	close(worker->stat_fd);
	worker->stat_fd = -1;
	worker_beats();
	pass(1990 * MS, 20 * MS);
	assert_int_equal(worker->ending, END_NONE);
	worker_beats();
	pass(1990 * MS, 20 * MS);
	assert_int_equal(worker->ending, END_NONE);
	pass(300 * MS, 0);
	assert_int_equal(worker->ending, END_HANG);
}

/* CPU time of one silence does not count in the next. */
static void test_each_silence_by_itself(void **state)
{
	for (unsigned i = 0; i < 20; i++) {
		worker_beats();
		pass(1000 * MS, 100 * MS);
		assert_int_equal(worker->ending, END_NONE);
		worker_beats();
		pass(300 * MS, 30 * MS);
	}
	assert_int_equal(worker->ending, END_NONE);
}

/* A tick for which the supervisor itself was late says nothing; the next one does. */
static void test_machine_stands_still(void **state)
{
	is_process(worker, stopped);
	worker_beats();
	pass(100 * MS, 0);
	now_ns += 5 * NS_PER_S; /* nobody runs */
	health_check(sup, now_ns);
	assert_int_equal(worker->ending, END_NONE);
	worker_beats();
	pass(390 * MS, 0);
	assert_int_equal(worker->ending, END_NONE);
	pass(20 * MS, 0);
	assert_int_equal(worker->ending, END_HANG);
}

/* Control may compute, for ten seconds; then it is a loop without end. */
static void test_control_that_computes(void **state)
{
	control_beats();
	for (unsigned i = 0; i < 99; i++) {
		worker_beats();
		pass(100 * MS, 100 * MS);
	}
	assert_int_equal(control->ending, END_NONE);
	for (unsigned i = 0; i < 4; i++) {
		worker_beats();
		pass(100 * MS, 100 * MS);
	}
	assert_int_equal(control->ending, END_HANG);
	assert_in_range(control->ending_ms, 10000, 10300);
	assert_int_equal(worker->ending, END_NONE);
}

static void test_control_that_stands_still(void **state)
{
	is_process(control, stopped);
	control_beats();
	worker_beats();
	pass(400 * MS, 0);
	worker_beats();
	assert_int_equal(control->ending, END_NONE);
	pass(2 * MS, 0);
	assert_int_equal(control->ending, END_HANG);
}

static void test_heartbeat_of_tomorrow(void **state)
{
	worker_beats();
	control_beats();
	sup->worker[0].page->heartbeat_ns += NS_PER_S + 251 * MS;
	pass(250 * MS, 0);
	assert_int_equal(worker->ending, END_PAGE);
	assert_int_equal(control->ending, END_NONE);
	sup->heartbeat->heartbeat_ns = now_ns + NS_PER_S + 251 * MS;
	pass(250 * MS, 0);
	assert_int_equal(control->ending, END_PAGE);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_worker_that_hangs),      T(test_worker_that_loops),
		T(test_worker_that_starves),    T(test_worker_of_unknown_state),
		T(test_each_silence_by_itself), T(test_machine_stands_still),
		T(test_control_that_computes),  T(test_control_that_stands_still),
		T(test_heartbeat_of_tomorrow),  T(test_worker_that_the_kernel_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
