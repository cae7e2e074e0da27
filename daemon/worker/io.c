// SPDX-License-Identifier: MIT
/*
 * io.c - receives, sends and the channel watch in one ring
 *
 * A multishot receive stays armed until the kernel says otherwise (no
 * IORING_CQE_F_MORE): its pool was empty, or the socket reported an error.  It is armed
 * again only when that can help: after buffers came back, or a while later.
 *
 * MSG_TRUNC makes the kernel report the true length of a frame that was larger than
 * its buffer (experiments/poc_gro_gso_super); without it the cut would go unseen.
 *
 * The channel is watched by a receive that peeks at one byte.  The message itself, with
 * its descriptor, is taken by recvmsg(2) afterwards: a receive in the ring could not
 * carry the descriptor.
 */
#include "daemon/worker/io.h"

#include <errno.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/statpage.h"
#include "core/relay/egress.h"
#include "core/relay/egress_done.h"
#include "core/relay/recover.h"
#include "core/relay/relay.h"
#include "daemon/common/roles.h"
#include "daemon/worker/state.h"
#include "daemon/worker/wait.h"

#define REARM_AFTER_ERROR_NS (100 * NS_PER_MS)
#define SUBMIT_SENDS         512u /* so that a system call is short against a heartbeat */

void worker_init_sockets(struct worker *w)
{
	w->n_inputs = MCR_MAX_IFACES;
	for (unsigned i = 0; i < WORKER_INPUTS; i++)
		w->inputs[i] = (struct worker_input){.slot = i, .worker = w->index, .sock = -1};
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++)
		w->outputs[i] = -1;
	for (unsigned i = 0; i < MCR_MAX_EGRESS_SOCKETS; i++)
		w->egress_sockets[i] = -1;
}

/* user_data of the receive of an input. */
static union ring_tag recv_tag(const struct worker_input *in)
{
	return (union ring_tag){
		.kind = RING_RECV,
		.class = (uint8_t)in->class,
		.slot = (uint8_t)in->slot,
		.link = (uint8_t)in->link,
		.serial = in->serial,
	};
}

void worker_queue_send(void *ctx, int sock, const struct msghdr *msg, struct egress_tag tag)
{
	struct worker *w = ctx;
	struct io_uring_sqe *sqe = ring_sqe(&w->ring);
	const union ring_tag user_data = {
		.send_kind = RING_SEND,
		.datagrams = tag.datagrams,
		.send = tag.send,
		.unit = tag.unit,
	};

	io_uring_prep_sendmsg(sqe, sock, msg, MSG_DONTWAIT);
	sqe->user_data = user_data.u64;
	if (++w->queued < SUBMIT_SENDS)
		return;
	w->queued = 0;
	if (ring_submit(&w->ring) == 0)
		worker_beat(w);
}

static void arm_input(struct worker *w, struct worker_input *in)
{
	struct io_uring_sqe *sqe = ring_sqe(&w->ring);

	io_uring_prep_recv_multishot(sqe, in->sock, NULL, 0, MSG_TRUNC);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = (uint16_t)in->class;
	sqe->user_data = recv_tag(in).u64;
	in->armed = true;
	in->starved = false;
}

static bool may_arm(const struct worker *w, const struct worker_input *in)
{
	const struct bufpool_class *c = &w->pool.class[in->class];

	/* Without a table nothing would match: what queued for a successor would be dropped. */
	if (!w->table || in->sock < 0 || in->armed || w->now_ns < in->rearm_ns)
		return false;
	return !in->starved || c->offered >= c->buffers / 8;
}

void worker_arm(struct worker *w)
{
	for (unsigned i = 0; i < w->n_inputs; i++)
		if (may_arm(w, &w->inputs[i]))
			arm_input(w, &w->inputs[i]);
	if (!w->channel_armed) {
		struct io_uring_sqe *sqe = ring_sqe(&w->ring);
		const union ring_tag tag = {.kind = RING_CHANNEL};

		io_uring_prep_recv(sqe, CHILD_CHANNEL_FD, &w->peek, sizeof(w->peek), MSG_PEEK);
		sqe->user_data = tag.u64;
		w->channel_armed = true;
	}
}

/* The input that a receive was armed for; NULL when its socket is gone. */
static struct worker_input *find_input(struct worker *w, union ring_tag tag)
{
	struct worker_input *in = &w->inputs[tag.slot % MCR_MAX_IFACES];

