// SPDX-License-Identifier: MIT
/* supervisor_channel.c - a ring of requests: those sent, then those queued */
#include "daemon/control/supervisor_channel.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void control_super_init(struct control_super *s, int sock)
{
	*s = (struct control_super){.sock = sock};
}

static struct super_request *request_at(const struct control_super *s, size_t i)
{
	return &s->ring[(s->head + i) & (s->cap - 1)];
}

void control_super_fini(struct control_super *s)
{
	for (size_t i = s->sent; i < s->sent + s->queued; i++) {
		if (request_at(s, i)->fd >= 0)
			close(request_at(s, i)->fd);
	}
	free(s->ring);
	*s = (struct control_super){.sock = -1};
}

static int make_room(struct control_super *s)
{
	size_t n = s->sent + s->queued;
	size_t cap = s->cap ? s->cap * 2 : 64;
	struct super_request *ring;

	if (n < s->cap)
		return 0;
	if (cap > SUPER_QUEUE_MAX)
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

void control_super_request(struct control_super *s, const struct ipc_msg *msg, int fd,
			   super_done_fn *done, void *ctx)
{
	struct super_request *r;
	int ret = s->failed ? s->failed : make_room(s);

	if (ret < 0) {
		s->failed = ret;
		if (fd >= 0)
			close(fd);
		return;
	}
	r = request_at(s, s->sent + s->queued);
	*r = (struct super_request){.msg = *msg, .fd = fd, .done = done, .ctx = ctx};
	r->msg.seq = ++s->last_seq;
	s->queued++;
	control_super_flush(s);
}

void control_super_flush(struct control_super *s)
{
	while (!s->failed && s->queued && s->sent < SUPER_WINDOW) {
		struct super_request *r = request_at(s, s->sent);
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

bool control_super_wants_write(const struct control_super *s)
{
	return s->queued && s->sent < SUPER_WINDOW;
}

bool control_super_acked(const struct control_super *s, uint32_t seq)
{
	return (int32_t)(s->acked_seq - seq) >= 0;
}

static int take_reply(struct control_super *s, const struct ipc_msg *msg)
{
	struct super_request r;

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
	control_super_flush(s);
	return 1;
}

int control_super_recv(struct control_super *s, struct ipc_msg *msg, int *fd)
{
	int ret = ipc_recv(s->sock, IPC_TO_CONTROL, msg, fd);

	if (ret == 1 && msg->type == IPC_REPLY)
		return take_reply(s, msg);
	return ret;
}
