// SPDX-License-Identifier: MIT
/* client_input.c - bytes to lines */
#include "daemon/control/client_input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/text/request.h"
#include "daemon/control/client_output.h"

static void client_drain(struct client *cl, uint64_t now_ns)
{
	cl->state = CLIENT_DRAINING;
	cl->drain_ns = now_ns;
}

/* When all clients together hold too much, the one that holds most is refused. */
static void bound_input(struct control_clients *cs, uint64_t now_ns)
{
	while (cs->in_total > CLIENTS_INPUT_MAX) {
		struct client *worst = NULL;

		for (unsigned i = 0; i < CLIENTS_MAX; i++) {
			struct client *cl = cs->place[i];

			if (cl && (!worst || cl->in_len > worst->in_len))
				worst = cl;
		}
		client_refuse(cs, worst, RPC_LIMIT, "",
			      "too much unfinished input over all clients", now_ns);
		client_drain(worst, now_ns);
	}
}

bool client_discard(struct client *cl)
{
	char buf[CLIENT_CHUNK];
	struct iovec iov = {.iov_base = buf, .iov_len = sizeof(buf)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	/* Half-close: the client reads end of file, but can still write without an error. */
	if (!client_out_pending(cl) && !cl->n_answers)
		shutdown(cl->fd, SHUT_WR);
	n = recvmsg(cl->fd, &msg, MSG_DONTWAIT);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Length of the line that starts at @from, or -1 when it is not complete. */
static ssize_t line_at(struct client *cl, size_t from)
{
	size_t start = from > cl->scanned ? from : cl->scanned;
	char *nl = start < cl->in_len ? memchr(cl->in + start, '\n', cl->in_len - start) : NULL;

	cl->scanned = nl ? start : cl->in_len;
	return nl ? nl - (cl->in + from) : -1;
}

bool client_read(struct control_clients *cs, struct client *cl, uint64_t now_ns)
{
	struct iovec iov;
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (cl->in_cap - cl->in_len < CLIENT_CHUNK) {
		size_t cap = cl->in_cap ? cl->in_cap * 2 : 2 * CLIENT_CHUNK;
		char *p = realloc(cl->in, cap);

		if (!p)
			return false;
		cl->in = p;
		cl->in_cap = cap;
	}
	iov = (struct iovec){.iov_base = cl->in + cl->in_len, .iov_len = CLIENT_CHUNK};
	n = recvmsg(cl->fd, &msg, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0) {
		client_end(cl);
		return true;
	}
	cl->active_ns = now_ns;
	cl->in_len += (size_t)n;
	cs->in_total += (size_t)n;
	(void)line_at(cl, 0);
	bound_input(cs, now_ns);
	return true;
}

static void drop_input(struct control_clients *cs, struct client *cl, size_t n)
{
	memmove(cl->in, cl->in + n, cl->in_len - n);
	cl->in_len -= n;
	cl->scanned = cl->scanned > n ? cl->scanned - n : 0;
	cs->in_total -= n;
	if (!cl->in_len && cl->in_cap > 2 * CLIENT_CHUNK) {
		free(cl->in);
		cl->in = NULL;
		cl->in_cap = 0;
	}
}

/* Is there room for the answer to one more line? */
static bool can_answer(const struct client *cl)
{
	return !client_out_pending(cl) && cl->held <= CLIENT_HELD_MAX &&
	       cl->n_answers < CLIENT_ANSWERS_MAX;
}

bool client_lines(struct control_clients *cs, struct client *cl, uint64_t now_ns, uint64_t end_ns)
{
	size_t used = 0;
	ssize_t len;

	for (int i = 0; i < CLIENT_LINES_PER_TURN && client_listens(cl); i++) {
		if (!can_answer(cl) || cs->clock() >= end_ns)
			break;
		len = line_at(cl, used);
		if (len < 0 || (size_t)len > REQUEST_LINE_MAX)
			break;
		cs->line(cs->ctx, cl, cl->in + used, (size_t)len);
		used += (size_t)len + 1;
	}
	if (!client_listens(cl)) {
		drop_input(cs, cl, cl->in_len);
		return false;
	}
	if (used)
		drop_input(cs, cl, used);
	len = line_at(cl, 0);
	if ((len < 0 ? cl->in_len : (size_t)len) > REQUEST_LINE_MAX) {
		client_refuse(cs, cl, RPC_LIMIT, "", "the line is longer than 1 MiB", now_ns);
		client_drain(cl, now_ns);
		return false;
	}
	if (len >= 0 || !cl->in_len)
		cl->half_ns = 0;
	else if (!cl->half_ns)
		cl->half_ns = now_ns;
	return client_has_line(cl) && can_answer(cl);
}
