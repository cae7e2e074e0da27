// SPDX-License-Identifier: MIT
/*
 * test_child_log.c - lines of a child are passed on whole, and no faster than they may be
 *
 * Time is a variable of the test; the pipe is a real one.
 *
 * Links: daemon/supervisor/child_log.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "daemon/common/log.h"
#include "daemon/supervisor/child_log.h"
#include "daemon/supervisor/epoll_key.h"
#include "daemon/supervisor/state.h"

#define BURST (1u << 20)
#define PER_S (64u << 10)

static struct supervisor *sup;
static struct child *child;
static uint64_t now_ns;
static int pipe_end;

static char lines[256]; /* passed on, each with a '|' behind it, as far as there is room */
static size_t passed;   /* bytes, newlines included */
static unsigned warned;

uint64_t monotonic_ns(void)
{
	return now_ns;
}

void log_forward(const char *line, size_t len)
{
	passed += len + 1;
	if (strlen(lines) + len + 2 < sizeof(lines)) {
		strncat(lines, line, len);
		strcat(lines, "|");
	}
}

void log_limited(struct log_limit *l, uint64_t at_ns, enum log_severity s, enum log_facility f,
		 const char *fmt, ...)
{
	warned++;
}

static int setup(void **state)
{
	sup = calloc(1, sizeof(*sup));
	sup->epoll = epoll_create1(EPOLL_CLOEXEC);
	child = &sup->child[3];
	child->index = 3;
	child->log.fd = -1;
	now_ns = NS_PER_S;
	lines[0] = '\0';
	passed = 0;
	warned = 0;
	pipe_end = child_log_open(child);
	assert_true(pipe_end >= 0);
	assert_int_equal(child_log_watch(sup, child), 0);
	return 0;
}

static int teardown(void **state)
{
	child_log_close(child);
	if (pipe_end >= 0)
		close(pipe_end);
	close(sup->epoll);
	free(sup);
	return 0;
}

static void say(const char *text)
{
	assert_int_equal(write(pipe_end, text, strlen(text)), strlen(text));
}

/* As the loop does.  Return: there was an event. */
static bool turn(void)
{
	struct epoll_event ev;

	child_log_timers(sup, now_ns);
	if (epoll_wait(sup->epoll, &ev, 1, 0) != 1)
		return false;
	assert_true(ev.data.u64 == epoll_key_of_child(SOURCE_LOG, 3).word);
	child_log_read(sup, child);
	return true;
}

static void whole_lines(void **state)
{
	say("one\ntwo\nthr");
	assert_true(turn());
	assert_string_equal(lines, "one|two|");
	say("ee\n\nfour");
	assert_true(turn());
	assert_string_equal(lines, "one|two|three||");
	assert_false(turn());
	/* The end of its output is the end of its last line. */
	close(pipe_end);
	pipe_end = -1;
	assert_true(turn());
	assert_string_equal(lines, "one|two|three||four|");
	assert_int_equal(child->log.fd, -1);
	assert_false(turn());
}

/* Closing writes the lines that the child left in its pipe. */
static void last_words(void **state)
{
	say("dying\nof");
	child_log_close(child);
	assert_string_equal(lines, "dying|of|");
	child_log_close(child);
	assert_string_equal(lines, "dying|of|");
}

static void line_without_end(void **state)
{
	char text[5000];

	memset(text, 'x', sizeof(text));
	assert_int_equal(write(pipe_end, text, sizeof(text)), sizeof(text));
	while (turn())
		;
	assert_int_equal(passed, 2 * (sizeof(child->log.text) + 1));
	child_log_close(child);
	assert_int_equal(passed, sizeof(text) + 3);
}

/* Writes as fast as it can for so long.  Return: bytes that the pipe has taken. */
static size_t flood(unsigned ms)
{
	static char text[1000];
	size_t taken = 0;

	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\n';
	for (unsigned i = 0; i < ms; i++) {
		ssize_t n;

		while ((n = write(pipe_end, text, sizeof(text))) > 0)
			taken += (size_t)n;
		while (turn())
			while ((n = write(pipe_end, text, sizeof(text))) > 0)
				taken += (size_t)n;
		now_ns += NS_PER_MS;
	}
	return taken;
}

static void rate(void **state)
{
	size_t before;

	flood(1);
	assert_in_range(passed, BURST - 2000, BURST);
	assert_true(warned > 0);
	before = passed;
	flood(10000);
	/* The last pause is not over: a quarter of a second. */
	assert_in_range(passed - before, 10 * PER_S - PER_S / 2, 10 * PER_S + 2000);
	/* It is quiet for a while, and has saved up again what may be written at once. */
	while (turn())
		now_ns += NS_PER_MS;
	now_ns += 20 * NS_PER_S;
	while (turn())
		;
	now_ns += 20 * NS_PER_S;
	before = passed;
	flood(1);
	assert_in_range(passed - before, BURST - 2000, BURST);
}

/* A child that ends in the middle of a flood says no more than it may. */
static void rate_at_the_end(void **state)
{
	flood(1);
	child_log_close(child);
	assert_in_range(passed, BURST - 2000, BURST + 100); /* and a millisecond */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(whole_lines), T(last_words), T(line_without_end), T(rate), T(rate_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
