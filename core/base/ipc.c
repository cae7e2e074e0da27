// SPDX-License-Identifier: MIT
/* ipc.c - check, send and receive the messages between the processes */
#include "core/base/ipc.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The types of each direction. */
static const struct direction {
	uint16_t first, last;
} directions[] = {
	[IPC_FROM_CONTROL] = {IPC_CONFIGURE, IPC_LAST_REQUEST},
	[IPC_FROM_WORKER] = {IPC_WORKER_READY, IPC_LAST_FROM_WORKER},
	[IPC_TO_NEW_CONTROL] = {IPC_PASS_FD, IPC_LAST_TO_NEW_CHILD},
	[IPC_TO_NEW_WORKER] = {IPC_PASS_FD, IPC_LAST_TO_NEW_CHILD},
	[IPC_TO_CONTROL] = {IPC_REPLY, IPC_LAST_TO_CONTROL},
	[IPC_TO_WORKER] = {IPC_INPUT, IPC_LAST_TO_WORKER},
};
static_assert(sizeof(directions) / sizeof(directions[0]) == IPC_PEERS, "a row each");

/* Each of these carries one descriptor, the others none. */
static const uint16_t with_descriptor[] = {
	IPC_SET_FILTER, IPC_PUBLISH, IPC_PASS_FD,       IPC_WORKER_PAGE, IPC_RELOAD,
	IPC_INPUT,      IPC_OUTPUT,  IPC_EGRESS_SOCKET, IPC_SNAPSHOT,
};

static unsigned descriptors_of(uint16_t type)
{
	for (size_t i = 0; i < sizeof(with_descriptor) / sizeof(with_descriptor[0]); i++)
		if (with_descriptor[i] == type)
			return 1;
	return 0;
}

static bool flags_valid(uint32_t flags)
{
	return (flags & ~IPC_FLAG_PER_PACKET) == 0;
}

static bool cpu_valid(int32_t cpu)
{
	return cpu >= -1 && cpu < CPU_SETSIZE;
}

static bool ifindex_valid(uint32_t ifindex)
{
	return ifindex > 0 && ifindex <= INT32_MAX;
}

static bool iface_valid(const struct ipc_iface *f)
{
	return f->slot < MCR_MAX_IFACES && ifindex_valid(f->ifindex) && f->mtu >= 68 &&
	       f->mtu <= 65536 && f->steering < STEERINGS && f->gro < GRO_SETTINGS &&
	       f->defrag <= 1 && f->supers <= 1 && f->link < LINK_LAYERS && f->kernel_path <= 1;
}

/* Bytes that the family does not use are zero, so that later code may memcmp(). */
static bool addr_is_clean(const struct addr *a)
{
	struct addr clean = {0};

	if (a->family == ADDR_IPV4)
		clean = addr_from_ipv4_be(addr_ipv4_be(a));
	return addr_equal(a, &clean);
}

static bool join_valid(const struct ipc_join *j)
{
	return ifindex_valid(j->ifindex) && addr_is_clean(&j->group) && addr_is_clean(&j->source) &&
	       addr_is_multicast(&j->group) &&
	       (!addr_is_set(&j->source) || addr_is_host(&j->source));
}

static bool bind_valid(const struct ipc_join *j)
{
	return ifindex_valid(j->ifindex) && addr_is_clean(&j->group) && addr_is_host(&j->group) &&
	       !addr_is_set(&j->source) && addr_is_clean(&j->source) && j->port != 0;
}

static bool probe_valid(const struct ipc_probe *p)
{
	return ifindex_valid(p->ifindex) && addr_is_clean(&p->host) && addr_is_host(&p->host) &&
	       !addr_is_loopback(&p->host) && p->kind < PROBE_KINDS;
}

static bool publish_valid(const struct ipc_publish *p)
{
	return p->size_bytes >= MCR_SNAPSHOT_HEAD_BYTES &&
	       p->size_bytes <= MCR_SNAPSHOT_MAX_BYTES && (!p->base || p->base < p->generation) &&
	       p->changes <= 1;
}

static bool input_valid(const struct ipc_input *in)
{
	return in->slot < MCR_MAX_IFACES && ifindex_valid(in->ifindex) && in->link < LINK_LAYERS &&
	       in->buf_class < BUF_CLASSES && in->worker < MCR_MAX_WORKERS;
}

static bool egress_socket_valid(const struct ipc_egress_socket *o)
{
	const struct addr source = addr_from_ipv4_be(o->source_be);
	const bool own = o->kind == EGRESS_SOCKET_OWN;

	return o->id < MCR_MAX_EGRESS_SOCKETS && o->iface < MCR_MAX_IFACES &&
	       ifindex_valid(o->ifindex) && (own || o->kind == EGRESS_SOCKET_HOST) &&
	       own == (o->port != 0) && own == (o->ttl != 0) && o->dscp <= 63 && o->to_be != 0 &&
	       (!o->source_be || addr_is_host(&source)) && o->connected <= own;
}

