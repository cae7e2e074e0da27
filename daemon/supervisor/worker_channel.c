// SPDX-License-Identifier: MIT
/*
 * worker_channel.c - what a worker is given
 *
 * Inputs, outputs and the snapshot are not sent as they happen: worker_sync()
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

#include "core/base/clock.h"
#include "core/base/ipc.h"
#include "core/base/statpage.h"
#include "core/relay/arena.h"
#include "daemon/common/log.h"
#include "daemon/common/memfd.h"
#include "daemon/common/roles.h"
#include "daemon/supervisor/child.h"
#include "daemon/supervisor/control_channel.h"
#include "daemon/supervisor/egress_socket.h"
#include "daemon/supervisor/ring.h"
#include "daemon/supervisor/standin.h"
#include "daemon/supervisor/state.h"

#define AWAIT_NS (100 * NS_PER_MS) /* several turns of a worker that is overloaded */

int worker_map_page(struct worker *w)
{
	return memfd_map_shared(w->page_fd, sizeof(*w->page), 0, (void **)&w->page);
}

int worker_make_memory(struct supervisor *s, unsigned workers)
{
	for (unsigned i = 0; i < workers; i++) {
		struct worker *w = &s->worker[i];
		int ret = 0;

		if (w->page_fd < 0)
			w->page_fd = memfd_zeroed("mcr-worker-page", sizeof(*w->page));
		if (w->page_fd < 0)
			return w->page_fd;
		if (!w->page)
			ret = worker_map_page(w);
		if (ret < 0)
			return ret;
		worker_page_init(w->page);
		if (w->arena_fd < 0)
			w->arena_fd = memfd_zeroed("mcr-arena", WORKER_ARENA_BYTES);
		if (w->arena_fd < 0)
			return w->arena_fd;
	}
	return rings_make_all(s, workers);
}

static int pass(struct supervisor *s, unsigned worker, enum passed_fd what, int fd)
{
	struct ipc_msg msg = {.type = IPC_PASS_FD, .pass_fd = {.what = what, .index = worker}};

	return ipc_send(s->child[worker].channel, &msg, fd);
}

static int give_rings(struct supervisor *s, unsigned worker)
{
	int fd = rings_describe(&s->worker[worker]), ret;

	if (fd < 0)
		return fd;
	ret = pass(s, worker, PASSED_RINGS, fd);
	close(fd);
	return ret;
}

void worker_begin(struct supervisor *s, unsigned worker)
{
	struct worker *w = &s->worker[worker];
	struct ipc_msg start = {
		.type = IPC_START,
		.start = {.worker = worker,
			  .workers = s->workers,
			  .cpu = w->cpu,
			  .flags = s->worker_flags | (s->options->json_log ? IPC_FLAG_JSON_LOG : 0),
			  .started_ns = s->started_ns,
			  .busy_poll_us = s->busy_poll_us,
			  .uid = s->identity.uid,
			  .gid = s->identity.gid}};
	int ret;

	memset(w->input_sent, 0, sizeof(w->input_sent));
	memset(w->output_sent, 0, sizeof(w->output_sent));
	egress_socket_forget(s, worker);
	w->snapshot_sent = 0;
	w->sent = 0;
	stand_in_forget(s, worker);
	w->behind = false;
	worker_page_init(w->page); /* whatever its predecessor made of it */
	__atomic_store_n(&w->page->commands, 0, __ATOMIC_RELAXED);
	ret = pass(s, worker, PASSED_ARENA, w->arena_fd);
	if (ret == 0)
		ret = pass(s, worker, PASSED_WORKER_PAGE, w->page_fd);
	if (ret == 0)
		ret = pass(s, worker, PASSED_LIMITS, s->limits_fd);
	if (ret == 0)
		ret = pass(s, worker, PASSED_APPLIED, s->applied);
	if (ret == 0)
		ret = give_rings(s, worker);
	if (ret == 0)
		ret = ipc_send(s->child[worker].channel, &start, -1);
	if (ret < 0 && ret != -EPIPE && ret != -ECONNRESET) {
		log_msg(SEV_ERROR, FAC_SUPERVISOR, "worker %u: first messages: %s", worker,
			strerror(-ret));
		child_end(s, &s->child[worker], END_DEAF, 0);
	}
}

int worker_send_input(struct supervisor *s, unsigned worker, unsigned slot, unsigned owner,
		      int sock)
{
	const struct input *in = &s->input[slot];
	struct ipc_msg msg = {.type = sock < 0 ? IPC_INPUT_CLOSE : IPC_INPUT,
			      .input = {.slot = slot,
					.ifindex = in->iface.ifindex,
					.link = in->iface.link,
					.buf_class = (uint8_t)in->buf_class,
					.worker = (uint8_t)owner}};

	return worker_message(s, worker, &msg, sock);
}

static int send_slot(struct supervisor *s, unsigned worker, enum ipc_type type, unsigned slot,
		     int fd)
{
	struct ipc_msg msg = {.type = type, .input = {.slot = slot}};

	if (type == IPC_INPUT || type == IPC_INPUT_CLOSE)
		return worker_send_input(s, worker, slot, worker, fd);
	if (type == IPC_OUTPUT)
		msg.input.ifindex = s->output[slot].ifindex;
	return worker_message(s, worker, &msg, fd);
}

/*
 * @sent: what the worker has in this slot, @now: what it should have, @fd: its
 * socket, -1 when it gets none.
 */
