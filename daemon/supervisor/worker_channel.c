// SPDX-License-Identifier: MIT
/*
 * worker_channel.c - what a worker is given
 *
 * Inputs, outputs and the snapshot are not sent as they happen: worker_channel_sync()
 * compares what there is with what this worker was given, by incarnation, and
 * sends the difference.  So a worker that was busy, one that was restarted and one
 * that is up to date are the same case, and a worker whose channel is full delays
 * nobody.  Sockets always go before the snapshot that speaks of them.
 */
#include "daemon/supervisor/worker_channel.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/bitset.h"
#include "core/base/clock.h"
#include "core/base/ipc.h"
#include "core/base/statpage.h"
#include "daemon/common/log.h"
#include "daemon/common/startup.h"
#include "daemon/supervisor/child.h"
#include "daemon/supervisor/rings.h"
#include "daemon/supervisor/state.h"

#define AWAIT_NS (100 * NS_PER_MS) /* several turns of a worker that is overloaded */

static int begin(struct supervisor *s, unsigned worker)
{
	struct ipc_start start = child_start_values(s, &s->child[worker]);
	struct startup u = {.channel = s->child[worker].channel};
	const struct worker_record *w = &s->worker[worker];

	start.worker = worker;
	startup_pass(&u, PASSED_ARENA, worker, w->arena_fd);
	startup_pass(&u, PASSED_WORKER_PAGE, worker, w->page_fd);
	startup_pass(&u, PASSED_LIMITS, worker, s->limits_fd);
	startup_pass(&u, PASSED_APPLIED, worker, s->applied);
	startup_new(&u, PASSED_RINGS, worker, rings_describe(w));
	return startup_end(&u, &start);
}

static bool is_lent_to(const struct worker_record *w, unsigned worker)
{
	return w->lending != LENDING_NONE && w->stand_in == worker;
}

/* A fresh worker has nothing, neither of its own nor of those that it stands in for. */
static void clear_sent(struct supervisor *s, unsigned worker)
{
	struct worker_record *w = &s->worker[worker];

	memset(w->input_sent, 0, sizeof(w->input_sent));
	memset(w->output_sent, 0, sizeof(w->output_sent));
	memset(w->egress_socket_sent, 0, sizeof(w->egress_socket_sent));
	memset(w->egress_socket_due, 0, sizeof(w->egress_socket_due));
	for (unsigned i = 0; i < MCR_MAX_EGRESS_SOCKETS; i++)
		if (egress_socket_fd(&s->egress_socket[i], worker) >= 0)
			bitset_add(w->egress_socket_due, i);
	w->snapshot_sent = 0;
	w->sent = 0;
	w->behind = false;
	for (unsigned owner = 0; owner < s->workers; owner++)
		if (is_lent_to(&s->worker[owner], worker))
			memset(s->worker[owner].lent_sent, 0, sizeof(s->worker[owner].lent_sent));
}

void worker_channel_begin(struct supervisor *s, unsigned worker)
{
	struct worker_record *w = &s->worker[worker];
	int ret;

	clear_sent(s, worker);
	worker_page_init(w->page); /* whatever its predecessor made of it */
	__atomic_store_n(&w->page->commands, 0, __ATOMIC_RELAXED);
	ret = begin(s, worker);
	if (ret < 0 && ret != -EPIPE && ret != -ECONNRESET) {
		log_msg(SEV_ERROR, FAC_SUPERVISOR, "worker %u: first messages: %s", worker,
			strerror(-ret));
		child_end(s, &s->child[worker], END_CHANNEL_FULL, 0);
	}
}

/*
 * To a worker that is ready; it counts those that it has handled.
 * Return: as ipc_send().
 */
static int send_message(struct supervisor *s, unsigned worker, struct ipc_msg *msg, int fd)
{
	const int ret = ipc_send(s->child[worker].channel, msg, fd);

	if (ret == 0)
		s->worker[worker].sent++;
	return ret;
}

/* @sock: that of @owner, -1 when @worker is to close it */
static int send_input(struct supervisor *s, unsigned worker, unsigned slot, unsigned owner,
		      int sock)
{
	const struct input *in = &s->input[slot];
	struct ipc_msg msg = {.type = sock < 0 ? IPC_INPUT_CLOSE : IPC_INPUT,
			      .input = {.slot = slot,
					.ifindex = in->iface.ifindex,
					.link = in->iface.link,
					.buf_class = (uint8_t)in->buf_class,
					.worker = (uint8_t)owner}};

	return send_message(s, worker, &msg, sock);
}

