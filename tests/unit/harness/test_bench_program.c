// SPDX-License-Identifier: MIT
/*
 * test_bench_program.c - a relay is installed when its program is executable in PATH or beside this
 * one
 *
 * Links: harness/bench/program.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/bench/program.h"

static char directory[] = "/tmp/test_bench_program.XXXXXX";

static int make_directory(void **state)
{
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	return rmdir(directory);
}

static void make_file(const char *name, mode_t mode, char path[static 128])
{
	int fd;

	snprintf(path, 128, "%s/%s", directory, name);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	close(fd);
}

static void set_path(const char *format)
{
	char path[256];

	snprintf(path, sizeof(path), format, directory);
	setenv("PATH", path, 1);
}

static void test_in_path(void **state)
{
	static const struct {
		const char *name;
		const char *path; /* %s: the directory where it is */
		bool found;
	} cases[] = {
		{"alone", "%s", true},
		{"first", "%s:/nonexistent", true},
		{"last", "/nonexistent:%s", true},
		{"elsewhere", "/nonexistent", false},
		{"a part of the name", "%sx", false},
		{"an empty path is where we are", "", false},
	};
	char file[128];

	make_file("socat", 0755, file);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *missing;

		set_path(cases[i].path);
		missing = bench_program_missing(BENCH_SOCAT);
		if (cases[i].found != !missing || (missing && strcmp(missing, "socat")))
			fail_msg("%s: %s is missing", cases[i].name, missing ? missing : "nothing");
	}
	unlink(file);
}

static void test_current_directory(void **state)
{
	char before[256], file[128];

	assert_non_null(getcwd(before, sizeof(before)));
	make_file("socat", 0755, file);
	assert_int_equal(chdir(directory), 0);
	set_path("/nonexistent:");
	assert_null(bench_program_missing(BENCH_SOCAT));
	assert_int_equal(chdir(before), 0);
	assert_string_equal(bench_program_missing(BENCH_SOCAT), "socat");
	unlink(file);
}

static void test_not_a_program(void **state)
{
	char file[128];

	set_path("%s");
	make_file("socat", 0644, file);
	assert_string_equal(bench_program_missing(BENCH_SOCAT), "socat");
	unlink(file);
	assert_int_equal(mkdir(file, 0755), 0);
	assert_string_equal(bench_program_missing(BENCH_SOCAT), "socat");
	rmdir(file);
}

/* Rules of the kernel's routing are changed by a second program. */
static void test_two_programs(void **state)
{
	char daemon[128], ctl[128];

	set_path("%s");
	assert_string_equal(bench_program_missing(BENCH_KERNEL), "smcrouted");
	make_file("smcrouted", 0755, daemon);
	assert_string_equal(bench_program_missing(BENCH_KERNEL), "smcroutectl");
	make_file("smcroutectl", 0755, ctl);
	assert_null(bench_program_missing(BENCH_KERNEL));
	unlink(daemon);
	unlink(ctl);
}

/* Our own are not looked for in PATH: another version may be installed there. */
static void test_own_programs(void **state)
{
	char file[128], path[512];
	char own[512] = "";

	set_path("%s");
	make_file("mcrd", 0755, file);
	assert_string_equal(bench_program_missing(BENCH_MCR), "mcrd");
	assert_string_equal(bench_program_missing(BENCH_PER_PACKET), "mcrd");
	unlink(file);
	assert_true(readlink("/proc/self/exe", own, sizeof(own) - 1) > 0);
	bench_program(strrchr(own, '/') + 1, path);
	assert_string_equal(path, own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_path),       cmocka_unit_test(test_current_directory),
		cmocka_unit_test(test_not_a_program), cmocka_unit_test(test_two_programs),
		cmocka_unit_test(test_own_programs),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
