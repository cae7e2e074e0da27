// SPDX-License-Identifier: MIT
/* listener.c - accept a bounded number in a turn, refuse beyond the limit */
#include "daemon/control/listener.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "daemon/common/log.h"
#include "daemon/control/client.h"
#include "daemon/control/epoll_key.h"
#include "daemon/control/process.h"
#include "daemon/control/state.h"

#define ACCEPTS_PER_TURN 16

static const char *socket_name(bool read_only)
{
	return read_only ? "status" : "control";
}

static enum epoll_source source_of(bool read_only)
{
	return read_only ? SOURCE_STATUS_LISTENER : SOURCE_CONTROL_LISTENER;
}

void control_listeners_watch(struct process *p, bool on)
{
	const int op = on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL;

	for (unsigned i = 0; i < 2 && on != p->watched; i++) {
		const union epoll_key key = epoll_key_of(source_of(i));

		if (p->listener[i] >= 0 &&
		    epoll_watch(p->c->epoll, op, p->listener[i], EPOLLIN, key) < 0)
			die(FAC_CONTROL_SOCKET, "epoll_ctl: %s", strerror(errno));
	}
	p->watched = on;
}

static void log_peer(int fd, bool read_only)
{
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
		log_msg(SEV_DEBUG, FAC_CONTROL_SOCKET, "%s client: pid %d, uid %u, gid %u",
			socket_name(read_only), (int)peer.pid, peer.uid, peer.gid);
}

void control_listener_accept(struct process *p, bool read_only, uint64_t now_ns)
{
	static struct log_limit full;

	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = accept4(p->listener[read_only], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		bool room = p->c->clients.n_clients[read_only] < CLIENTS_PER_LISTENER;

		if (fd < 0 && errno == ECONNABORTED)
			continue;
		if (fd < 0) {
			/* No descriptor left: not to be asked again before the next tick. */
			if (errno != EAGAIN && errno != EINTR)
				control_listeners_watch(p, false);
			return;
		}
		if (room)
			log_peer(fd, read_only);
		if (control_clients_add(&p->c->clients, fd, read_only, now_ns) == -EBUSY)
			log_limited(&full, now_ns, SEV_WARNING, FAC_CONTROL_SOCKET,
				    "a client was refused: %d %s clients are connected, which is "
				    "the limit",
				    CLIENTS_PER_LISTENER, socket_name(read_only));
	}
}

void control_listeners_sweep(struct process *p, uint64_t now_ns)
{
	static struct log_limit limit;
	struct control_clients *cs = &p->c->clients;

	control_clients_sweep(cs, now_ns);
	if (cs->closed != p->clients_closed)
		log_limited(&limit, now_ns, SEV_WARNING, FAC_CONTROL_SOCKET,
			    "clients closed because they exceeded a limit: %llu",
			    (unsigned long long)(cs->closed - p->clients_closed));
	p->clients_closed = cs->closed;
}