static int send_output(struct supervisor *s, unsigned worker, unsigned slot, int sock)
{
	struct ipc_msg msg = {.type = sock < 0 ? IPC_OUTPUT_CLOSE : IPC_OUTPUT,
			      .input = {.slot = slot, .ifindex = s->output[slot].ifindex}};

	return send_message(s, worker, &msg, sock);
}

/*
 * @sent: incarnation of @owner's input that the worker has in this slot; @now: the one that it
 * is to have, 0 for none
 */
static int sync_input(struct supervisor *s, unsigned worker, unsigned owner, unsigned slot,
		      uint64_t *sent, uint64_t now)
{
	int ret = 0;

	if (*sent == now)
		return 0;
	if (*sent)
		ret = send_input(s, worker, slot, owner, -1);
	if (ret < 0)
		return ret;
	*sent = 0;
	if (now)
		ret = send_input(s, worker, slot, owner, s->input[slot].sock[owner]);
	if (ret == 0)
		*sent = now;
	return ret;
}

/* As long as another worker has its sockets, it has none. */
static int sync_own_input(struct supervisor *s, unsigned worker, unsigned slot)
{
	struct worker_record *w = &s->worker[worker];
	const bool has = w->lending == LENDING_NONE && s->input[slot].sock[worker] >= 0;

	return sync_input(s, worker, worker, slot, &w->input_sent[slot],
			  has ? s->input[slot].incarnation : 0);
}

static int sync_lent_input(struct supervisor *s, unsigned worker, unsigned owner, unsigned slot)
{
	struct worker_record *w = &s->worker[owner];
	const bool has = w->lending == LENDING_LENT && s->input[slot].sock[owner] >= 0;

	return sync_input(s, worker, owner, slot, &w->lent_sent[slot],
			  has ? s->input[slot].incarnation : 0);
}

static int sync_output(struct supervisor *s, unsigned worker, unsigned slot)
{
	const int sock = s->output[slot].sock[worker];
	const uint64_t now = sock < 0 ? 0 : s->output[slot].incarnation;
	uint64_t *sent = &s->worker[worker].output_sent[slot];
	int ret = 0;

	if (*sent == now)
		return 0;
	if (*sent)
		ret = send_output(s, worker, slot, -1);
	if (ret < 0)
		return ret;
	*sent = 0;
	if (now)
		ret = send_output(s, worker, slot, sock);
	if (ret == 0)
		*sent = now;
	return ret;
}

/* A socket takes the place of the one before it, without a message that closes that one. */
static int sync_egress_socket(struct supervisor *s, unsigned worker, unsigned id)
{
	const struct opened_egress_socket *o = &s->egress_socket[id];
	uint64_t *sent = &s->worker[worker].egress_socket_sent[id];
	const int fd = egress_socket_fd(o, worker);
	const uint64_t now = fd < 0 ? 0 : o->incarnation;
	struct ipc_msg msg = {.type = now ? IPC_EGRESS_SOCKET : IPC_EGRESS_SOCKET_CLOSE};
	int ret;

	if (*sent == now)
		return 0;
	if (now)
		msg.egress_socket = o->as;
	else
		msg.egress_socket.id = id;
	ret = send_message(s, worker, &msg, fd);
	if (ret == 0)
		*sent = now;
	return ret;
}

static int sync_egress_sockets(struct supervisor *s, unsigned worker)
{
	uint64_t *due = s->worker[worker].egress_socket_due;

	for (unsigned i = 0; i < MCR_MAX_EGRESS_SOCKETS / 64; i++) {
		for (; due[i]; due[i] &= due[i] - 1) {
			const unsigned id = i * 64 + (unsigned)__builtin_ctzll(due[i]);
			const int ret = sync_egress_socket(s, worker, id);

			if (ret < 0)
				return ret;
		}
	}
	return 0;
}

/* Egress sockets with a source port: the socket of an interface cannot stand in for them. */
static int sync_source_ports(struct supervisor *s, unsigned worker)
{
	int ret = 0;

	for (unsigned i = 0; i < MCR_MAX_EGRESS_SOCKETS && ret == 0; i++)
		if (s->egress_socket[i].incarnation && s->egress_socket[i].as.source_port)
			ret = sync_egress_socket(s, worker, i);
	return ret;
}

