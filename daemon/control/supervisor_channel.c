// SPDX-License-Identifier: MIT
/* supervisor_channel.c - a ring of requests: those sent, then those queued */
#include "daemon/control/supervisor_channel.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void control_supervisor_init(struct control_supervisor *s, int sock)
{
	*s = (struct control_supervisor){.sock = sock};
}

static struct pending_request *request_at(const struct control_supervisor *s, size_t i)
{
	return &s->ring[(s->head + i) & (s->cap - 1)];
}

void control_supervisor_fini(struct control_supervisor *s)
{
	for (size_t i = s->sent; i < s->sent + s->queued; i++) {
		if (request_at(s, i)->fd >= 0)
			close(request_at(s, i)->fd);
	}
	free(s->ring);
	*s = (struct control_supervisor){.sock = -1};
}

static int make_room(struct control_supervisor *s)
{
	size_t n = s->sent + s->queued;
	size_t cap = s->cap ? s->cap * 2 : 64;
	struct pending_request *ring;

	if (n < s->cap)
		return 0;
	if (cap > SUPERVISOR_QUEUE_MAX)
		return -ENOBUFS;
	ring = malloc(cap * sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		ring[i] = *request_at(s, i);
	free(s->ring);
	s->ring = ring;
	s->cap = cap;
	s->head = 0;
	return 0;
}

void control_supervisor_request(struct control_supervisor *s, const struct ipc_msg *msg, int fd,
				request_done_fn *done, void *ctx)
{
	struct pending_request *r;
	int ret = s->failed ? s->failed : make_room(s);

	if (ret < 0) {
		s->failed = ret;
		if (fd >= 0)
			close(fd);
		return;
	}
	r = request_at(s, s->sent + s->queued);
	*r = (struct pending_request){.msg = *msg, .fd = fd, .done = done, .ctx = ctx};
	r->msg.seq = ++s->last_seq;
	s->queued++;
	control_supervisor_flush(s);
}

void control_supervisor_flush(struct control_supervisor *s)
{
	while (!s->failed && s->queued && s->sent < SUPERVISOR_WINDOW) {
		struct pending_request *r = request_at(s, s->sent);
		int ret = ipc_send(s->sock, &r->msg, r->fd);

		if (ret == -EAGAIN || ret == -ENOBUFS)
			return;
		if (ret < 0) {
			s->failed = ret;
			return;
		}
		if (r->fd >= 0)
			close(r->fd);
		r->fd = -1;
		s->sent++;
		s->queued--;
	}
}

bool control_supervisor_wants_write(const struct control_supervisor *s)
{
	return s->queued && s->sent < SUPERVISOR_WINDOW;
}

bool control_supervisor_acked(const struct control_supervisor *s, uint32_t seq)
{
	return (int32_t)(s->acked_seq - seq) >= 0;
}

static int take_reply(struct control_supervisor *s, const struct ipc_msg *msg)
{
	struct pending_request r;

	if (!s->sent || request_at(s, 0)->msg.seq != msg->seq ||
	    request_at(s, 0)->msg.type != msg->reply.request)
		return -EPROTO;
	/* A copy: the callback may queue more, and the ring may move. */
	r = *request_at(s, 0);
	s->head = (s->head + 1) & (s->cap - 1);
	s->sent--;
	s->acked_seq = msg->seq;
	if (r.done)
		r.done(r.ctx, &r.msg, msg->reply.status, msg->reply.value);
	control_supervisor_flush(s);
	return 1;
}

int control_supervisor_recv(struct control_supervisor *s, struct ipc_msg *msg, int *fd)
{
	int ret = ipc_recv(s->sock, IPC_TO_CONTROL, msg, fd);

	if (ret == 1 && msg->type == IPC_REPLY)
		return take_reply(s, msg);
	return ret;
}
