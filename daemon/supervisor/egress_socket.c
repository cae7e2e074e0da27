// SPDX-License-Identifier: MIT
/*
 * egress_socket.c - a socket for each worker that serves the outputs
 *
 * Control says which outputs have a socket of their own and which share one; the
 * interface's socket (iface.c) serves what has neither.  So nothing is lost
 * when a socket cannot be made, or has not reached a worker yet.
 *
 * Each worker of the mask has a socket of its own, because workers that share one would
 * share its errors and its send buffer.  The number of sockets is bounded, whatever
 * control asks for.
 */
#include "daemon/supervisor/egress_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/bitset.h"
#include "core/base/ipc.h"
#include "daemon/priv/socket.h"
#include "daemon/supervisor/descriptor_reserve.h"
#include "daemon/supervisor/limit.h"
#include "daemon/supervisor/state.h"
#include "daemon/supervisor/worker_channel.h"

unsigned egress_socket_budget(void)
{
	const unsigned share = descriptor_budget() / 4;

	return share < MCR_MAX_EGRESS_SOCKETS ? share : MCR_MAX_EGRESS_SOCKETS;
}

static unsigned sockets_of(const struct ipc_egress_socket *as)
{
	return (unsigned)__builtin_popcountll(as->worker_mask);
}

/* Those workers are to be told of it. */
static void announce(struct supervisor *s, unsigned id, uint64_t workers)
{
	for (uint64_t mask = workers; mask; mask &= mask - 1)
		bitset_add(s->worker[__builtin_ctzll(mask)].egress_socket_due, id);
	for (uint64_t mask = workers; mask; mask &= mask - 1)
		worker_channel_sync(s, (unsigned)__builtin_ctzll(mask));
}

static void close_sockets(int *sock, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		close(sock[i]);
	free(sock);
}

static int open_sockets(const struct ipc_egress_socket *as, int **socks, uint32_t *from_be,
			bool *connected)
{
	const unsigned n = sockets_of(as);
	int *sock = calloc(n, sizeof(*sock));

	if (!sock)
		return -ENOMEM;
	*connected = as->kind == EGRESS_SOCKET_OWN;
	for (unsigned i = 0; i < n; i++) {
		bool is = false;
		int fd = descriptor_or_refuse(priv_own_egress_socket(as, from_be, &is));

		if (fd < 0) {
			close_sockets(sock, i);
			return fd;
		}
		sock[i] = fd;
		*connected &= is;
	}
	*socks = sock;
	return 0;
}

/* A new control counts serials anew. */
static bool is_open_as(const struct supervisor *s, const struct opened_egress_socket *o,
		       const struct ipc_egress_socket *as)
{
	struct ipc_egress_socket have = o->as;

	have.connected = as->connected;
	if (o->round != s->round)
		have.serial = as->serial;
	return o->incarnation && memcmp(&have, as, sizeof(have)) == 0;
}

int egress_socket_open(struct supervisor *s, const struct ipc_egress_socket *as)
{
	struct opened_egress_socket *o = &s->egress_socket[as->id];
	const unsigned had = o->incarnation ? sockets_of(&o->as) : 0;
	const uint64_t had_workers = o->incarnation ? o->as.worker_mask : 0;
	uint32_t from_be = 0;
	bool connected;
	int *sock, ret;

	if (is_open_as(s, o, as)) {
		o->round = s->round;
		o->as.serial = as->serial;
		return -EEXIST;
	}
	if (!as->worker_mask || (as->worker_mask & ~worker_mask_all(s->workers)))
		return -ERANGE;
	if (!s->output[as->iface].incarnation || s->output[as->iface].ifindex != as->ifindex)
		return -ENOENT;
	if (s->egress_sockets_open - had + sockets_of(as) > egress_socket_budget())
		return -ENOSPC;
	for (unsigned i = 0; i < sockets_of(as); i++)
		if (!limit_take(s, LIMIT_EGRESS_SOCKETS))
			return -EAGAIN;
	ret = open_sockets(as, &sock, &from_be, &connected);
	if (ret < 0)
		return ret;
	if (had)
		close_sockets(o->sock, had);
	*o = (struct opened_egress_socket){
		.incarnation = ++s->next_incarnation, .round = s->round, .as = *as, .sock = sock};
	o->as.connected = connected;
	o->from_be = connected ? from_be : 0;
	s->egress_sockets_open += sockets_of(as) - had;
	announce(s, as->id, had_workers | as->worker_mask);
	return 0;
}

int egress_socket_close(struct supervisor *s, unsigned id)
{
	struct opened_egress_socket *o = &s->egress_socket[id];
	const uint64_t workers = o->as.worker_mask;

	if (!o->incarnation)
		return -ENOENT;
	s->egress_sockets_open -= sockets_of(&o->as);
	close_sockets(o->sock, sockets_of(&o->as));
	*o = (struct opened_egress_socket){0};
	announce(s, id, workers);
	return 0;
}

unsigned egress_socket_drop_others(struct supervisor *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MCR_MAX_EGRESS_SOCKETS; i++)
		if (s->egress_socket[i].incarnation && s->egress_socket[i].round != s->round)
			n += egress_socket_close(s, i) == 0;
	return n;
}

void egress_socket_fini(struct supervisor *s)
{
	for (unsigned i = 0; i < MCR_MAX_EGRESS_SOCKETS; i++)
		if (s->egress_socket[i].incarnation)
			close_sockets(s->egress_socket[i].sock,
				      sockets_of(&s->egress_socket[i].as));
	memset(s->egress_socket, 0, sizeof(s->egress_socket));
	s->egress_sockets_open = 0;
}
