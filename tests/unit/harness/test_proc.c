// SPDX-License-Identifier: MIT
/*
 * test_proc.c - processes of a lab: handshake, output, end with a deadline
 *
 * Links: harness/lab/proc.c harness/base/wait.c harness/lab/enter.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "harness/lab/proc.h"

static struct proc start(const char *script, bool ready, bool go, bool capture)
{
	const char *const argv[] = {"sh", "-c", script, NULL};
	struct proc_spec spec = PROC_SPEC_INIT;
	struct proc proc;

	spec.argv = argv;
	spec.ready = ready;
	spec.go = go;
	spec.capture = capture;
	assert_int_equal(proc_spawn(&proc, &spec), 0);
	return proc;
}

static void expect_exit(struct proc *proc, int expected)
{
	int status;

	assert_int_equal(proc_wait(proc, deadline_in_ms(10000), &status), 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), expected);
	assert_int_equal(proc->pid, 0);
}

static void test_missing_program(void **state)
{
	const char *const argv[] = {"/nonexistent/program", NULL};
	struct proc_spec spec = PROC_SPEC_INIT;
	struct proc proc;

	spec.argv = argv;
	spec.ready = true;
	assert_int_equal(proc_spawn(&proc, &spec), -ENOENT);
	assert_int_equal(proc.pid, 0);
	assert_int_equal(proc.ready_fd, -1);
}

static void test_ready_then_go(void **state)
{
	struct proc proc = start("echo >&3; read x <&4; exit 5", true, true, false);
	int status;

	assert_int_equal(proc_wait_ready(&proc, deadline_in_ms(10000)), 0);
	assert_int_equal(proc_wait(&proc, deadline_in_ms(20), &status), -ETIMEDOUT);
	proc_go(&proc);
	expect_exit(&proc, 5);
}

static void test_ends_before_it_is_ready(void **state)
{
	struct proc proc = start("exit 3", true, false, false);

	assert_int_equal(proc_wait_ready(&proc, deadline_in_ms(10000)), -ECHILD);
	expect_exit(&proc, 3);
}

static void test_never_ready(void **state)
{
	struct proc proc = start("exec sleep 1000", true, false, false);
	int status;

	assert_int_equal(proc_wait_ready(&proc, deadline_in_ms(20)), -ETIMEDOUT);
	assert_int_equal(proc_stop(&proc, SIGTERM, deadline_in_ms(10000), &status), 0);
	assert_int_equal(WTERMSIG(status), SIGTERM);
}

static void test_output_is_collected_whole(void **state)
{
	struct proc proc = start("i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done",
				 false, false, true);
	char *text;

	assert_int_equal(proc_collect(&proc, deadline_in_ms(10000), &text), 0);
	assert_memory_equal(text, "line 0\nline 1\n", 14);
	assert_string_equal(text + strlen(text) - 10, "line 4999\n");
	assert_int_equal(strlen(text), 10 * 7 + 90 * 8 + 900 * 9 + 4000 * 10);
	free(text);
	expect_exit(&proc, 0);
}

static void test_output_that_does_not_end(void **state)
{
	struct proc proc = start("echo x; exec sleep 1000", false, false, true);
	char *text;
	int status;

	assert_int_equal(proc_collect(&proc, deadline_in_ms(20), &text), -ETIMEDOUT);
	assert_null(text);
	assert_int_equal(proc_stop(&proc, SIGKILL, deadline_in_ms(10000), &status), 0);
}

static void test_sigterm_is_ignored(void **state)
{
	struct proc proc = start("trap '' TERM; echo >&3; exec sleep 1000", true, false, false);
	int status;

	assert_int_equal(proc_wait_ready(&proc, deadline_in_ms(10000)), 0);
	assert_int_equal(proc_stop(&proc, SIGTERM, deadline_in_ms(20), &status), -ETIMEDOUT);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_int_equal(proc.pid, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missing_program),
		cmocka_unit_test(test_ready_then_go),
		cmocka_unit_test(test_ends_before_it_is_ready),
		cmocka_unit_test(test_never_ready),
		cmocka_unit_test(test_output_is_collected_whole),
		cmocka_unit_test(test_output_that_does_not_end),
		cmocka_unit_test(test_sigterm_is_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
