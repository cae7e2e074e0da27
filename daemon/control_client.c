// SPDX-License-Identifier: MIT
// control_client.c - connections of clients: lines in, answers out, bounded
#include "daemon/control_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/complaint.h"
#include "core/request.h"

#define READ_CHUNK 65536u

void control_clients_init(struct control_clients *cs, int epoll, client_line_fn *line, void *ctx)
{
	*cs = (struct control_clients){.epoll = epoll, .line = line, .ctx = ctx};
}

static size_t out_pending(const struct client *cl)
{
	return cl->out_len - cl->out_off;
}

static void client_close(struct control_clients *cs, struct client *cl)
{
	struct client_answer *a = cl->first;

	while (a) {
		struct client_answer *next = a->next;

		/* An answer that is being worked on is freed when it is finished. */
		if (a->done) {
			free(a->text);
			free(a);
		} else {
			a->client = NULL;
			a->next = NULL;
		}
		a = next;
	}
	cs->in_total -= cl->in_len;
	cs->out_total -= out_pending(cl);
	cs->n_clients[cl->read_only]--;
	cs->place[cl->place] = NULL;
	close(cl->fd);
	free(cl->in);
	free(cl->out);
	free(cl);
}

void control_clients_fini(struct control_clients *cs)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		if (cs->place[i])
			client_close(cs, cs->place[i]);
	}
}

static uint64_t event_data(const struct client *cl)
{
	return CLIENT_EVENT_FLAG | (uint64_t)cl->place << 32 | cl->serial;
}

/* Watch for what can be done: output first, input only when there is room for answers. */
static void client_watch(struct control_clients *cs, struct client *cl)
{
	uint32_t want = 0;

	if (out_pending(cl))
		want = EPOLLOUT;
	else if (!cl->closing && !cl->eof && !cl->lines_left && cl->n_answers < CLIENT_ANSWERS_MAX)
		want = EPOLLIN;
	if (want != cl->events) {
		struct epoll_event ev = {.events = want, .data.u64 = event_data(cl)};

		if (epoll_ctl(cs->epoll, EPOLL_CTL_MOD, cl->fd, &ev) == 0)
			cl->events = want;
	}
}