static bool pass_fd_valid(const struct ipc_pass_fd *g)
{
	return g->what >= PASSED_CONTROL_LISTENER && g->what < PASSED_FDS &&
	       g->index < MCR_MAX_WORKERS;
}

static bool interface_valid(const struct ipc_interface *i)
{
	const size_t len = strnlen(i->name, sizeof(i->name));
	char clean[sizeof(i->name)] = {0};

	memcpy(clean, i->name, len);
	return len > 0 && len < sizeof(clean) && memcmp(clean, i->name, sizeof(clean)) == 0;
}

static bool start_valid(const struct ipc_start *s, enum ipc_peer peer)
{
	if (!flags_valid(s->flags) || !cpu_valid(s->cpu) || s->workers > MCR_MAX_WORKERS ||
	    s->busy_poll_us > MCR_BUSY_POLL_MAX_US || s->egress_sockets > MCR_MAX_EGRESS_SOCKETS)
		return false;
	/* Control learns the number of workers from the configuration that it reads. */
	return peer == IPC_TO_NEW_CONTROL ? s->worker == 0 : s->worker < s->workers;
}

static bool reply_valid(const struct ipc_reply *r)
{
	return r->status <= 0 && r->status >= -4095 && r->request >= IPC_CONFIGURE &&
	       r->request <= IPC_LAST_REQUEST;
}

static bool worker_state_valid(const struct ipc_worker_state *w)
{
	return w->worker < MCR_MAX_WORKERS && w->running <= 1 && w->pid >= 0 && cpu_valid(w->cpu) &&
	       w->ending < ENDINGS && w->out <= 1;
}

static bool upgraded_valid(const struct ipc_upgraded *u)
{
	return u->outcome < UPGRADE_OUTCOMES && memchr(u->theirs, '\0', sizeof(u->theirs));
}

static bool configure_valid(const struct ipc_configure *c)
{
	return c->workers >= 1 && c->workers <= MCR_MAX_WORKERS && flags_valid(c->flags) &&
	       c->busy_poll_us <= MCR_BUSY_POLL_MAX_US;
}

static bool pin_valid(const struct ipc_pin *p)
{
	return p->worker < MCR_MAX_WORKERS && cpu_valid(p->cpu);
}

static bool stand_in_valid(const struct ipc_stand_in *s)
{
	return s->worker < MCR_MAX_WORKERS && s->by < MCR_MAX_WORKERS && s->by != s->worker;
}

static bool request_valid(const struct ipc_msg *m)
{
	switch ((enum ipc_request)m->type) {
	case IPC_CONFIGURE:
		return configure_valid(&m->configure);
	case IPC_PIN:
	case IPC_RESTART_WORKER:
		return pin_valid(&m->pin);
	case IPC_OPEN_INPUT:
	case IPC_OPEN_OUTPUT:
		return iface_valid(&m->iface);
	case IPC_CLOSE_INPUT:
	case IPC_CLOSE_OUTPUT:
	case IPC_SET_FILTER:
		return m->iface.slot < MCR_MAX_IFACES;
	case IPC_OPEN_EGRESS_SOCKET:
		return egress_socket_valid(&m->egress_socket);
	case IPC_CLOSE_EGRESS_SOCKET:
		return m->egress_socket.id < MCR_MAX_EGRESS_SOCKETS;
	case IPC_JOIN:
	case IPC_LEAVE:
		return join_valid(&m->join);
	case IPC_BIND:
	case IPC_UNBIND:
		return bind_valid(&m->join);
	case IPC_PROBE:
		return probe_valid(&m->probe);
	case IPC_PUBLISH:
		return publish_valid(&m->publish);
	case IPC_STAND_IN:
		return stand_in_valid(&m->stand_in);
	case IPC_SPAWN:
	case IPC_REFRESH_STATS:
	case IPC_VERIFY:
	case IPC_UPGRADE:
	case IPC_READY:
		return true;
	}
	return false;
}

static bool to_new_child_valid(const struct ipc_msg *m, enum ipc_peer peer)
{
	switch ((enum ipc_to_new_child)m->type) {
	case IPC_PASS_FD:
		return pass_fd_valid(&m->pass_fd);
	case IPC_INTERFACE:
		return peer == IPC_TO_NEW_CONTROL && interface_valid(&m->interface);
	case IPC_START:
		return start_valid(&m->start, peer);
	}
	return false;
}

