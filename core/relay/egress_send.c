// SPDX-License-Identifier: MIT
/* egress_send.c - messages for the kernel, and the slots that hold them */
#include "core/relay/egress_send.h"

#include <assert.h>
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

#include "core/base/statpage.h"
#include "core/relay/bufpool.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

void egress_count_end(struct egress *e, struct match_output *o, uint32_t n, uint32_t bytes, int res)
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

struct egress_socket *egress_socket_for(struct egress *e, const struct match_output *o)
{
	struct egress_socket *es;

	if (o->rec.iface >= MCR_MAX_IFACES)
		return NULL;
	if (o->rec.egress_socket && o->rec.egress_socket <= MCR_MAX_EGRESS_SOCKETS) {
		es = &e->egress_sockets[o->rec.egress_socket - 1];
		if (egress_socket_serves(es, &o->rec))
			return es;
	}
	/* That of the interface has another port. */
	if (o->rec.source_port)
		return NULL;
	es = &e->egress_sockets[MCR_MAX_EGRESS_SOCKETS + o->rec.iface];
	return es->sock >= 0 ? es : NULL;
}

int egress_unsendable(const struct match_output *o, const struct egress_socket *es,
		      const struct gso_batch *b)
{
	if (o->rec.ttl_set == TTL_DECREMENT && b->ttl <= 1)
		return -ETIME; /* no send fails so: send_drop_from_errno() */
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
	if (es)
		return 0;
	return o->rec.source_port && o->rec.iface < MCR_MAX_IFACES ? -EADDRNOTAVAIL : -ENODEV;
}

struct gso_batch *egress_gso_take(struct egress *e)
{
	struct gso_batch *b;

	if (e->free_gso == CHAIN_END)
		e->io.drain(e->io.ctx);
	assert(e->free_gso != CHAIN_END);
	b = &e->gso_batches[e->free_gso];
	e->free_gso = b->next_free;
	b->n_iov = 0;
	b->bytes = 0;
	b->datagrams = 0;
	b->refs = 1;
	return b;
}

void egress_gso_put(struct egress *e, struct gso_batch *b)
{
	if (--b->refs)
		return;
	for (uint32_t i = 0; i < b->n_iov; i++)
		bufpool_unref(e->pool, b->buffers[i]);
	b->next_free = e->free_gso;
	e->free_gso = (uint32_t)(b - e->gso_batches);
}

static struct send *send_take(struct egress *e, struct match_output *o, struct egress_socket *es,
			      struct gso_batch *b, uint32_t unit)
{
	struct send *s;

	if (e->free_send == CHAIN_END || (e->taken_units >= EGRESS_UNITS && !e->retrying))
		e->io.drain(e->io.ctx);
	assert(e->free_send != CHAIN_END);
	s = &e->sends[e->free_send];
	e->free_send = s->next;
	e->taken++;
	s->output = o;
	s->egress_socket = (uint32_t)(es - e->egress_sockets);
	s->gso = b;
	s->unit = unit;
	s->tries = s->refused = s->unreached = 0;
	s->singles = false;
	s->msg = (struct msghdr){0};
	if (!es->connected) {
		s->msg.msg_name = &o->to;
		s->msg.msg_namelen = sizeof(o->to);
	}
	s->msg.msg_controllen = match_control(o, es->connected, &s->msg.msg_control);
	b->refs++;
	return s;
}

void egress_send_put(struct egress *e, struct send *s)
{
	egress_gso_put(e, s->gso);
	e->taken--;
	e->taken_units -= s->datagrams;
	s->next = e->free_send;
	e->free_send = (uint32_t)(s - e->sends);
}

void egress_send_queue(struct egress *e, struct send *s)
{
	const struct egress_tag tag = {
		.send = (uint16_t)(s - e->sends),
		.datagrams = (uint8_t)s->datagrams,
		.unit = s->unit,
	};

	e->in_flight++;
	e->io.queue(e->io.ctx, e->egress_sockets[s->egress_socket].sock, &s->msg, tag);
}

/* Adds a control message; the output's own are copied before the first. */
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

/* It comes after the TTL of the output: the last one counts (ip_cmsg_send()). */
static void attach_ttl(struct send *s, const struct match_output *o, const struct gso_batch *b)
{
	const int ttl = b->ttl - 1;

	if (o->rec.ttl_set == TTL_DECREMENT)
		attach(s, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
}

void egress_send_whole(struct egress *e, struct gso_batch *b, struct match_output *o,
		       struct egress_socket *es)
{
	struct send *s = send_take(e, o, es, b, e->unit);

	s->msg.msg_iov = b->iov;
	s->msg.msg_iovlen = b->n_iov;
	e->taken_units += s->datagrams = b->datagrams;
	s->bytes = b->bytes;
	attach_ttl(s, o, b);
	if (b->datagrams > 1)
		attach_segment(s, b->segment_bytes);
	egress_send_queue(e, s);
	e->unit += b->datagrams;
}

static void send_single(struct egress *e, struct gso_batch *b, struct match_output *o,
			struct egress_socket *es, struct iovec one, uint32_t unit)
{
	struct send *s = send_take(e, o, es, b, unit);

	s->one = one;
	s->msg.msg_iov = &s->one;
	s->msg.msg_iovlen = 1;
	e->taken_units += s->datagrams = 1;
	s->bytes = (uint32_t)one.iov_len;
	attach_ttl(s, o, b);
	egress_send_queue(e, s);
}

void egress_send_each(struct egress *e, struct gso_batch *b, struct match_output *o, uint32_t *unit)
{
	struct egress_socket *es = egress_socket_for(e, o);
	const int err = egress_unsendable(o, es, b);

	for (struct gso_cursor at = {0, 0}; at.iov < b->n_iov; ++*unit) {
		const struct iovec one = gso_batch_step(b, &at);
		const struct arena_finished *end = finished_end(&e->finished, *unit);

		if (*unit < e->finished.counted)
			continue;
		if (end)
			egress_count_end(e, o, 1, (uint32_t)one.iov_len, end->res);
		else if (err)
			egress_count_end(e, o, 1, 0, err);
		else
			send_single(e, b, o, es, one, *unit);
	}
}