	for (unsigned i = MCR_MAX_IFACES; i < w->n_inputs && in->serial != tag.serial; i++)
		in = &w->inputs[i];
	return in->sock >= 0 && in->serial == tag.serial ? in : NULL;
}

/* The receive has ended: remember why, for worker_arm(). */
static void recv_ended(struct worker *w, union ring_tag tag, int res)
{
	struct worker_input *in = find_input(w, tag);
	const char *name;

	if (!in || !in->armed)
		return;
	name = w->inputs[in->slot].name;
	in->armed = false;
	if (res == -ENOBUFS) {
		in->starved = w->starved = true;
		counter_add(&w->page->ingress.buf_exhaust, 1);
	} else if (ring_is_unreadable(res, 0)) {
		/* The socket is well: it is armed again at once. */
		log_limited(&in->limit_recv, w->now_ns, SEV_WARNING, FAC_INGRESS,
			    "interface %s: this kernel cannot deliver a super-datagram of UDP "
			    "(6.2 or newer can); counted as unreadable.  Switch its sender's "
			    "tx-udp-segmentation off (ethtool -K)",
			    name);
	} else if (res < 0) {
		in->rearm_ns = w->now_ns + REARM_AFTER_ERROR_NS;
		log_limited(&in->limit_recv, w->now_ns, SEV_WARNING, FAC_INGRESS,
			    "receive on interface %s: %s", name, strerror(-res));
	}
}

/* The buffer of a receive, held; -1 when there is none. */
static int take_buffer(struct worker *w, const struct arena_event *e)
{
	const union ring_tag tag = {.u64 = e->tag};
	const uint32_t bid = e->flags >> IORING_CQE_BUFFER_SHIFT;
	int buffer;

	if (!(e->flags & IORING_CQE_F_BUFFER))
		return -1;
	buffer = bufpool_take(&w->pool, tag.class, bid);
	if (buffer < 0)
		log_limited(&w->limit_recv, w->now_ns, SEV_ERROR, FAC_BUFFER_POOL,
			    "the kernel returned buffer %u, which it does not have", bid);
	return buffer;
}

/* A completion of a receive, from the journal. */
static void recv_done(struct worker *w, struct arena_event *e)
{
	const union ring_tag tag = {.u64 = e->tag};
	int buffer;

	e->outcome = (struct arena_outcome){0};
	if (!(e->flags & IORING_CQE_F_MORE))
		recv_ended(w, tag, e->res);
	if (ring_is_unreadable(e->res, e->flags))
		ingress_count_unreadable(&w->page->ingress);
	buffer = take_buffer(w, e);
	if (buffer >= 0)
		e->outcome =
			relay_input(w->relay, (uint32_t)buffer, e->res > 0 ? (size_t)e->res : 0,
				    tag.slot, (enum link_layer)tag.link, w->now_ns);
}

/* Walks the completion queue: receives go to the journal, all else is handled. */
static void walk(struct worker *w)
{
	struct io_uring *u = &w->ring.uring;
	struct io_uring_cqe *cqe;
	unsigned head, seen = 0;

	io_uring_for_each_cqe(u, head, cqe) {
		const union ring_tag tag = {.u64 = cqe->user_data};

		seen++;
		switch ((enum ring_kind)tag.kind) {
		case RING_RECV:
			if (!journal_add(&w->journal, cqe->user_data, cqe->res, cqe->flags))
				log_limited(&w->limit_recv, w->now_ns, SEV_ERROR, FAC_INGRESS,
					    "more completions of receives than there are buffers");
			break;
		case RING_SEND:
			egress_done(w->egress, tag.send, cqe->res);
			break;
		case RING_CHANNEL:
			w->channel_armed = false;
			w->channel_ready = true;
			w->channel_closed = w->channel_closed || cqe->res == 0;
			break;
		case RING_CANCEL:
			break;
		}
	}
	if (!seen)
		return;
	journal_seen(&w->journal, head);
	io_uring_cq_advance(u, seen);
}

bool worker_has_input(const struct worker *w)
{
	/* Without a table nothing would match: what a predecessor left waits for it. */
	return w->table && journal_waiting(&w->journal);
}

unsigned worker_reap(struct worker *w)
{
	unsigned n = 0;

	walk(w);
	while (worker_has_input(w) && !relay_full(w->relay)) {
		recv_done(w, journal_event(&w->journal, w->journal.in));
		w->journal.in++;
		n++;
	}
	return n;
}