/* Give the kernel what it takes.  Return: false when the client is lost. */
static bool client_flush(struct control_clients *cs, struct client *cl, uint64_t now_ns)
{
	while (out_pending(cl)) {
		struct iovec iov = {.iov_base = cl->out + cl->out_off, .iov_len = out_pending(cl)};
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
	if (cl->out_cap > READ_CHUNK) {
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
	if (out_pending(cl) + len > CLIENT_OUTPUT_MAX || cs->out_total + len > CLIENTS_OUTPUT_MAX)
		return -ENOSPC;
	if (cl->out_off) {
		memmove(cl->out, cl->out + cl->out_off, out_pending(cl));
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

/* Ready to be closed: everything that will be said has been said. */
static bool client_finished(const struct client *cl)
{
	return (cl->closing || (cl->eof && !cl->lines_left)) && !cl->n_answers && !out_pending(cl);
}

/* After anything that may have changed a client.  It may be gone when this returns. */
static void client_settle(struct control_clients *cs, struct client *cl, uint64_t now_ns)
{
	if (!client_flush(cs, cl, now_ns) || client_finished(cl))
		client_close(cs, cl);
	else
		client_watch(cs, cl);
}

void control_clients_end(struct client *cl)
{
	cl->closing = true;
}

static char *refusal(int code, const char *field, const char *reason)
{
	struct complaint c = {0};

	complain(&c, field, "%s", reason);
	return response_error(NULL, code, &c);
}

void control_clients_refuse(struct control_clients *cs, struct client *cl, int code,
			    const char *field, const char *reason, uint64_t now_ns)
{
	char *text = refusal(code, field, reason);

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

/* A new one needs the place: has somebody with nothing to do been silent for long? */
static bool evict_idle(struct control_clients *cs, bool read_only, uint64_t now_ns)
{
	struct client *oldest = NULL;

	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *cl = cs->place[i];

		if (cl && cl->read_only == read_only && !cl->n_answers && !out_pending(cl) &&
		    (!oldest || cl->active_ns < oldest->active_ns))
			oldest = cl;
	}
	if (!oldest || now_ns - oldest->active_ns < CLIENT_IDLE_EVICT_NS)
		return false;
	client_close(cs, oldest);
	return true;
}

static int turn_away(int fd)
{
	char *text = refusal(RPC_LIMIT, "", "too many clients are connected; try again later");
	struct iovec iov = {.iov_base = text, .iov_len = text ? strlen(text) : 0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (text)
		(void)!sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	free(text);
	close(fd);
	return -EBUSY;
}

int control_clients_add(struct control_clients *cs, int fd, bool read_only, uint64_t now_ns)
{
	struct epoll_event ev = {.events = EPOLLIN};
	struct client *cl;
	unsigned place = 0;
	int ret;

	if (cs->n_clients[read_only] >= CLIENTS_PER_LISTENER && !evict_idle(cs, read_only, now_ns))
		return turn_away(fd);
	while (cs->place[place])
		place++;
	cl = calloc(1, sizeof(*cl));
	if (!cl) {
		close(fd);
		return -ENOMEM;
	}
	cl->fd = fd;
	cl->place = place;
	cl->serial = ++cs->serial;
	cl->read_only = read_only;
	cl->last = &cl->first;
	cl->connected_ns = now_ns;
	cl->active_ns = now_ns;
	cl->events = EPOLLIN;
	ev.data.u64 = event_data(cl);
	if (epoll_ctl(cs->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
		ret = -errno;
		free(cl);
		close(fd);
		return ret;
	}
	cs->place[place] = cl;
	cs->n_clients[read_only]++;
	return 0;
}

/* More than all clients together may hold: the one that holds most goes. */
static void bound_input(struct control_clients *cs, uint64_t now_ns)
{
	while (cs->in_total > CLIENTS_INPUT_MAX) {
		struct client *worst = NULL;

		for (unsigned i = 0; i < CLIENTS_MAX; i++) {
			struct client *cl = cs->place[i];

			if (cl && (!worst || cl->in_len > worst->in_len))
				worst = cl;
		}
		control_clients_refuse(cs, worst, RPC_LIMIT, "",
				       "too much unfinished input over all clients", now_ns);
	}
}

/* Return: false when the client is lost. */
static bool client_read(struct control_clients *cs, struct client *cl, uint64_t now_ns)
{
	struct iovec iov;
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (cl->in_cap - cl->in_len < READ_CHUNK) {
		size_t cap = cl->in_cap ? cl->in_cap * 2 : 2 * READ_CHUNK;
		char *p = realloc(cl->in, cap);

		if (!p)
			return false;
		cl->in = p;
		cl->in_cap = cap;
	}
	iov = (struct iovec){.iov_base = cl->in + cl->in_len, .iov_len = READ_CHUNK};
	n = recvmsg(cl->fd, &msg, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0) {
		cl->eof = true;
		return true;
	}
	cl->active_ns = now_ns;
	cl->in_len += (size_t)n;
	cs->in_total += (size_t)n;
	cl->lines_left = memchr(cl->in + cl->in_len - n, '\n', (size_t)n) != NULL;
	bound_input(cs, now_ns);
	return true;
}

void control_clients_event(struct control_clients *cs, uint64_t data, uint32_t events,
			   uint64_t now_ns)
{
	unsigned place = (unsigned)(data >> 32) & 0xffff;
	struct client *cl = place < CLIENTS_MAX ? cs->place[place] : NULL;

	/* An event of one that was closed earlier in the same turn. */
	if (!cl || cl->serial != (uint32_t)data)
		return;
	if (events & (EPOLLHUP | EPOLLERR))
		cl->hup = true;
	if (!client_flush(cs, cl, now_ns)) {
		client_close(cs, cl);
		return;
	}
	if ((events & EPOLLIN || cl->hup) && !cl->eof && !cl->closing && !cl->lines_left &&
	    !client_read(cs, cl, now_ns)) {
		client_close(cs, cl);
		return;
	}
	/* Nobody is there to wait for the answers. */
	if (cl->hup && (cl->eof || cl->closing) && !cl->lines_left)
		client_close(cs, cl);
	else
		client_watch(cs, cl);
}

/* Length of the line that starts at @from, or -1 when it is not complete. */
static ssize_t line_at(struct client *cl, size_t from)
{
	size_t start = from > cl->scanned ? from : cl->scanned;
	char *nl = start < cl->in_len ? memchr(cl->in + start, '\n', cl->in_len - start) : NULL;

	cl->scanned = nl ? start : cl->in_len;
	return nl ? nl - (cl->in + from) : -1;
}

static void drop_input(struct control_clients *cs, struct client *cl, size_t n)
{
	memmove(cl->in, cl->in + n, cl->in_len - n);
	cl->in_len -= n;
	cl->scanned = cl->scanned > n ? cl->scanned - n : 0;
	cs->in_total -= n;
	if (!cl->in_len && cl->in_cap > 2 * READ_CHUNK) {
		free(cl->in);
		cl->in = NULL;
		cl->in_cap = 0;
	}
}

/* Handle one client's lines.  Return: whether some are left that can be handled now. */
static bool client_lines(struct control_clients *cs, struct client *cl, uint64_t now_ns)
{
	size_t used = 0;
	ssize_t len;

	for (int i = 0; i < CLIENT_LINES_PER_TURN; i++) {
		if (out_pending(cl) || cl->n_answers >= CLIENT_ANSWERS_MAX)
			break;
		len = line_at(cl, used);
		if (len < 0 || (size_t)len > REQUEST_LINE_MAX)
			break;
		cs->line(cs->ctx, cl, cl->in + used, (size_t)len);
		if (cl->closing)
			break;
		used += (size_t)len + 1;
	}
	if (cl->closing)
		used = cl->in_len;
	if (used)
		drop_input(cs, cl, used);
	if (cl->closing)
		return false;
	len = line_at(cl, 0);
	cl->lines_left = len >= 0;
	if ((len < 0 ? cl->in_len : (size_t)len) > REQUEST_LINE_MAX) {
		control_clients_refuse(cs, cl, RPC_LIMIT, "", "the line is longer than 1 MiB",
				       now_ns);
		return false;
	}
	if (len >= 0 || !cl->in_len)
		cl->half_ns = 0;
	else if (!cl->half_ns)
		cl->half_ns = now_ns;
	return cl->lines_left && !out_pending(cl) && cl->n_answers < CLIENT_ANSWERS_MAX;
}

bool control_clients_work(struct control_clients *cs, uint64_t now_ns)
{
	bool more = false;

	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *cl = cs->place[i];

		if (!cl || (!cl->in_len && !cl->closing && !cl->eof))
			continue;
		if (cl->in_len)
			more |= client_lines(cs, cl, now_ns);
		client_settle(cs, cl, now_ns);
	}
	return more;
}

void control_clients_sweep(struct control_clients *cs, uint64_t now_ns)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *cl = cs->place[i];
		const char *why = NULL;

		if (!cl)
			continue;
		if (cl->hup && !cl->lines_left) {
			client_close(cs, cl);
			continue;
		}
		if (out_pending(cl) && now_ns - cl->stall_ns > CLIENT_STALL_NS) {
			/* It does not listen: there is no point in telling it. */
			cs->closed++;
			client_close(cs, cl);
			continue;
		}
		if (!cl->closing && !cl->hello && now_ns - cl->connected_ns > CLIENT_HELLO_NS)
			why = "VersionCheck did not come within 5 seconds";
		else if (!cl->closing && cl->half_ns && now_ns - cl->half_ns > CLIENT_HALF_LINE_NS)
			why = "the rest of a line did not come within 30 seconds";
		if (why)
			control_clients_refuse(cs, cl, RPC_LIMIT, "", why, now_ns);
		client_settle(cs, cl, now_ns);
	}
}
