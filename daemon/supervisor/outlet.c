// SPDX-License-Identifier: MIT
/*
 * outlet.c - egress sockets of single outputs, and of the outputs to one host
 *
 * Control says which outputs have a socket of their own and which share one; the
 * interface's socket (iface.c) serves what has neither.  So nothing is lost
 * when a socket cannot be made, or has not reached a worker yet.
 *
 * Each worker of the mask has a socket of its own, because workers that share one would
 * share its errors and its send buffer.  The number of sockets is bounded, whatever
 * control asks for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/supervisor/descriptor_reserve.h"
#include "daemon/supervisor/supervisor.h"

unsigned outlet_budget(void)
{
	const unsigned share = descriptor_budget() / 4;

	return share < MCR_MAX_OUTLETS ? share : MCR_MAX_OUTLETS;
}

static unsigned sockets_of(const struct ipc_outlet *as)
{
	return (unsigned)__builtin_popcountll(as->worker_mask);
}

/* Those workers are to be told of it. */
static void announce(struct supervisor *s, unsigned id, uint64_t workers)
{
	for (uint64_t mask = workers; mask; mask &= mask - 1)
		s->worker[__builtin_ctzll(mask)].outlet_due[id / 64] |= 1ull << id % 64;
	for (uint64_t mask = workers; mask; mask &= mask - 1)
		worker_sync(s, (unsigned)__builtin_ctzll(mask));
}

static void close_sockets(int *sock, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		close(sock[i]);
	free(sock);
}

static int open_sockets(const struct ipc_outlet *as, int **socks, uint32_t *from_be,
			bool *connected)
{
	const unsigned n = sockets_of(as);
	int *sock = calloc(n, sizeof(*sock));

	if (!sock)
		return -ENOMEM;
	*connected = as->kind == OUTLET_OWN;
	for (unsigned i = 0; i < n; i++) {
		bool is = false;
		int fd = descriptor_or_refuse(priv_outlet_socket(as, from_be, &is));

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
static bool is_open_as(const struct supervisor *s, const struct egress_outlet *o,
		       const struct ipc_outlet *as)
{
	struct ipc_outlet have = o->as;

	have.connected = as->connected;
	if (o->round != s->round)
		have.serial = as->serial;
	return o->incarnation && memcmp(&have, as, sizeof(have)) == 0;
}

int outlet_open(struct supervisor *s, const struct ipc_outlet *as)
{
	struct egress_outlet *o = &s->outlet[as->id];
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
	if (s->outlet_sockets - had + sockets_of(as) > outlet_budget())
		return -ENOSPC;
	for (unsigned i = 0; i < sockets_of(as); i++)
		if (!limit_take(s, LIMIT_OUTLETS))
			return -EAGAIN;
	ret = open_sockets(as, &sock, &from_be, &connected);
	if (ret < 0)
		return ret;
	if (had)
		close_sockets(o->sock, had);
	*o = (struct egress_outlet){
		.incarnation = ++s->next_incarnation, .round = s->round, .as = *as, .sock = sock};
	o->as.connected = connected;
	o->from_be = connected ? from_be : 0;
	s->outlet_sockets += sockets_of(as) - had;
	announce(s, as->id, had_workers | as->worker_mask);
	return 0;
}

int outlet_close(struct supervisor *s, unsigned id)
{
	struct egress_outlet *o = &s->outlet[id];
	const uint64_t workers = o->as.worker_mask;

	if (!o->incarnation)
		return -ENOENT;
	s->outlet_sockets -= sockets_of(&o->as);
	close_sockets(o->sock, sockets_of(&o->as));
	*o = (struct egress_outlet){0};
	announce(s, id, workers);
	return 0;
}

unsigned outlet_drop_others(struct supervisor *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MCR_MAX_OUTLETS; i++)
		if (s->outlet[i].incarnation && s->outlet[i].round != s->round)
			n += outlet_close(s, i) == 0;
	return n;
}

void outlet_forget(struct supervisor *s, unsigned worker)
{
	struct worker *w = &s->worker[worker];

	memset(w->outlet_sent, 0, sizeof(w->outlet_sent));
	memset(w->outlet_due, 0, sizeof(w->outlet_due));
	for (unsigned i = 0; i < MCR_MAX_OUTLETS; i++)
		if (outlet_socket(&s->outlet[i], worker) >= 0)
			w->outlet_due[i / 64] |= 1ull << i % 64;
}

/* As sync_slot() of worker_channel.c. */
static int sync_one(struct supervisor *s, unsigned worker, unsigned id)
{
	const struct egress_outlet *o = &s->outlet[id];
	uint64_t *sent = &s->worker[worker].outlet_sent[id];
	const int fd = outlet_socket(o, worker);
	const uint64_t now = fd < 0 ? 0 : o->incarnation;
	struct ipc_msg msg = {.type = now ? IPC_OUTLET : IPC_OUTLET_CLOSE};
	int ret;

	if (*sent == now)
		return 0;
	/* A socket takes the place of the one before it. */
	if (now)
		msg.outlet = o->as;
	else
		msg.outlet.id = id;
	ret = worker_message(s, worker, &msg, fd);
	if (ret == 0)
		*sent = now;
	return ret;
}

int outlet_sync(struct supervisor *s, unsigned worker)
{
	uint64_t *due = s->worker[worker].outlet_due;

	for (unsigned i = 0; i < MCR_MAX_OUTLETS / 64; i++) {
		for (; due[i]; due[i] &= due[i] - 1) {
			int ret = sync_one(s, worker, i * 64 + (unsigned)__builtin_ctzll(due[i]));

			if (ret < 0)
				return ret;
		}
	}
	return 0;
}

void outlet_fini(struct supervisor *s)
{
	for (unsigned i = 0; i < MCR_MAX_OUTLETS; i++)
		if (s->outlet[i].incarnation)
			close_sockets(s->outlet[i].sock, sockets_of(&s->outlet[i].as));
	memset(s->outlet, 0, sizeof(s->outlet));
	s->outlet_sockets = 0;
}
