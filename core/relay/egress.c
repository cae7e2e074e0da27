// SPDX-License-Identifier: MIT
/*
 * egress.c - forming GSO batches, sending them, and what to do when the kernel says no
 *
 * Refusals and what follows from them (experiments/poc_egress_recverr,
 * poc_egress_connected and poc_gro_gso_super show each):
 *
 *   what ICMP can cause   IP_RECVERR makes an ICMP message about an earlier datagram fail a
 *                         later send of the same socket, which takes the error away: the
 *                         same is sent again, up to EGRESS_SOCKET_PATIENCE times.  An error that
 *                         stays is the kernel's own; it counts, and one more try is enough
 *                         until the socket has taken a send
 *   ECONNREFUSED, EHOSTUNREACH  of these, on the socket of one unicast output: no port took
 *                         an earlier datagram, or it did not reach the host.  One that was
 *                         counted as sent is counted as port_unreachable or unreachable
 *                         instead, when the send that met the error is taken
 *   EIO, EOPNOTSUPP       the way out cannot do UDP_SEGMENT: single sends for a while
 *   EMSGSIZE, EINVAL      on a UDP_SEGMENT send: the MTU shrank before the table knew, or
 *                         an older kernel takes 64 segments only: this GSO batch goes out
 *                         datagram by datagram, which the kernel can fragment
 *   EAGAIN, ENOBUFS, all else  dropped and counted, nothing waits
 *
 * What is sent again goes in the order in which it failed, every GSO batch whole before the
 * next.  What follows a GSO batch of its rule could still be taken where the GSO batch is refused,
 * and overtake it: so nothing is queued behind a GSO batch until its socket has taken one of its
 * kind.  Order within a flow is lost only where the kernel changes its mind in the midst of
 * a batch, for that batch, and where an ICMP message strikes its socket.
 */
#include "core/relay/egress.h"

#include <assert.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/statpage.h"
#include "core/relay/bufpool.h"
#include "core/relay/egress_socket.h"
#include "core/relay/finished.h"
#include "core/relay/gso_batch.h"
#include "core/relay/refusal.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/* Those of interfaces come after the others. */
#define EGRESS_SOCKETS (MCR_MAX_EGRESS_SOCKETS + MCR_MAX_IFACES)

enum again { AGAIN_NO, AGAIN_SAME, AGAIN_SINGLES };

struct send {
	struct msghdr msg;
	struct iovec one; /* a datagram sent by itself */
	_Alignas(struct cmsghdr) uint8_t control[MATCH_CONTROL_MAX + CMSG_SPACE(sizeof(int))];
	struct match_output *output;
	struct gso_batch *gso;
	uint32_t unit;
	uint32_t datagrams;
	uint32_t bytes;
	uint16_t tries; /* that an ICMP message may have failed, and of them: */
	uint16_t refused, unreached;
	bool singles;           /* set aside to be sent datagram by datagram */
	uint32_t next;          /* in the free list or the again list */
	uint32_t egress_socket; /* where it goes out, whatever becomes of the output meanwhile */
};

struct egress {
	struct bufpool *pool;
	struct worker_page *page;
	struct egress_io io;
	bool per_packet;
	bool retrying;          /* egress_retry() has sends in hand that are in no list */
	uint32_t segments_max;  /* of this batch: GSO batch boundaries decide the numbers */
	uint32_t segments_next; /* of the next one */
	uint32_t in_flight;
	uint32_t taken;       /* send slots that are not free */
	uint32_t taken_units; /* datagrams in them */
	uint32_t unit;
	struct finished finished;
	uint32_t free_send, free_gso;
	uint32_t again_head, again_tail;
	uint64_t now_ns;
	uint32_t n_notices;
	struct snapshot_output notices[EGRESS_NOTICES]; /* outputs that began to fragment */
	struct egress_socket egress_sockets[EGRESS_SOCKETS];
	struct send sends[EGRESS_SENDS];
	struct gso_batch gso_batches[EGRESS_GSO_BATCHES];
};

