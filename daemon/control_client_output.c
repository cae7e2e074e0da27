// SPDX-License-Identifier: MIT
/* control_client_output.c - answers in order, and what the socket takes of them */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/complaint.h"
#include "core/request.h"
#include "daemon/control_client_priv.h"

size_t client_out_pending(const struct client *cl)
{
	return cl->out_len - cl->out_off;
}

/* Give the kernel what it takes.  Return: false when the client is lost. */
bool client_flush(struct control_clients *cs, struct client *cl, uint64_t now_ns)
{
	while (client_out_pending(cl)) {
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
	cl->out_off = 0;
	cl->out_len = 0;
	if (cl->out_cap > CLIENT_CHUNK) {
		free(cl->out);
		cl->out = NULL;
		cl->out_cap = 0;
	}
	return true;
}

/* Append to the output.  Return: 0; -ENOSPC beyond a bound; -ENOMEM. */
static int client_put(struct control_clients *cs, struct client *cl, const char *text, size_t len,
		      uint64_t now_ns)
{
	if (client_out_pending(cl) + len > CLIENT_OUTPUT_MAX ||
	    cs->out_total + len > CLIENTS_OUTPUT_MAX)
		return -ENOSPC;
	if (cl->out_off) {
		memmove(cl->out, cl->out + cl->out_off, client_out_pending(cl));
		cl->out_len -= cl->out_off;
		cl->out_off = 0;
	}
	if (cl->out_len + len > cl->out_cap) {
		char *p = realloc(cl->out, cl->out_len + len);

		if (!p)
			return -ENOMEM;
		cl->out = p;
		cl->out_cap = cl->out_len + len;
	}
	if (!cl->out_len)
		cl->stall_ns = now_ns;
	memcpy(cl->out + cl->out_len, text, len);
	cl->out_len += len;
	cs->out_total += len;
	return 0;
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

/* Move finished answers, up to the first that is not, into the output. */
static void answers_out(struct control_clients *cs, struct client *cl, uint64_t now_ns)
{
	while (cl->first && cl->first->done) {
		struct client_answer *a = cl->first;
		int ret = 0;

		if (a->text && !cl->hup)
			ret = client_put(cs, cl, a->text, strlen(a->text), now_ns);
		cl->first = a->next;
		if (!cl->first)
			cl->last = &cl->first;
		cl->n_answers--;
		free(a->text);
		free(a);
		if (ret < 0)
			control_clients_refuse(cs, cl, RPC_LIMIT, "",
					       "the answer is longer than the output that may wait "
					       "for a client",
					       now_ns);
	}
}

void client_answer_finish(struct control_clients *cs, struct client_answer *a, char *text,
			  uint64_t now_ns)
{
	struct client *cl = a->client;

	if (!cl) {
		free(text);
		free(a);
		return;
	}
	a->text = text;
	a->done = true;
	answers_out(cs, cl, now_ns);
	/* A client that is lost is closed by the next event or sweep, not under our caller. */
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

void control_clients_refuse(struct control_clients *cs, struct client *cl, int code,
			    const char *field, const char *reason, uint64_t now_ns)
{
	char *text = client_refusal(code, field, reason);

	cs->closed++;
	cl->lines_left = false;
	if (text)
		(void)client_put(cs, cl, text, strlen(text), now_ns);
	free(text);
	cl->closing = true;
	cs->in_total -= cl->in_len;
	cl->in_len = 0;
	cl->scanned = 0;
	cl->half_ns = 0;
}

void control_clients_end(struct client *cl)
{
	cl->closing = true;
}
