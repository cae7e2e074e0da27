// SPDX-License-Identifier: MIT
/* client_output.c - answers in order, and what the socket takes of them */
#include "daemon/control/client_output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "core/base/complaint.h"
#include "core/text/request.h"
#include "core/text/response.h"
#include "daemon/control/epoll_key.h"

size_t client_out_pending(const struct client *cl)
{
	return cl->out_len - cl->out_off;
}

/* Output goes first; input is read only when there is room for its answers. */
void client_watch(struct control_clients *cs, struct client *cl)
{
	uint32_t want = 0;

	if (client_out_pending(cl))
		want = EPOLLOUT;
	else if (cl->state == CLIENT_DRAINING)
		want = EPOLLIN;
	else if (client_listens(cl) && !client_has_line(cl) && cl->n_answers < CLIENT_ANSWERS_MAX)
		want = EPOLLIN;
	if (want != cl->events && epoll_watch(cs->epoll, EPOLL_CTL_MOD, cl->fd, want,
					      epoll_key_of_client(cl->place, cl->serial)) == 0)
		cl->events = want;
}

/* The text of the oldest answer becomes the output.  Return: false when there is none. */
static bool next_answer(struct control_clients *cs, struct client *cl, uint64_t now_ns)
{
	struct client_answer *a;

	free(cl->out);
	cl->out = NULL;
	cl->out_off = 0;
	cl->out_len = 0;
	while (!cl->out && cl->first && cl->first->done) {
		a = cl->first;
		cl->first = a->next;
		if (!cl->first)
			cl->last = &cl->first;
		cl->n_answers--;
		cl->out = a->text;
		free(a);
	}
	if (!cl->out)
		return false;
	cl->out_len = strlen(cl->out);
	cl->held -= cl->out_len;
	cl->stall_ns = now_ns;
	return true;
}

bool client_flush(struct control_clients *cs, struct client *cl, uint64_t now_ns)
{
	while (client_out_pending(cl) || next_answer(cs, cl, now_ns)) {
		struct iovec iov = {.iov_base = cl->out + cl->out_off,
				    .iov_len = client_out_pending(cl)};
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
		ssize_t n = cl->hup ? (ssize_t)iov.iov_len
				    : sendmsg(cl->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == ENOBUFS))
			return true;
		if (n < 0)
			return false;
		cl->out_off += (size_t)n;
		cs->out_total -= (size_t)n;
		cl->stall_ns = now_ns;
	}
	return true;
}

struct client_answer *client_answer_new(struct client *cl)
{
	struct client_answer *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->client = cl;
	*cl->last = a;
	cl->last = &a->next;
	cl->n_answers++;
	return a;
}

/* @text: taken, may be NULL. */
static void answer_done(struct control_clients *cs, struct client_answer *a, char *text)
{
	const size_t len = text ? strlen(text) : 0;

	a->text = text;
	a->done = true;
	a->client->held += len;
	cs->out_total += len;
}

/* Does the output that waits for all clients together leave room for @text? */
static bool has_room(const struct control_clients *cs, const char *text)
{
	const size_t len = text ? strlen(text) : 0;

	return len <= CLIENT_OUTPUT_MAX && cs->out_total + len <= CLIENTS_OUTPUT_MAX;
}

bool client_answer_held(const struct client_answer *a)
{
	const struct client *cl = a->client;

	if (!cl)
		return false;
	return client_out_pending(cl) || (a != cl->first && cl->held > CLIENT_HELD_MAX);
}

void client_answer_finish(struct control_clients *cs, struct client_answer *a, char *text,
			  uint64_t now_ns)
{
	struct client *cl = a->client;
	bool fits = has_room(cs, text);

	if (!cl) {
		free(text);
		free(a);
		return;
	}
	if (!fits) {
		free(text);
		text = NULL;
	}
	answer_done(cs, a, text);
	if (!fits)
		client_refuse(cs, cl, RPC_LIMIT, "",
			      "the answer is longer than the output that may wait for "
			      "clients",
			      now_ns);
	/* The next event or sweep closes it: our caller still uses it. */
	if (!client_flush(cs, cl, now_ns))
		cl->hup = true;
	client_watch(cs, cl);
}

char *client_refusal(int code, const char *field, const char *reason)
{
	struct complaint c = {0};

	complain(&c, field, "%s", reason);
	return response_error(NULL, code, &c);
}

void client_greeted(struct client *cl)
{
	if (cl->state == CLIENT_GREETING)
		cl->state = CLIENT_OPEN;
}

void client_end(struct client *cl)
{
	if (client_listens(cl))
		cl->state = CLIENT_CLOSING;
}

void client_refuse(struct control_clients *cs, struct client *cl, int code, const char *field,
		   const char *reason, uint64_t now_ns)
{
	struct client_answer *a = client_answer_new(cl);

	cs->closed++;
	if (a)
		answer_done(cs, a, client_refusal(code, field, reason));
	client_end(cl);
	cs->in_total -= cl->in_len;
	cl->in_len = 0;
	cl->scanned = 0;
	cl->half_ns = 0;
}