struct egress *egress_new(struct bufpool *pool, struct worker_page *page,
			  const struct egress_io *io, bool per_packet)
{
	struct egress *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->pool = pool;
	e->page = page;
	e->io = *io;
	e->per_packet = per_packet;
	e->segments_max = e->segments_next = EGRESS_SEGMENTS_MAX;
	e->again_head = e->again_tail = CHAIN_END;
	egress_set_sends(e, EGRESS_SENDS);
	for (uint32_t i = 0; i < EGRESS_GSO_BATCHES; i++)
		e->gso_batches[i].next_free = i + 1 < EGRESS_GSO_BATCHES ? i + 1 : CHAIN_END;
	for (uint32_t i = 0; i < EGRESS_SOCKETS; i++)
		e->egress_sockets[i].sock = -1;
	return e;
}

void egress_free(struct egress *e)
{
	free(e);
}

void egress_set_sends(struct egress *e, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		e->sends[i].next = i + 1 < n ? i + 1 : CHAIN_END;
	e->free_send = 0;
}

void egress_set_socket(struct egress *e, uint32_t iface, int sock)
{
	if (iface < MCR_MAX_IFACES)
		e->egress_sockets[MCR_MAX_EGRESS_SOCKETS + iface] = (struct egress_socket){
			.sock = sock, .kind = EGRESS_SOCKET_INTERFACE, .iface = iface};
}

void egress_set_own_socket(struct egress *e, const struct ipc_egress_socket *as, int sock)
{
	if (as->id < MCR_MAX_EGRESS_SOCKETS)
		e->egress_sockets[as->id] = (struct egress_socket){.sock = sock,
								   .kind = as->kind,
								   .connected = as->connected,
								   .iface = as->iface,
								   .to_be = as->to_be,
								   .port = as->port};
}

uint32_t egress_in_flight(const struct egress *e)
{
	return e->in_flight;
}

bool egress_settled(const struct egress *e)
{
	return !e->taken && !e->retrying;
}

void egress_begin(struct egress *e)
{
	e->segments_max = e->segments_next;
	e->unit = 0;
}

void egress_set_time(struct egress *e, uint64_t now_ns)
{
	e->now_ns = now_ns;
}

bool egress_next_fragmented(struct egress *e, struct snapshot_output *of)
{
	if (!e->n_notices)
		return false;
	*of = e->notices[--e->n_notices];
	return true;
}

void egress_number(struct egress *e, uint32_t unit)
{
	e->unit = unit;
}

uint32_t egress_unit(const struct egress *e)
{
	return e->unit;
}

void egress_set_finished(struct egress *e, const struct finished *finished)
{
	e->finished = *finished;
}

uint32_t egress_segments_max(const struct egress *e)
{
	return e->segments_max;
}

uint32_t egress_segments_next(const struct egress *e)
{
	return e->segments_next;
}

void egress_set_segments_max(struct egress *e, uint32_t segments)
{
	if (segments == EGRESS_SEGMENTS_OLD || segments == EGRESS_SEGMENTS_MAX)
		e->segments_next = segments;
}

/*
 * Both sides of the law at once, when the end of a datagram is known: so it holds
 * whenever nothing is in flight, in the midst of a batch as well.
 */
static void count_end(struct egress *e, struct match_output *o, uint32_t n, uint32_t bytes, int res)
{
	counter_add(&o->counters->matched, n);
	counter_add(&e->page->egress.matched, n);
	if (res < 0) {
		counter_add(&o->counters->drops[send_drop_from_errno(-res)], n);
		counter_add(&e->page->egress.drops[send_drop_from_errno(-res)], n);
		return;
	}
	counter_add(&o->counters->sent, n);
	counter_add(&o->counters->bytes, bytes);
	counter_add(&e->page->egress.sent, n);
	counter_add(&e->page->egress.bytes, bytes);
}

/* NULL for one whose interface has no socket. */
static struct egress_socket *egress_socket_of(struct egress *e, const struct match_output *o)
{
	struct egress_socket *l;

	if (o->rec.iface >= MCR_MAX_IFACES)
		return NULL;
	if (o->rec.egress_socket && o->rec.egress_socket <= MCR_MAX_EGRESS_SOCKETS) {
		l = &e->egress_sockets[o->rec.egress_socket - 1];
		if (egress_socket_serves(l, &o->rec))
			return l;
	}
	l = &e->egress_sockets[MCR_MAX_EGRESS_SOCKETS + o->rec.iface];
	return l->sock >= 0 ? l : NULL;
}

