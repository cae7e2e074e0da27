// SPDX-License-Identifier: MIT
/* client.c - places, the order of a turn, eviction, time limits */
#include "daemon/control/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/text/request.h"
#include "daemon/control/client_input.h"
#include "daemon/control/client_output.h"
#include "daemon/control/client_upload.h"

void control_clients_init(struct control_clients *cs, int epoll, client_line_fn *line,
			  client_clock_fn *clock, void *ctx)
{
	*cs = (struct control_clients){.epoll = epoll, .line = line, .clock = clock, .ctx = ctx};
}

static void client_close(struct control_clients *cs, struct client *cl)
{
	struct client_answer *a = cl->first;

	while (a) {
		struct client_answer *next = a->next;

		/* client_answer_finish() frees an answer that is not finished yet. */
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
	cs->out_total -= client_out_pending(cl) + cl->held;
	client_upload_drop(cs, cl);
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

/* Can it be closed?  All answers have been sent, and no other will come. */
static bool client_finished(const struct client *cl)
{
	return cl->state == CLIENT_CLOSING && !cl->n_answers && !client_out_pending(cl);
}

/* After anything that may have changed a client.  It may be freed when this returns. */
static void client_settle(struct control_clients *cs, struct client *cl, uint64_t now_ns)
{
	if (!client_flush(cs, cl, now_ns) || client_finished(cl))
		client_close(cs, cl);
	else
		client_watch(cs, cl);
}

/*
 * Time beyond the limit for which a client may keep a place that another one needs; negative:
 * within it.  Connections without VersionCheck, and refused ones, have a second only, so that
 * silent connections do not keep others out.
 */
static int64_t silent_beyond_ns(const struct client *cl, uint64_t now_ns)
{
	const uint64_t limit_ns =
		cl->state == CLIENT_OPEN ? CLIENT_IDLE_EVICT_NS : CLIENT_GREETING_EVICT_NS;
	uint64_t since_ns = cl->connected_ns;

	if (cl->state == CLIENT_OPEN)
		since_ns = cl->active_ns;
	else if (cl->state == CLIENT_DRAINING)
		since_ns = cl->drain_ns;
	return (int64_t)(now_ns - since_ns - limit_ns);
}

/* Closes the client that is furthest beyond its limit, for a new one.  Return: was there one? */
static bool evict_idle(struct control_clients *cs, bool read_only, uint64_t now_ns)
{
	struct client *oldest = NULL;
	int64_t most_ns = 0;

	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *cl = cs->place[i];
		int64_t over_ns;

		if (!cl || cl->read_only != read_only || cl->n_answers || client_out_pending(cl))
			continue;
		over_ns = silent_beyond_ns(cl, now_ns);
		if (over_ns < most_ns)
			continue;
		oldest = cl;
		most_ns = over_ns;
	}
	if (!oldest)
		return false;
	client_refuse(cs, oldest, RPC_LIMIT, "",
		      "silent for long, and another client needs the place", now_ns);
	(void)client_flush(cs, oldest, now_ns);
	client_close(cs, oldest);
	return true;
}

static int refuse_connection(int fd)
{
	char *text =
		client_refusal(RPC_LIMIT, "", "too many clients are connected; try again later");
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
	struct client *cl;
	unsigned place = 0;
	int ret;

	if (cs->n_clients[read_only] >= CLIENTS_PER_LISTENER && !evict_idle(cs, read_only, now_ns))
		return refuse_connection(fd);
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
	if (epoll_watch(cs->epoll, EPOLL_CTL_ADD, fd, EPOLLIN,
			epoll_key_of_client(place, cl->serial)) < 0) {
		ret = -errno;
		free(cl);
		close(fd);
		return ret;
	}
	cs->place[place] = cl;
	cs->n_clients[read_only]++;
	return 0;
}

void control_clients_event(struct control_clients *cs, union epoll_key key, uint32_t events,
			   uint64_t now_ns)
{
	struct client *cl = key.place < CLIENTS_MAX ? cs->place[key.place] : NULL;

	/* The client of this event was closed earlier in the same turn. */
	if (!cl || cl->serial != key.serial)
		return;
	if (events & (EPOLLHUP | EPOLLERR))
		cl->hup = true;
	if (!client_flush(cs, cl, now_ns)) {
		client_close(cs, cl);
		return;
	}
	if (cl->state == CLIENT_DRAINING && events & EPOLLIN && !client_discard(cl)) {
		client_close(cs, cl);
		return;
	}
	if ((events & EPOLLIN || cl->hup) && client_listens(cl) && !client_has_line(cl) &&
	    !client_read(cs, cl, now_ns)) {
		client_close(cs, cl);
		return;
	}
	/* Nobody waits for the answers. */
	if (cl->hup && !client_listens(cl))
		client_close(cs, cl);
	else
		client_watch(cs, cl);
}

bool control_clients_work(struct control_clients *cs, uint64_t now_ns)
{
	const uint64_t end_ns = cs->clock() + CLIENTS_TURN_NS;
	const unsigned first = cs->next_place;
	bool more = false;

	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		const unsigned place = (first + i) % CLIENTS_MAX;
		struct client *cl = cs->place[place];

		if (!cl || (!cl->in_len && client_listens(cl)))
			continue;
		if (cl->in_len) {
			if (cs->clock() < end_ns)
				cs->next_place = (place + 1) % CLIENTS_MAX;
			more |= client_lines(cs, cl, now_ns, end_ns);
		}
		client_settle(cs, cl, now_ns);
	}
	return more;
}

static void refuse_late(struct control_clients *cs, struct client *cl, const char *what,
			uint64_t limit_ns, uint64_t now_ns)
{
	char why[64];

	snprintf(why, sizeof(why), "%s did not come within %llu seconds", what,
		 (unsigned long long)(limit_ns / NS_PER_S));
	client_refuse(cs, cl, RPC_LIMIT, "", why, now_ns);
}

void control_clients_sweep(struct control_clients *cs, uint64_t now_ns)
{
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		struct client *cl = cs->place[i];

		if (!cl)
			continue;
		if (cl->hup && !client_has_line(cl)) {
			client_close(cs, cl);
			continue;
		}
		if (client_out_pending(cl) && now_ns - cl->stall_ns > CLIENT_STALL_NS) {
			/* It does not read, so an error would not reach it. */
			cs->closed++;
			client_close(cs, cl);
			continue;
		}
		if (cl->upload.text && now_ns - cl->upload.at_ns > CLIENT_UPLOAD_NS)
			client_upload_drop(cs, cl);
		if (cl->state == CLIENT_DRAINING && now_ns - cl->drain_ns > CLIENT_DRAIN_NS)
			cl->state = CLIENT_CLOSING;
		if (cl->state == CLIENT_GREETING && now_ns - cl->connected_ns > CLIENT_GREETING_NS)
			refuse_late(cs, cl, "VersionCheck", CLIENT_GREETING_NS, now_ns);
		else if (client_listens(cl) && cl->half_ns &&
			 now_ns - cl->half_ns > CLIENT_HALF_LINE_NS)
			refuse_late(cs, cl, "the rest of a line", CLIENT_HALF_LINE_NS, now_ns);
		client_settle(cs, cl, now_ns);
	}
}