static bool to_control_valid(const struct ipc_msg *m)
{
	switch ((enum ipc_to_control)m->type) {
	case IPC_REPLY:
		return reply_valid(&m->reply);
	case IPC_WORKER_PAGE:
		return m->pin.worker < MCR_MAX_WORKERS;
	case IPC_WORKER_STATE:
		return worker_state_valid(&m->worker);
	case IPC_UPGRADED:
		return upgraded_valid(&m->upgraded);
	case IPC_RELOAD:
	case IPC_SHUTDOWN:
		return true;
	}
	return false;
}

static bool to_worker_valid(const struct ipc_msg *m)
{
	switch ((enum ipc_to_worker)m->type) {
	case IPC_INPUT:
		return input_valid(&m->input);
	case IPC_INPUT_CLOSE:
	case IPC_OUTPUT:
	case IPC_OUTPUT_CLOSE:
		return m->input.slot < MCR_MAX_IFACES && m->input.worker < MCR_MAX_WORKERS;
	case IPC_EGRESS_SOCKET:
		return egress_socket_valid(&m->egress_socket);
	case IPC_EGRESS_SOCKET_CLOSE:
		return m->egress_socket.id < MCR_MAX_EGRESS_SOCKETS;
	case IPC_SNAPSHOT:
		return publish_valid(&m->publish);
	case IPC_DRAIN:
		return true;
	}
	return false;
}

static bool payload_valid(const struct ipc_msg *m, enum ipc_peer peer)
{
	switch (peer) {
	case IPC_FROM_CONTROL:
		return request_valid(m);
	case IPC_FROM_WORKER:
		return true;
	case IPC_TO_NEW_CONTROL:
	case IPC_TO_NEW_WORKER:
		return to_new_child_valid(m, peer);
	case IPC_TO_CONTROL:
		return to_control_valid(m);
	case IPC_TO_WORKER:
		return to_worker_valid(m);
	case IPC_PEERS:
		break;
	}
	return false;
}

int ipc_parse(const void *buf, size_t len, unsigned n_fds, enum ipc_peer from, struct ipc_msg *out)
{
	struct ipc_msg msg;

	if (len != sizeof(msg))
		return -EBADMSG;
	memcpy(&msg, buf, sizeof(msg));
	if (msg.magic != IPC_MAGIC)
		return -EBADMSG;
	if (msg.type < directions[from].first || msg.type > directions[from].last)
		return -EPROTO;
	if (n_fds != descriptors_of(msg.type) || msg.has_fd != n_fds)
		return -EBADMSG;
	if (!payload_valid(&msg, from))
		return -ERANGE;
	*out = msg;
	return 0;
}

int ipc_send(int sock, struct ipc_msg *msg, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = msg, .iov_len = sizeof(*msg)};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cmsg;
	ssize_t n;

	msg->magic = IPC_MAGIC;
	msg->has_fd = fd >= 0;
	if (fd >= 0) {
		mh.msg_control = control.bytes;
		mh.msg_controllen = sizeof(control.bytes);
		cmsg = CMSG_FIRSTHDR(&mh);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	/* A sequenced-packet socket takes a message whole or not at all. */
	n = sendmsg(sock, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n < 0 ? -errno : 0;
}

/*
 * Keeps the first descriptor in @fd, closes the others; returns how many there were.
 * @no_room: the kernel found no free number for the first.  The sender is not to blame for that.
 */
static unsigned take_fds(struct msghdr *mh, int *fd, bool *no_room)
{
	unsigned n_fds = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= c->cmsg_len - CMSG_LEN(0);
		     at += sizeof(int)) {
			int got;

			memcpy(&got, CMSG_DATA(c) + at, sizeof(got));
			if (n_fds++ == 0)
				*fd = got;
			else
				close(got);
		}
	}
	/* The kernel has closed those that did not fit; their number does not matter. */
	*no_room = mh->msg_flags & MSG_CTRUNC && n_fds == 0;
	if (mh->msg_flags & MSG_CTRUNC)
		n_fds += *no_room ? 1 : 2;
	return n_fds;
}

int ipc_recv(int sock, enum ipc_peer from, struct ipc_msg *msg, int *fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} control;
	char buf[sizeof(*msg) + 1]; /* one more, so that a longer message shows */
	struct iovec iov = {.iov_base = buf, .iov_len = sizeof(buf)};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	unsigned n_fds;
	bool no_room;
	ssize_t n;
	int ret;

	*fd = -1;
	n = recvmsg(sock, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	n_fds = take_fds(&mh, fd, &no_room);
	ret = n == 0 ? 0 : ipc_parse(buf, (size_t)n, n_fds, from, msg);
	if (n > 0 && ret == 0)
		return no_room ? -EMFILE : 1;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return ret;
}