/* Why nothing can go to @o, as a send would say it: negative errno; 0: it can. */
static int unsendable(const struct match_output *o, const struct egress_socket *l,
		      const struct gso_batch *r)
{
	if (o->rec.ttl_set == TTL_DECREMENT && r->ttl <= 1)
		return -ETIME; /* of no send: see send_drop_from_errno() */
	switch ((enum output_hold)o->rec.hold) {
	case OUTPUT_HOLD_UNREACHABLE:
		return -EHOSTUNREACH;
	case OUTPUT_HOLD_NO_SOURCE:
		return -EADDRNOTAVAIL;
	case OUTPUT_HOLD_REFUSED:
		return -EACCES;
	case OUTPUT_HOLD_NONE:
	case OUTPUT_HOLDS:
		break;
	}
	return l ? 0 : -ENODEV;
}

/* --- GSO batches --- */

static struct gso_batch *gso_take(struct egress *e)
{
	struct gso_batch *r;

	if (e->free_gso == CHAIN_END)
		e->io.drain(e->io.ctx);
	assert(e->free_gso != CHAIN_END);
	r = &e->gso_batches[e->free_gso];
	e->free_gso = r->next_free;
	r->n_iov = 0;
	r->bytes = 0;
	r->datagrams = 0;
	r->refs = 1;
	return r;
}

static void gso_put(struct egress *e, struct gso_batch *r)
{
	if (--r->refs)
		return;
	for (uint32_t i = 0; i < r->n_iov; i++)
		bufpool_unref(e->pool, r->buffers[i]);
	r->next_free = e->free_gso;
	e->free_gso = (uint32_t)(r - e->gso_batches);
}

/* Takes the chain's items from @i on, as many as one send can carry. */
static struct gso_batch *gso_make(struct egress *e, const struct egress_item *items, uint32_t *i)
{
	struct gso_batch *r = gso_take(e);

	r->segment_bytes = items[*i].segment_bytes;
	r->ttl = items[*i].ttl;
	for (; *i != CHAIN_END && gso_batch_takes(r, &items[*i], e->segments_max);
	     *i = items[*i].next) {
		bufpool_ref(e->pool, items[*i].buffer);
		gso_batch_append(r, &items[*i]);
	}
	return r;
}

/* --- sends --- */

static struct send *send_take(struct egress *e, struct match_output *o, struct egress_socket *l,
			      struct gso_batch *r, uint32_t unit)
{
	struct send *s;

	if (e->free_send == CHAIN_END || (e->taken_units >= EGRESS_UNITS && !e->retrying))
		e->io.drain(e->io.ctx);
	assert(e->free_send != CHAIN_END);
	s = &e->sends[e->free_send];
	e->free_send = s->next;
	e->taken++;
	s->output = o;
	s->egress_socket = (uint32_t)(l - e->egress_sockets);
	s->gso = r;
	s->unit = unit;
	s->tries = s->refused = s->unreached = 0;
	s->singles = false;
	s->msg = (struct msghdr){0};
	if (!l->connected) {
		s->msg.msg_name = &o->to;
		s->msg.msg_namelen = sizeof(o->to);
	}
	s->msg.msg_controllen = match_control(o, l->connected, &s->msg.msg_control);
	r->refs++;
	return s;
}

static void send_put(struct egress *e, struct send *s)
{
	gso_put(e, s->gso);
	e->taken--;
	e->taken_units -= s->datagrams;
	s->next = e->free_send;
	e->free_send = (uint32_t)(s - e->sends);
}

static void queue(struct egress *e, struct send *s)
{
	const struct egress_tag tag = {
		.send = (uint16_t)(s - e->sends),
		.datagrams = (uint8_t)s->datagrams,
		.unit = s->unit,
	};

	e->in_flight++;
	e->io.queue(e->io.ctx, e->egress_sockets[s->egress_socket].sock, &s->msg, tag);
}

/* One control message more than the send has, the output's own or already copies of them. */
static void attach(struct send *s, int level, int type, const void *data, size_t bytes)
{
	const size_t used = s->msg.msg_controllen;
	struct cmsghdr *c = (void *)(s->control + used);

	if (used && s->msg.msg_control != s->control)
		memcpy(s->control, s->msg.msg_control, used);
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(c), data, bytes);
	s->msg.msg_control = s->control;
	s->msg.msg_controllen = used + CMSG_SPACE(bytes);
}