static uint32_t position(const struct worker *w)
{
	return *w->ring.uring.cq.khead;
}

/*
 * A batch may take longer than a heartbeat.  A worker that sends is not hung; one whose sends
 * do not complete is.
 */
static void beat_if_sending(struct worker *w)
{
	const uint64_t calls = w->page->egress.calls;

	if (calls - w->beat_calls < SUBMIT_SENDS)
		return;
	w->beat_calls = calls;
	worker_beat(w);
}

void worker_drain(void *ctx)
{
	struct worker *w = ctx;
	struct egress *e = w->egress;

	do {
		w->queued = 0;
		if (ring_submit(&w->ring) < 0)
			return;
		walk(w);
		beat_if_sending(w);
	} while (egress_retry(e) || egress_in_flight(e));
	/* Before the first completion of this batch is overwritten. */
	if (egress_settled(e) && position(w) - w->journal.c->cq > w->ring.uring.cq.ring_entries / 4)
		journal_commit_part(&w->journal, position(w), egress_segments_max(e),
				    egress_unit(e));
}

/* The batch is over: its completions and counters are settled. */
static void commit(struct worker *w)
{
	struct journal *j = &w->journal;

	if (j->c->first == j->in && j->c->cq == position(w))
		return;
	journal_commit(j, position(w), egress_segments_next(w->egress));
}

/* The time of this turn bounds the length of the next batch. */
static void keep_pace(struct worker *w, uint32_t packets)
{
	if (packets < PACE_SAMPLE)
		return;
	w->now_ns = monotonic_ns();
	pace_took(&w->pace, packets, w->now_ns - w->turn_ns);
	relay_set_packets_max(w->relay, pace_packets(&w->pace));
}

/*
 * Buffers go back to the kernel only after the commit: until then a successor may need
 * what is in them.
 */
void worker_flush(struct worker *w)
{
	const uint32_t packets = relay_packets(w->relay);

	/* Nothing was gathered, and the batch in the journal is the predecessor's. */
	if (!w->table)
		return;
	journal_flush(&w->journal);
	egress_set_time(w->egress, w->now_ns);
	relay_flush(w->relay);
	worker_drain(w);
	commit(w);
	bufpool_commit(&w->pool);
	keep_pace(w, packets);
	if (w->journal.header->attempts && !w->recovery &&
	    (!journal_waiting(&w->journal) || (int32_t)(w->journal.in - w->recovered_until) >= 0))
		recover_end(w->arena);
}

static void discard_event(struct worker *w, const struct arena_event *e)
{
	const union ring_tag tag = {.u64 = e->tag};
	const int buffer = take_buffer(w, e);

	if (ring_is_unreadable(e->res, e->flags))
		ingress_count_unreadable(&w->page->ingress);
	if (buffer >= 0)
		relay_discard(w->relay, (uint32_t)buffer, e->res > 0 ? (size_t)e->res : 0,
			      (enum link_layer)tag.link);
}

static void disarm(struct worker *w, struct worker_input *in)
{
	struct io_uring_sqe *sqe;
	const union ring_tag cancel = {.kind = RING_CANCEL};

	if (!in->armed)
		return;
	sqe = ring_sqe(&w->ring);
	io_uring_prep_cancel64(sqe, recv_tag(in).u64, 0);
	sqe->user_data = cancel.u64;
	in->armed = false;
}

void worker_finish_input(struct worker *w, struct worker_input *in)
{
	uint32_t received, done = 0;

	disarm(w, in);
	if (ring_submit(&w->ring) < 0)
		return;
	walk(w);
	received = journal_waiting(&w->journal);
	while (done < received && worker_has_input(w)) {
		done += worker_reap(w);
		worker_flush(w);
	}
}

void worker_discard(struct worker *w)
{
	/* Without a table the batch in the journal is the predecessor's, for a successor. */
	if (!w->table)
		return;
	for (unsigned i = 0; i < w->n_inputs; i++)
		disarm(w, &w->inputs[i]);
	/* The receives end while this is submitted. */
	if (ring_submit(&w->ring) < 0)
		return;
	walk(w);
	for (; journal_waiting(&w->journal); w->journal.in++)
		discard_event(w, journal_event(&w->journal, w->journal.in));
	commit(w);
}