/* The whole snapshot, unless the worker has it, and its last changes. */
static int sync_snapshot(struct supervisor *s, unsigned worker)
{
	struct worker_record *w = &s->worker[worker];
	struct ipc_msg whole = {.type = IPC_SNAPSHOT, .publish = s->snapshot};
	struct ipc_msg changes = {.type = IPC_SNAPSHOT, .publish = s->changes};
	int ret = 0;

	if (s->snapshot_fd < 0 || w->snapshot_sent == s->snapshot_serial)
		return 0;
	if (w->snapshot_sent < s->whole_serial) {
		whole.publish.changes = s->changes_fd >= 0;
		ret = send_message(s, worker, &whole, s->snapshot_fd);
		if (ret == 0)
			w->snapshot_sent = s->whole_serial;
	}
	if (ret == 0 && s->changes_fd >= 0) {
		ret = send_message(s, worker, &changes, s->changes_fd);
		if (ret == 0)
			w->snapshot_sent = s->snapshot_serial;
	}
	return ret;
}

/* Inputs of workers that this one stands in for. */
static int sync_lent(struct supervisor *s, unsigned worker)
{
	int ret = 0;

	for (unsigned owner = 0; owner < s->workers && ret == 0; owner++) {
		struct worker_record *w = &s->worker[owner];

		if (!is_lent_to(w, worker))
			continue;
		for (unsigned i = 0; i < MCR_MAX_IFACES && ret == 0; i++)
			ret = sync_lent_input(s, worker, owner, i);
		if (ret == 0 && w->lending == LENDING_RETURNING && !w->return_mark)
			w->return_mark = s->worker[worker].sent;
	}
	return ret;
}

static int sync_all_kinds(struct supervisor *s, unsigned worker)
{
	int ret = 0;

	for (unsigned i = 0; i < MCR_MAX_IFACES && ret == 0; i++) {
		ret = sync_own_input(s, worker, i);
		if (ret == 0)
			ret = sync_output(s, worker, i);
	}
	/* Outputs with a source port have no other socket. */
	if (ret == 0 && !s->worker[worker].snapshot_sent)
		ret = sync_source_ports(s, worker);
	/*
	 * A fresh worker relays by the sockets of the interfaces while thousands of others are
	 * on their way.
	 */
	if (ret == 0 && !s->worker[worker].snapshot_sent)
		ret = sync_snapshot(s, worker);
	if (ret == 0)
		ret = sync_egress_sockets(s, worker);
	if (ret == 0)
		ret = sync_snapshot(s, worker);
	/* Its rules for another worker's sockets are in that snapshot. */
	return ret < 0 ? ret : sync_lent(s, worker);
}

bool worker_channel_sync(struct supervisor *s, unsigned worker)
{
	struct child *c = &s->child[worker];
	struct worker_record *w = &s->worker[worker];
	int ret;

	/* Until it is sealed and ready it takes nothing; its IPC_WORKER_READY brings us back here.
	 */
	if (c->state != CHILD_READY)
		return false;
	ret = sync_all_kinds(s, worker);
	if (w->behind != (ret == -EAGAIN)) {
		w->behind = ret == -EAGAIN;
		child_watch(s, c, true, w->behind);
	}
	if (ret < 0 && ret != -EAGAIN && ret != -EPIPE && ret != -ECONNRESET) {
		log_msg(SEV_ERROR, FAC_SUPERVISOR, "worker %u does not take its messages (%s)",
			worker, strerror(-ret));
		child_end(s, c, END_CHANNEL_FULL, 0);
	}
	return ret == 0;
}

uint64_t worker_channel_sync_all(struct supervisor *s)
{
	uint64_t busy = 0;

	for (unsigned i = 0; i < s->workers; i++)
		if (!worker_channel_sync(s, i))
			busy |= 1ull << i;
	return busy;
}

static bool is_up_to_date(const struct supervisor *s, unsigned worker)
{
	const struct child *c = &s->child[worker];
	const struct worker_record *w = &s->worker[worker];

	return c->state != CHILD_READY ||
	       (!w->behind && __atomic_load_n(&w->page->commands, __ATOMIC_RELAXED) >= w->sent);
}

void worker_channel_await(struct supervisor *s)
{
	const struct timespec pause = {.tv_nsec = NS_PER_MS};
	const uint64_t until_ns = monotonic_ns() + AWAIT_NS;

	for (unsigned i = 0; i < s->workers; i++)
		while (!is_up_to_date(s, i) && monotonic_ns() < until_ns)
			nanosleep(&pause, NULL);
}