static void attach_segment(struct send *s, uint32_t segment_bytes)
{
	const uint16_t segment = (uint16_t)segment_bytes;

	attach(s, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
}

/* After the socket's own TTL, or the output's: the last one counts (ip_cmsg_send()). */
static void attach_ttl(struct send *s, const struct match_output *o, const struct gso_batch *r)
{
	const int ttl = r->ttl - 1;

	if (o->rec.ttl_set == TTL_DECREMENT)
		attach(s, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
}

static void send_whole(struct egress *e, struct gso_batch *r, struct match_output *o,
		       struct egress_socket *l)
{
	struct send *s = send_take(e, o, l, r, e->unit);

	s->msg.msg_iov = r->iov;
	s->msg.msg_iovlen = r->n_iov;
	e->taken_units += s->datagrams = r->datagrams;
	s->bytes = r->bytes;
	attach_ttl(s, o, r);
	if (r->datagrams > 1)
		attach_segment(s, r->segment_bytes);
	queue(e, s);
	e->unit += r->datagrams;
}

static void send_single(struct egress *e, struct gso_batch *r, struct match_output *o,
			struct egress_socket *l, struct iovec one, uint32_t unit)
{
	struct send *s = send_take(e, o, l, r, unit);

	s->one = one;
	s->msg.msg_iov = &s->one;
	s->msg.msg_iovlen = 1;
	e->taken_units += s->datagrams = 1;
	s->bytes = (uint32_t)one.iov_len;
	attach_ttl(s, o, r);
	queue(e, s);
}

/*
 * Every datagram of the GSO batch in a send of its own, but for those that a predecessor has
 * finished.  @unit is the first one's and runs on.
 */
static void send_each(struct egress *e, struct gso_batch *r, struct match_output *o, uint32_t *unit)
{
	struct egress_socket *l = egress_socket_of(e, o);
	const int why_not = unsendable(o, l, r);

	for (struct gso_cursor at = {0, 0}; at.iov < r->n_iov; ++*unit) {
		const struct iovec one = gso_batch_step(r, &at);
		const struct arena_finished *end = finished_end(&e->finished, *unit);

		if (*unit < e->finished.counted)
			continue;
		if (end)
			count_end(e, o, 1, (uint32_t)one.iov_len, end->res);
		else if (why_not)
			count_end(e, o, 1, 0, why_not);
		else
			send_single(e, r, o, l, one, *unit);
	}
}

/* Return: may it be refused as a whole, and what comes after it be taken? */
static bool send_gso_batch(struct egress *e, struct gso_batch *r, struct match_output *o)
{
	struct egress_socket *l = egress_socket_of(e, o);
	const int why_not = unsendable(o, l, r);

	if (finished_touches(&e->finished, e->unit, r->datagrams)) {
		send_each(e, r, o, &e->unit);
	} else if (why_not) {
		count_end(e, o, r->datagrams, 0, why_not);
		e->unit += r->datagrams;
	} else if (r->datagrams == 1 ||
		   (!e->per_packet && egress_socket_takes_segments(l, e->now_ns) &&
		    r->datagrams <= e->segments_max && r->segment_bytes <= o->payload_max)) {
		send_whole(e, r, o, l);
		return egress_socket_may_refuse(l, r->datagrams, r->segment_bytes);
	} else {
		send_each(e, r, o, &e->unit);
	}
	return false;
}

void egress_rule(struct egress *e, struct match_rule *rule, const struct egress_item *items)
{
	bool doubtful = false;
	uint32_t i = rule->head;

	while (i != CHAIN_END) {
		struct gso_batch *r;

		if (doubtful)
			e->io.drain(e->io.ctx);
		doubtful = false;
		r = gso_make(e, items, &i);
		for (uint32_t o = 0; o < rule->rec.n_outputs; o++)
			doubtful |= send_gso_batch(e, r, &rule->outputs[o]);
		gso_put(e, r);
	}
}

/* --- completions --- */

/*
 * A datagram that was sent earlier was not delivered.  Nobody answers a multicast so (RFC
 * 1122, 3.2.2), and on a shared socket nothing says whose it was.
 */
static void note_undelivered(const struct egress_socket *l, struct send *s, int err)
{
	if (l->kind != EGRESS_SOCKET_OWN || addr_is_multicast(&s->output->rec.group))
		return;
	s->refused += err == ECONNREFUSED;
	s->unreached += err == EHOSTUNREACH || err == ENETUNREACH;
}

/* What to do about a send that failed with @err. */
static enum again verdict(struct egress *e, struct send *s, int err)
{
	struct egress_socket *l = &e->egress_sockets[s->egress_socket];

	if (refusal_may_be_icmp(err)) {
		if (s->tries++ < egress_socket_patience(l, err)) {
			note_undelivered(l, s, err);
			return AGAIN_SAME;
		}
		l->lasting = err;
	}
	if (s->datagrams == 1 || !refusal_splits(err))
		return AGAIN_NO;
	egress_socket_refused(l);
	if (err == EINVAL && s->datagrams > EGRESS_SEGMENTS_OLD)
		e->segments_next = EGRESS_SEGMENTS_OLD;
	if ((err == EIO || err == EOPNOTSUPP) && egress_socket_put_off_segments(l, e->now_ns))
		counter_add(&e->page->gso_fallbacks, 1);
	return AGAIN_SINGLES;
}

/* It left as fragments: larger than the MTU, and with no UDP_SEGMENT to cut it. */
static void count_fragmented(struct egress *e, struct match_output *o)
{
	if (!o->counters->fragmented && e->n_notices < EGRESS_NOTICES)
		e->notices[e->n_notices++] = o->rec;
	counter_add(&o->counters->fragmented, 1);
	counter_add(&e->page->egress.fragmented, 1);
}

/* Counts up to @n datagrams of @undelivered as ended with @res.  Return: how many. */
static uint32_t count_undelivered(struct egress *e, struct match_output *o, uint32_t *undelivered,
				  uint32_t n, int res)
{
	const uint32_t lost = *undelivered < n ? *undelivered : n;

	*undelivered -= lost;
	if (lost)
		count_end(e, o, lost, 0, res);
	return lost;
}

/* Taken by the kernel; but of earlier ones it may be known now that they did not arrive. */
static void send_taken(struct egress *e, struct send *s)
{
	struct egress_socket *l = &e->egress_sockets[s->egress_socket];
	const uint32_t n = s->datagrams, segment_bytes = s->gso->segment_bytes;
	uint32_t lost;

	egress_socket_took(l, n, segment_bytes);
	if (n == 1 && s->bytes > s->output->payload_max)
		count_fragmented(e, s->output);
	l->refused += s->refused;
	l->unreached += s->unreached;
	lost = count_undelivered(e, s->output, &l->refused, n, -ECONNREFUSED);
	lost += count_undelivered(e, s->output, &l->unreached, n - lost, -EHOSTUNREACH);
	if (lost < n)
		count_end(e, s->output, n - lost, s->bytes - lost * segment_bytes, 0);
}

static void set_aside(struct egress *e, struct send *s)
{
	const uint32_t index = (uint32_t)(s - e->sends);

	s->next = CHAIN_END;
	if (e->again_tail == CHAIN_END)
		e->again_head = index;
	else
		e->sends[e->again_tail].next = index;
	e->again_tail = index;
	counter_add(&e->page->send_retries, 1);
}

void egress_done(struct egress *e, uint32_t send, int res)
{
	struct send *s;

	if (send >= EGRESS_SENDS)
		return;
	s = &e->sends[send];
	e->in_flight--;
	counter_add(&e->page->egress.calls, 1);
	switch (res < 0 ? verdict(e, s, -res) : AGAIN_NO) {
	case AGAIN_SAME:
		set_aside(e, s);
		return;
	case AGAIN_SINGLES:
		s->singles = true;
		set_aside(e, s);
		return;
	case AGAIN_NO:
		break;
	}
	if (res >= 0)
		send_taken(e, s);
	else
		count_end(e, s->output, s->datagrams, s->bytes, res);
	send_put(e, s);
}

/* Gives up the send first: send_each() drains when no other is free. */
static void split_send(struct egress *e, struct send *s)
{
	struct match_output *o = s->output;
	struct gso_batch *r = s->gso;
	uint32_t unit = s->unit;

	r->refs++;
	send_put(e, s);
	send_each(e, r, o, &unit);
	gso_put(e, r);
}

bool egress_retry(struct egress *e)
{
	uint32_t i = e->again_head;
	const bool any = i != CHAIN_END, nested = e->retrying;

	e->again_head = e->again_tail = CHAIN_END;
	e->retrying = true;
	while (i != CHAIN_END) {
		struct send *s = &e->sends[i];

		i = s->next;
		if (s->singles)
			split_send(e, s);
		else
			queue(e, s);
	}
	e->retrying = nested;
	return any;
}
