// SPDX-License-Identifier: MIT
/*
 * test_log.c - what reaches standard error, byte for byte but for the time
 *
 * Links: daemon/common/log.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/common/log.h"

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
	const char *line;

	log_init("control", false);
	capture();
	log_raw(FAC_STATS, "[STATS] t_ms=%d rx=%d", 12, 34);
	assert_string_equal(captured(), "[STATS] t_ms=12 rx=34\n");
	log_init("control", true);
	capture();
	log_raw(FAC_STATS, "[STATS] t_ms=%d rx=%d", 12, 34);
	line = captured();
	assert_non_null(strstr(line, "\"facility\":\"Stats\""));
	assert_non_null(strstr(line, "\"message\":\"[STATS] t_ms=12 rx=34\"}\n"));
}

/* Characters and escapes are never cut, and bytes that are no UTF-8 are replaced. */
static void test_json_text(void **state)
{
	static const struct {
		const char *message, *end;
	} rows[] = {
		{"caf\xc3\xa9", "\"caf\xc3\xa9\"}\n"},
		{"\xff\xc3(\xe2\x82\xac", "\"\\ufffd\\ufffd(\xe2\x82\xac\"}\n"},
		{"\xe2\x82", "\"\\ufffd\\ufffd\"}\n"},
	};
	static char message[1000];

	log_init("control", true);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *line;

		capture();
		log_msg(SEV_ERROR, FAC_TEST, "%s", rows[i].message);
		line = captured();
		assert_string_equal(line + strlen(line) - strlen(rows[i].end), rows[i].end);
	}
	for (size_t skew = 0; skew < 6; skew++) {
		const char *line;
		size_t n = 0;

		memset(message, 'x', sizeof(message));
		for (size_t i = skew; i < sizeof(message) - 1; i++)
			message[i] = '\x01';
		message[sizeof(message) - 1] = '\0';
		capture();
		log_msg(SEV_ERROR, FAC_TEST, "%s", message);
		line = strstr(captured(), "\"message\":\"") + strlen("\"message\":\"") + skew;
		for (; strncmp(line, "\\u0001", 6) == 0; line += 6)
			n++;
		assert_true(n > 100);
		assert_string_equal(line, "\"}\n");
	}
}

/* Standard error is @writer until told otherwise. */
static void onto(int writer)
{
	saved_stderr = dup(STDERR_FILENO);
	dup2(writer, STDERR_FILENO);
	close(writer);
}

static void back(void)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	log_init("control", false);
}

/* All that can be read from @fd. */
static const char *drain(int fd)
{
	static char buf[4 << 20];
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, buf + len, sizeof(buf) - 1 - len, MSG_DONTWAIT)) > 0 ||
	       (n < 0 && errno == ENOTSOCK && (n = read(fd, buf + len, sizeof(buf) - 1 - len)) > 0))
		len += (size_t)n;
	buf[len] = '\0';
	return buf;
}

static unsigned count(const char *text, const char *word)
{
	unsigned n = 0;

	for (text = strstr(text, word); text; text = strstr(text + 1, word))
		n++;
	return n;
}

/* Sum of the losses that the lines in @text report. */
static unsigned long long lost_in(const char *text)
{
	unsigned long long sum = 0, n;

	for (text = strstr(text, "control]: "); text; text = strstr(text + 1, "control]: ")) {
		int end = 0;

		if (sscanf(text, "control]: %llu lines of the log were lost%n", &n, &end) == 1 &&
		    end)
			sum += n;
	}
	return sum;
}

/* More lines than a pipe without a reader takes; this would never end if a line waited. */
static void test_no_reader(void **state)
{
	static const struct {
		const char *name;
		bool socket, detach;
	} rows[] = {
		{"a pipe of others, opened once more", false, true},
		{"a pipe that is asked before each line", false, false},
		{"a socket", true, false},
	};
	const unsigned lines = 10000;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned long long lost;
		unsigned written;
		const char *text;
		int pair[2];

		print_message("  %s\n", rows[i].name);
		assert_int_equal(
			rows[i].socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, pair) : pipe(pair), 0);
		fcntl(pair[0], F_SETFL, O_NONBLOCK);
		onto(pair[1]);
		log_init("control", false);
		if (rows[i].detach)
			log_detach();
		for (unsigned n = 0; n < lines; n++)
			log_msg(SEV_ERROR, FAC_TEST, "%0200u", n);
		text = drain(pair[0]);
		written = count(text, "error Test[control]: 0000");
		lost = lost_in(text);
		/* The count is said as soon as there is room, and only once. */
		log_catch_up();
		lost += lost_in(drain(pair[0]));
		log_catch_up();
		log_msg(SEV_ERROR, FAC_TEST, "there again");
		text = drain(pair[0]);
		back();
		assert_int_equal(written + lost, lines);
		assert_true(lost > 1000 && written > 10);
		assert_int_equal(count(text, "\n"), 1);
		assert_non_null(strstr(text, "there again\n"));
		close(pair[0]);
	}
}

/* O_NONBLOCK is the supervisor's own: who shares the pipe with it keeps a blocking one. */
static void test_detached(void **state)
{
	int pair[2], others;

	assert_int_equal(pipe(pair), 0);
	others = dup(pair[1]);
	onto(pair[1]);
	log_detach();
	assert_true(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK);
	assert_false(fcntl(STDERR_FILENO, F_GETFD) & FD_CLOEXEC);
	back();
	assert_false(fcntl(others, F_GETFL) & O_NONBLOCK);
	close(others);
	close(pair[0]);
}

static void test_burst(void **state)
{
	struct log_limit limit = {0};
	const char *text;

	log_init("control", false);
	capture();
	for (unsigned i = 0; i < 150; i++)
		log_burst(&limit, 1, SEV_INFO, FAC_TEST, "x");
	assert_int_equal(count(captured(), "]: x\n"), 100);
	capture();
	log_burst(&limit, 10000000001ull, SEV_INFO, FAC_TEST, "y");
	text = captured();
	assert_non_null(strstr(text, "]: y (50 more like this were left out)\n"));
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
		cmocka_unit_test(test_lines),     cmocka_unit_test(test_overlong),
		cmocka_unit_test(test_raw),       cmocka_unit_test(test_limited),
		cmocka_unit_test(test_names),     cmocka_unit_test(test_die),
		cmocka_unit_test(test_json_text), cmocka_unit_test(test_no_reader),
		cmocka_unit_test(test_detached),  cmocka_unit_test(test_burst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
