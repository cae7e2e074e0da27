/* SPDX-License-Identifier: MIT */
/*
 * client_fixture.h - connections whose other end is the test, and a clock that it sets
 */
#ifndef TESTS_UNIT_CONTROL_CLIENT_FIXTURE_H
#define TESTS_UNIT_CONTROL_CLIENT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/control/client.h"
#include "daemon/control/client_output.h"

#define S        1000000000ull
#define HELD_MAX 128

/* The server side, and what its line function was told. */
struct fixture {
	struct control_clients cs;
	int epoll;
	uint64_t now;
	uint64_t line_ns; /* that each line takes, by the clock */
	unsigned lines;
	char last[64];
	size_t last_len;
	size_t answer_bytes; /* 0: "ok\n" */
	bool hold;
	struct client_answer *held[HELD_MAX];
	unsigned n_held;
};

static inline char *text_of(const char *text)
{
	return strdup(text);
}

/* The clock that the server reads while a turn lasts; each line moves it. */
static uint64_t fixture_clock_ns;

static inline uint64_t fixture_clock(void)
{
	return fixture_clock_ns;
}

static inline void on_line(void *ctx, struct client *cl, const char *line, size_t len)
{
	struct fixture *b = ctx;
	struct client_answer *a = client_answer_new(cl);
	char *text;

	b->lines++;
	fixture_clock_ns += b->line_ns;
	b->last_len = len;
	snprintf(b->last, sizeof(b->last), "%.*s", (int)(len > 40 ? 40 : len), line);
	client_greeted(cl);
	if (b->hold) {
		b->held[b->n_held++] = a;
		return;
	}
	if (b->answer_bytes) {
		text = malloc(b->answer_bytes + 1);
		memset(text, 'x', b->answer_bytes);
		text[b->answer_bytes - 1] = '\n';
		text[b->answer_bytes] = '\0';
	} else {
		text = malloc(80);
		snprintf(text, 80, "ok %s\n", b->last);
	}
	client_answer_finish(&b->cs, a, text, b->now);
}

static inline int setup(void **state)
{
	struct fixture *b = calloc(1, sizeof(*b));

	b->epoll = epoll_create1(0);
	b->now = 100 * S;
	control_clients_init(&b->cs, b->epoll, on_line, fixture_clock, b);
	*state = b;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *b = *state;

	control_clients_fini(&b->cs);
	assert_int_equal(b->cs.in_total, 0);
	assert_int_equal(b->cs.out_total, 0);
	assert_int_equal(b->cs.n_clients[0] + b->cs.n_clients[1], 0);
	close(b->epoll);
	free(b);
	return 0;
}

/* Returns the client's end; *ret is what control_clients_add() said. */
static inline int join_as(struct fixture *b, bool read_only, int *ret)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	*ret = control_clients_add(&b->cs, pair[0], read_only, b->now);
	return pair[1];
}

static inline int join(struct fixture *b)
{
	int ret, fd = join_as(b, false, &ret);

	assert_int_equal(ret, 0);
	return fd;
}

/* One turn of the loop.  Return: whether work is left. */
static inline bool turn(struct fixture *b)
{
	struct epoll_event ev[256];
	int n = epoll_wait(b->epoll, ev, 256, 0);

	for (int i = 0; i < n; i++)
		control_clients_event(&b->cs, (union epoll_key){.word = ev[i].data.u64},
				      ev[i].events, b->now);
	return control_clients_work(&b->cs, b->now);
}

static inline void turns(struct fixture *b, int n)
{
	while (n--)
		turn(b);
}

static inline void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* Everything that the server sent, as text; "EOF" appended when the server has closed. */
static const char *hear(int fd)
{
	static char buf[8192];
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, buf + len, sizeof(buf) - 8 - len)) > 0)
		len += (size_t)n;
	buf[len] = '\0';
	if (n == 0)
		strcat(buf, "EOF");
	return buf;
}

#endif