static int sync_slot(struct supervisor *s, unsigned worker, unsigned slot, uint64_t *sent,
		     uint64_t now, int fd, enum ipc_type open, enum ipc_type close)
{
	int ret = 0;

	if (fd < 0)
		now = 0;
	if (*sent == now)
		return 0;
	if (*sent) {
		ret = send_slot(s, worker, close, slot, -1);
		if (ret < 0)
			return ret;
		*sent = 0;
	}
	if (now) {
		ret = send_slot(s, worker, open, slot, fd);
		if (ret == 0)
			*sent = now;
	}
	return ret;
}

static int sync_snapshot(struct supervisor *s, unsigned worker)
{
	struct worker *w = &s->worker[worker];
	struct ipc_msg msg = {.type = IPC_SNAPSHOT, .publish = s->snapshot};
	int ret;

	if (s->snapshot_fd < 0 || w->snapshot_sent == s->snapshot_serial)
		return 0;
	ret = worker_message(s, worker, &msg, s->snapshot_fd);
	if (ret == 0)
		w->snapshot_sent = s->snapshot_serial;
	return ret;
}

static int sync_everything(struct supervisor *s, unsigned worker)
{
	struct worker *w = &s->worker[worker];
	int ret = 0;

	for (unsigned i = 0; i < MCR_MAX_IFACES && ret == 0; i++) {
		/* As long as another worker has its sockets, it has none. */
		ret = sync_slot(s, worker, i, &w->input_sent[i], s->input[i].incarnation,
				w->stand_in ? -1 : s->input[i].sock[worker], IPC_INPUT,
				IPC_INPUT_CLOSE);
		if (ret == 0)
			ret = sync_slot(s, worker, i, &w->output_sent[i], s->output[i].incarnation,
					s->output[i].sock[worker], IPC_OUTPUT, IPC_OUTPUT_CLOSE);
	}
	/*
	 * A fresh worker relays by the sockets of the interfaces while thousands of others are
	 * on their way.
	 */
	if (ret == 0 && !w->snapshot_sent)
		ret = sync_snapshot(s, worker);
	if (ret == 0)
		ret = egress_socket_sync(s, worker);
	if (ret == 0)
		ret = sync_snapshot(s, worker);
	/* Its rules for another's sockets are in that snapshot. */
	return ret < 0 ? ret : stand_in_sync(s, worker);
}

bool worker_sync(struct supervisor *s, unsigned worker)
{
	struct child *c = &s->child[worker];
	struct worker *w = &s->worker[worker];
	int ret;

	/* Until it is sealed and ready it takes nothing; its IPC_READY brings us back here. */
	if (!c->ready || c->channel < 0)
		return false;
	ret = sync_everything(s, worker);
	if (w->behind != (ret == -EAGAIN)) {
		w->behind = ret == -EAGAIN;
		child_watch(s, c, true, w->behind);
	}
	if (ret < 0 && ret != -EAGAIN && ret != -EPIPE && ret != -ECONNRESET) {
		log_msg(SEV_ERROR, FAC_SUPERVISOR, "worker %u does not take its messages (%s)",
			worker, strerror(-ret));
		child_end(s, c, END_DEAF, 0);
	}
	return ret == 0;
}

uint64_t worker_sync_all(struct supervisor *s)
{
	uint64_t busy = 0;

	for (unsigned i = 0; i < s->workers; i++)
		if (!worker_sync(s, i))
			busy |= 1ull << i;
	return busy;
}

static bool is_up_to_date(const struct supervisor *s, unsigned worker)
{
	const struct child *c = &s->child[worker];
	const struct worker *w = &s->worker[worker];

	return !c->ready || c->channel < 0 ||
	       (!w->behind && __atomic_load_n(&w->page->commands, __ATOMIC_RELAXED) >= w->sent);
}

void worker_await(struct supervisor *s)
{
	const struct timespec pause = {.tv_nsec = NS_PER_MS};
	const uint64_t until_ns = monotonic_ns() + AWAIT_NS;

	for (unsigned i = 0; i < s->workers; i++)
		while (!is_up_to_date(s, i) && monotonic_ns() < until_ns)
			nanosleep(&pause, NULL);
}

static void became_ready(struct supervisor *s, unsigned worker)
{
	struct child *c = &s->child[worker];

	c->ready = true;
	c->overdue_ns = 0;
	c->away_ns = 0;
	c->out = false;
	rings_in_use(&s->worker[worker]);
	if (c->restarts)
		log_msg(SEV_NOTICE, FAC_SUPERVISOR, "worker %u runs again, pid %d", worker,
			(int)c->pid);
	stand_in_return(s, worker);
	worker_sync(s, worker);
	control_worker_state(s, worker);
	for (unsigned i = 0; i < s->workers; i++)
		if (!s->child[i].ready)
			return;
	control_spawn_done(s, 0, 0);
}

void worker_readable(struct supervisor *s, unsigned worker)
{
	struct child *c = &s->child[worker];
	struct ipc_msg m;
	int fd, ret;

	if (c->channel < 0)
		return;
	ret = ipc_recv(c->channel, IPC_FROM_WORKER, &m, &fd);
	if (ret == -EAGAIN || ret == -EINTR)
		return;
	if (ret == 1 && !c->ready) {
		became_ready(s, worker); /* IPC_READY is all that a worker may say */
		return;
	}
	if (ret == 0 || ret == -ECONNRESET) {
		child_hung_up(s, c);
		return;
	}
	if (fd >= 0)
		close(fd);
	log_msg(SEV_ERROR, FAC_SECURITY, "worker %u sent what it may not (%s)", worker,
		ret < 0 ? strerror(-ret) : "ready twice");
	child_end(s, c, END_MESSAGE, 0);
}
