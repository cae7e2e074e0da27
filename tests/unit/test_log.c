// SPDX-License-Identifier: MIT
/*
 * test_log.c - what reaches standard error, byte for byte but for the time
 *
 * Links: daemon/log.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/log.h"

static int saved_stderr, reader;

static void capture(void)
{
	int pair[2];

	assert_int_equal(pipe(pair), 0);
	saved_stderr = dup(STDERR_FILENO);
	dup2(pair[1], STDERR_FILENO);
	close(pair[1]);
	reader = pair[0];
}

/* One read(): a line that took two writes would be cut here or run into the next. */
static const char *captured(void)
{
	static char buf[8192];
	ssize_t n;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	n = read(reader, buf, sizeof(buf) - 1);
	close(reader);
	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

static void check_time(const char *t)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";

	for (size_t i = 0; i < sizeof(form) - 1; i++) {
		if (form[i] == 'd')
			assert_true(t[i] >= '0' && t[i] <= '9');
		else
			assert_int_equal(t[i], form[i]);
	}
}

static void test_lines(void **state)
{
	static const struct {
		const char *name;
		bool json;
		enum log_severity severity;
		enum log_facility facility;
		const char *message, *after_time;
	} rows[] = {
		{"text", false, SEV_WARNING, FAC_INGRESS, "queue full",
		 " warning Ingress[worker 3]: queue full\n"},
		{"text, newline cannot forge a line", false, SEV_ERROR, FAC_SECURITY, "a\nb\rc",
		 " error Security[worker 3]: a b c\n"},
		{"text, debug is left out", false, SEV_DEBUG, FAC_TEST, "x", NULL},
		{"text, info is not", false, SEV_INFO, FAC_TEST, "x", " info Test[worker 3]: x\n"},
		{"json", true, SEV_NOTICE, FAC_SUPERVISOR, "ready",
		 "\", \"severity\":\"notice\", \"facility\":\"Supervisor\", "
		 "\"process\":\"worker 3\", \"message\":\"ready\"}\n"},
		{"json, quotes and control characters", true, SEV_NOTICE, FAC_STATS,
		 "a\"b\\c\nd\x01",
		 "\", \"severity\":\"notice\", \"facility\":\"Stats\", \"process\":\"worker 3\", "
		 "\"message\":\"a\\\"b\\\\c\\u000ad\\u0001\"}\n"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *line;
		size_t skip = rows[i].json ? strlen("{\"time\":\"") : 0;

		print_message("  %s\n", rows[i].name);
		log_init("worker 3", rows[i].json);
		capture();
		log_msg(rows[i].severity, rows[i].facility, "%s", rows[i].message);
		line = captured();
		if (!rows[i].after_time) {
			assert_string_equal(line, "");
			continue;
		}
		check_time(line + skip);
		assert_string_equal(line + skip + 24, rows[i].after_time);
	}
}

/* However long and hostile the message, one line that ends as it must. */
static void test_overlong(void **state)
{
	static char message[5000];
	const char *line;
	size_t len;

	memset(message, '\x01', sizeof(message) - 1);
	for (int json = 0; json < 2; json++) {
		log_init("control", json);
		capture();
		log_msg(SEV_ERROR, FAC_TEST, "%s", message);
		line = captured();
		len = strlen(line);
		assert_true(len > 500 && len < 2048);
		assert_int_equal(line[len - 1], '\n');
		assert_ptr_equal(strchr(line, '\n'), line + len - 1);
		if (json)
			assert_string_equal(line + len - 3, "\"}\n");
	}
}

static void test_raw(void **state)
{
	log_init("control", true);
	capture();
	log_raw("[STATS] t_ms=%d rx=%d", 12, 34);
	assert_string_equal(captured(), "[STATS] t_ms=12 rx=34\n");
}

static void test_limited(void **state)
{
	static const struct {
		const char *name;
		uint64_t now_ns;
		const char *end;
	} rows[] = {
		{"the first", 1, ": lost\n"},
		{"at once again", 2, NULL},
		{"just before ten seconds", 10000000000ull, NULL},
		{"ten seconds later", 10000000001ull, ": lost (2 more like this were left out)\n"},
		{"and again later, none left out", 20000000001ull, ": lost\n"},
	};
	struct log_limit limit = {0};

	log_init("worker 0", false);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *line;

		print_message("  %s\n", rows[i].name);
		capture();
		log_limited(&limit, rows[i].now_ns, SEV_WARNING, FAC_EGRESS, "lost");
		line = captured();
		if (!rows[i].end) {
			assert_string_equal(line, "");
			continue;
		}
		assert_true(strlen(line) > strlen(rows[i].end));
		assert_string_equal(line + strlen(line) - strlen(rows[i].end), rows[i].end);
	}
}

static void test_names(void **state)
{
	assert_string_equal(log_severity_name(SEV_EMERGENCY), "emergency");
	assert_string_equal(log_severity_name(SEV_DEBUG), "debug");
	assert_string_equal(log_severity_name((enum log_severity)99), "unknown");
	assert_string_equal(log_facility_name(FAC_SUPERVISOR), "Supervisor");
	assert_string_equal(log_facility_name(FAC_TEST), "Test");
	assert_string_equal(log_facility_name((enum log_facility)99), "unknown");
}

static void test_die(void **state)
{
	int status;
	pid_t pid;
	const char *line;

	log_init("supervisor", false);
	capture();
	pid = fork();
	if (pid == 0)
		die(FAC_SUPERVISOR, "no %s", "memory");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	line = captured();
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	assert_string_equal(line + 24, " critical Supervisor[supervisor]: no memory\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines), cmocka_unit_test(test_overlong),
		cmocka_unit_test(test_raw),   cmocka_unit_test(test_limited),
		cmocka_unit_test(test_names), cmocka_unit_test(test_die),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
