// SPDX-License-Identifier: MIT
/*
 * command.c - sockets, tables and the end, as the supervisor says
 *
 * Sockets arrive before the snapshot that needs them, on the same channel.  A snapshot
 * that cannot be read changes nothing: the table in use stays, and the generation in
 * the status page, which does not move, tells control so.
 */
#include "daemon/worker/command.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/ipc.h"
#include "core/base/statpage.h"
#include "core/relay/egress.h"
#include "core/relay/match.h"
#include "core/relay/match_build.h"
#include "core/relay/relay.h"
#include "core/rules/snapshot.h"
#include "core/rules/snapshot_parse.h"
#include "daemon/common/memfd.h"
#include "daemon/common/roles.h"
#include "daemon/worker/io.h"
#include "daemon/worker/state.h"

/* The input that a message is about; NULL: it has none of another worker, nor room for it. */
static struct worker_input *input_of(struct worker *w, const struct ipc_input *m)
{
	struct worker_input *free = NULL;

	if (m->worker == w->index)
		return &w->inputs[m->slot];
	for (unsigned i = MCR_MAX_IFACES; i < w->n_inputs; i++) {
		struct worker_input *in = &w->inputs[i];

		if (in->sock >= 0 && in->slot == m->slot && in->worker == m->worker)
			return in;
		if (in->sock < 0)
			free = in;
	}
	if (!free && w->n_inputs < WORKER_INPUTS)
		free = &w->inputs[w->n_inputs++];
	return free;
}

static void close_input(struct worker *w, struct worker_input *in)
{
	if (!in || in->sock < 0)
		return;
	worker_finish_input(w, in);
	close(in->sock);
	in->sock = -1;
}

static void open_input(struct worker *w, const struct ipc_input *m, int fd)
{
	struct worker_input *in = input_of(w, m);

	close_input(w, in);
	if (!in) {
		log_limited(&w->limit_command, w->now_ns, SEV_ERROR, FAC_INGRESS,
			    "no room to stand in for worker %u on interface %s", m->worker,
			    w->inputs[m->slot].name);
		close(fd);
		return;
	}
	in->slot = m->slot;
	in->worker = m->worker;
	in->sock = fd;
	in->link = m->link;
	in->class = m->buf_class;
	in->serial = ++w->last_serial;
	in->starved = false;
	in->rearm_ns = 0;
}

static void set_output(struct worker *w, uint32_t slot, int fd)
{
	if (w->outputs[slot] >= 0)
		close(w->outputs[slot]);
	w->outputs[slot] = fd;
	egress_set_socket(w->egress, slot, fd);
}

static void set_egress_socket(struct worker *w, const struct ipc_egress_socket *as, int fd)
{
	const struct egress_target to = {
		.kind = as->kind,
		.connected = as->connected,
		.iface = as->iface,
		.to_be = as->to_be,
		.port = as->port,
		.source_port = as->source_port,
	};

	if (w->egress_sockets[as->id] >= 0)
		close(w->egress_sockets[as->id]);
	w->egress_sockets[as->id] = fd;
	egress_set_own_socket(w->egress, as->id, &to, fd);
}

static void publish_applied(struct worker *w, const struct match_table *t)
{
	const uint64_t one = 1;

	__atomic_store_n(&w->page->rules, match_rules(t), __ATOMIC_RELAXED);
	__atomic_store_n(&w->page->hash, match_hash(t), __ATOMIC_RELAXED);
	__atomic_store_n(&w->page->generation, match_generation(t), __ATOMIC_RELEASE);
	if (write(w->applied_fd, &one, sizeof(one)) < 0)
		log_limited(&w->limit_command, w->now_ns, SEV_WARNING, FAC_RULE_DISPATCH,
			    "cannot signal control: %s", strerror(errno));
}

/* Slots mean something to the supervisor and to us; the log says names. */
static void name_inputs(struct worker *w, const struct snapshot_view *v)
{
	for (uint32_t i = 0; i < v->n_ifaces; i++) {
		const struct snapshot_iface *f = &v->ifaces[i];

		if (f->slot < MCR_MAX_IFACES)
			memcpy(w->inputs[f->slot].name, f->name, sizeof(f->name));
	}
}

/* A table in place of the one in use; nobody has the pages' counters but the two. */
static int build_table(struct worker *w, const struct snapshot_view *whole,
		       const struct snapshot_view *changes)
{
	struct match_table *old = relay_swap(w->relay, NULL), *table;

	table = match_build_changed(whole, changes, w->index, w->page, w->limits, old);
	if (!table) {
		relay_swap(w->relay, old);
		return -ENOMEM;
	}
	relay_swap(w->relay, table);
	w->table = table;
	match_free(old);
	return 0;
}

