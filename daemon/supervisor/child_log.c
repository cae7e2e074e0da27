// SPDX-License-Identifier: MIT
/* child_log.c - read the pipes, cut them into lines, keep to the rate */
#include "daemon/supervisor/child_log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "daemon/common/log.h"
#include "daemon/supervisor/epoll_key.h"
#include "daemon/supervisor/state.h"

#define BURST_BYTES    (1u << 20)
#define PER_S_BYTES    (64u << 10)
#define PAUSE_NS       (250 * NS_PER_MS)
#define READS_PER_TURN 8

int child_log_open(struct child *c)
{
	int pair[2];

	/* The child's end does not block it; its end is a description that only it has. */
	if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	c->log.fd = pair[0];
	c->log.len = 0;
	c->log.paused_until_ns = 0;
	return pair[1];
}

int child_log_watch(struct supervisor *s, struct child *c)
{
	if (c->log.fd < 0)
		return 0;
	return epoll_watch(s->epoll, EPOLL_CTL_ADD, c->log.fd, EPOLLIN,
			   epoll_key_of_child(SOURCE_LOG, c->index)) < 0
		       ? -errno
		       : 0;
}

static void refill(struct child_log *l, uint64_t now_ns)
{
	const uint64_t full_ns = BURST_BYTES / PER_S_BYTES * NS_PER_S;
	uint64_t since_ns = now_ns - l->refilled_ns, more;

	if (!l->refilled_ns || since_ns > full_ns)
		since_ns = full_ns;
	more = since_ns * PER_S_BYTES / NS_PER_S;
	if (!more)
		return;
	l->bytes = l->bytes + more < BURST_BYTES ? l->bytes + more : BURST_BYTES;
	l->refilled_ns = now_ns;
}

static void write_lines(struct child_log *l, bool all)
{
	char *line = l->text, *end = l->text + l->len, *newline;

	while ((newline = memchr(line, '\n', (size_t)(end - line)))) {
		log_forward(line, (size_t)(newline - line));
		line = newline + 1;
	}
	if (line < end && (all || (line == l->text && l->len == sizeof(l->text)))) {
		log_forward(line, (size_t)(end - line));
		line = end;
	}
	l->len = (size_t)(end - line);
	memmove(l->text, line, l->len);
}

/* Return: bytes read; 0: the child has closed it; -EDQUOT: no more for now; errno of read(2). */
static ssize_t read_some(struct child_log *l)
{
	size_t room = sizeof(l->text) - l->len;
	ssize_t n;

	if (room > l->bytes)
		room = l->bytes;
	if (!room)
		return -EDQUOT;
	n = read(l->fd, l->text + l->len, room);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	l->len += (size_t)n;
	l->bytes -= (uint64_t)n;
	write_lines(l, false);
	return n;
}

static void stop_reading(struct supervisor *s, struct child *c)
{
	epoll_ctl(s->epoll, EPOLL_CTL_DEL, c->log.fd, NULL);
}

void child_log_read(struct supervisor *s, struct child *c)
{
	const uint64_t now_ns = monotonic_ns();
	struct child_log *l = &c->log;
	ssize_t n = 1;

	if (l->fd < 0)
		return;
	refill(l, now_ns);
	for (int i = 0; i < READS_PER_TURN && n > 0; i++)
		n = read_some(l);
	if (n == 0) {
		child_log_close(c);
	} else if (n == -EDQUOT) {
		stop_reading(s, c);
		l->paused_until_ns = now_ns + PAUSE_NS;
		log_limited(&l->limit, now_ns, SEV_WARNING, FAC_SUPERVISOR,
			    "%s writes more than %u KiB a second to the log: what it cannot write "
			    "is lost",
			    c->name, PER_S_BYTES >> 10);
	}
}

void child_log_close(struct child *c)
{
	struct child_log *l = &c->log;

	if (l->fd < 0)
		return;
	refill(l, monotonic_ns());
	while (read_some(l) > 0)
		;
	write_lines(l, true);
	close(l->fd);
	l->fd = -1;
	l->paused_until_ns = 0;
}

uint64_t child_log_timers(struct supervisor *s, uint64_t now_ns)
{
	uint64_t next_ns = NEVER_NS;

	for (unsigned i = 0; i < CHILDREN; i++) {
		struct child_log *l = &s->child[i].log;

		if (!l->paused_until_ns)
			continue;
		if (now_ns >= l->paused_until_ns) {
			l->paused_until_ns = 0;
			child_log_watch(s, &s->child[i]);
		} else if (l->paused_until_ns < next_ns) {
			next_ns = l->paused_until_ns;
		}
	}
	return next_ns;
}