static int change_table(struct worker *w, const struct snapshot_view *changes)
{
	int ret;

	if (!w->table)
		return -ESTALE;
	/* Rules may move: nothing may point at one. */
	relay_swap(w->relay, relay_swap(w->relay, NULL));
	ret = match_change(w->table, changes, w->index, w->page);
	return ret;
}

static void forget_whole(struct worker *w)
{
	if (w->whole)
		munmap((void *)(uintptr_t)w->whole, w->whole_bytes);
	w->whole = NULL;
}

/* Changes that belong to the whole snapshot before them make one table with it. */
static int apply_changes(struct worker *w, const struct snapshot_view *changes)
{
	struct snapshot_view whole;
	int ret;

	if (!w->whole)
		return change_table(w, changes);
	ret = snapshot_parse(w->whole, w->whole_bytes, &whole);
	if (ret == 0)
		ret = whole.generation == changes->base ? build_table(w, &whole, changes) : -ESTALE;
	forget_whole(w);
	return ret;
}

static int apply_snapshot(struct worker *w, const struct ipc_publish *m, int fd)
{
	struct snapshot_view view;
	const void *mem;
	int ret;

	ret = memfd_map(fd, m->size_bytes, &mem);
	if (ret < 0)
		return ret;
	ret = snapshot_parse(mem, m->size_bytes, &view);
	if (ret < 0)
		goto out;
	if (!view.base)
		forget_whole(w);
	if (!view.base && m->changes) {
		w->whole = mem;
		w->whole_bytes = m->size_bytes;
		return 0;
	}
	ret = view.base ? apply_changes(w, &view) : build_table(w, &view, NULL);
	if (ret < 0)
		goto out;
	name_inputs(w, &view);
	publish_applied(w, w->table);
out:
	munmap((void *)(uintptr_t)mem, m->size_bytes);
	return ret;
}

static void snapshot(struct worker *w, const struct ipc_publish *m, int fd)
{
	const int ret = apply_snapshot(w, m, fd);

	if (ret < 0)
		log_limited(&w->limit_command, w->now_ns, SEV_ERROR, FAC_RULE_DISPATCH,
			    "snapshot of generation %llu refused: %s",
			    (unsigned long long)m->generation, strerror(-ret));
	close(fd);
}

static void command(struct worker *w, const struct ipc_msg *m, int fd)
{
	switch ((enum ipc_to_worker)m->type) {
	case IPC_INPUT:
		open_input(w, &m->input, fd);
		break;
	case IPC_INPUT_CLOSE:
		close_input(w, input_of(w, &m->input));
		break;
	case IPC_OUTPUT:
		set_output(w, m->input.slot, fd);
		break;
	case IPC_OUTPUT_CLOSE:
		set_output(w, m->input.slot, -1);
		break;
	case IPC_EGRESS_SOCKET:
		set_egress_socket(w, &m->egress_socket, fd);
		break;
	case IPC_EGRESS_SOCKET_CLOSE:
		set_egress_socket(w, &m->egress_socket, -1);
		break;
	case IPC_SNAPSHOT:
		snapshot(w, &m->publish, fd);
		break;
	case IPC_DRAIN:
		w->draining = true;
		break;
	}
}

/*
 * A table takes time, and so does closing a packet socket (the kernel waits until nobody
 * can see it any more).  One turn of the loop does at most one of that: between two of them
 * datagrams pass, and the heartbeat goes on.  Messages left in the channel wake the loop again.
 */
void worker_commands(struct worker *w)
{
	struct ipc_msg m;
	int fd, ret;

	w->channel_ready = false;
	do {
		ret = ipc_recv(CHILD_CHANNEL_FD, IPC_TO_WORKER, &m, &fd);
		if (ret != 1)
			break;
		command(w, &m, fd);
		counter_add(&w->page->commands, 1);
	} while ((m.type != IPC_SNAPSHOT || w->whole) && m.type != IPC_INPUT_CLOSE);
	if (ret == 1)
		return;
	/*
	 * A descriptor for which there was no number is not sent again.  The next process is
	 * given everything anew.
	 */
	if (ret == 0 || ret == -EMFILE)
		w->channel_closed = true;
	if (ret < 0 && ret != -EAGAIN)
		log_limited(&w->limit_command, w->now_ns, SEV_ERROR, FAC_RULE_DISPATCH,
			    "message of the supervisor refused: %s", strerror(-ret));
}
