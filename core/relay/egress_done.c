// SPDX-License-Identifier: MIT
/*
 * egress_done.c - completions of sends, and what follows a refusal
 *
 *   what ICMP can cause (refusal_may_be_icmp()): an ICMP message about an earlier datagram
 *       fails a later send of the socket, and this send takes the error away (IP_RECVERR).
 *       The same send is repeated, up to EGRESS_SOCKET_RETRIES times.  An error that stays is
 *       the kernel's own: it is counted, and one try more is enough until a send is taken.
 *   ECONNREFUSED, EHOSTUNREACH, ENETUNREACH on the own socket of a unicast output: as above,
 *       and no port took an earlier datagram, or it did not reach the host.  When the send
 *       is taken, one datagram is counted as port_unreachable or unreachable, not as sent.
 *   EIO, EOPNOTSUPP: the device cannot do UDP_SEGMENT.  The datagrams go one by one, and
 *       UDP_SEGMENT is not tried for a while.
 *   EMSGSIZE, EINVAL of a UDP_SEGMENT send: the MTU has shrunk, or an older kernel takes 64
 *       segments only.  The datagrams go one by one, and the kernel can fragment them.
 *   EAGAIN, ENOBUFS and the others: counted; nothing waits.
 *
 * Sends are repeated in the order in which they failed, each GSO batch whole before the next.
 * experiments/poc_egress_recverr, poc_egress_connected and poc_gro_gso_super show the errors.
 */
#include "core/relay/egress_done.h"

#include <errno.h>

#include "core/base/statpage.h"
#include "core/relay/egress_send.h"
#include "core/relay/refusal.h"

enum retry { RETRY_NO, RETRY_WHOLE, RETRY_SINGLES };

/*
 * The error says that an earlier datagram was not delivered.  Only an output with a socket of
 * its own can be told, and only a unicast one: a host does not answer a multicast (RFC
 * 1122, 3.2.2).
 */
static void note_undelivered(const struct egress_socket *es, struct send *s, int err)
{
	if (es->kind != EGRESS_SOCKET_OWN || addr_is_multicast(&s->output->rec.group))
		return;
	s->refused += err == ECONNREFUSED;
	s->unreached += err == EHOSTUNREACH || err == ENETUNREACH;
}

/* How to repeat a send that failed with @err, if at all. */
static enum retry retry_for(struct egress *e, struct send *s, int err)
{
	struct egress_socket *es = &e->egress_sockets[s->egress_socket];

	if (refusal_may_be_icmp(err)) {
		if (s->tries++ < egress_socket_retries(es, err)) {
			note_undelivered(es, s, err);
			return RETRY_WHOLE;
		}
		es->persistent_err = err;
	}
	if (s->datagrams == 1 || !refusal_splits(err))
		return RETRY_NO;
	egress_socket_refused(es);
	if (err == EINVAL && s->datagrams > GSO_SEGMENTS_OLD)
		e->segments_next = GSO_SEGMENTS_OLD;
	if ((err == EIO || err == EOPNOTSUPP) && egress_socket_put_off_segments(es, e->now_ns))
		counter_add(&e->page->gso_fallbacks, 1);
	return RETRY_SINGLES;
}

/* A single datagram larger than the MTU has left as fragments. */
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
		egress_count_end(e, o, lost, 0, res);
	return lost;
}

/* The kernel took the send; its tries may have told of earlier datagrams that did not arrive. */
static void send_taken(struct egress *e, struct send *s)
{
	struct egress_socket *es = &e->egress_sockets[s->egress_socket];
	const uint32_t n = s->datagrams, segment_bytes = s->gso->segment_bytes;
	uint32_t lost;

	egress_socket_took(es, n, segment_bytes);
	if (n == 1 && s->bytes > s->output->payload_max)
		count_fragmented(e, s->output);
	es->refused += s->refused;
	es->unreached += s->unreached;
	lost = count_undelivered(e, s->output, &es->refused, n, -ECONNREFUSED);
	lost += count_undelivered(e, s->output, &es->unreached, n - lost, -EHOSTUNREACH);
	if (lost < n)
		egress_count_end(e, s->output, n - lost, s->bytes - lost * segment_bytes, 0);
}

static void queue_retry(struct egress *e, struct send *s)
{
	const uint32_t index = (uint32_t)(s - e->sends);

	s->next = CHAIN_END;
	if (e->retry_tail == CHAIN_END)
		e->retry_head = index;
	else
		e->sends[e->retry_tail].next = index;
	e->retry_tail = index;
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
	switch (res < 0 ? retry_for(e, s, -res) : RETRY_NO) {
	case RETRY_WHOLE:
		queue_retry(e, s);
		return;
	case RETRY_SINGLES:
		s->singles = true;
		queue_retry(e, s);
		return;
	case RETRY_NO:
		break;
	}
	if (res >= 0)
		send_taken(e, s);
	else
		egress_count_end(e, s->output, s->datagrams, s->bytes, res);
	egress_send_put(e, s);
}

/* Frees the slot before egress_send_each() needs one. */
static void split_send(struct egress *e, struct send *s)
{
	struct match_output *o = s->output;
	struct gso_batch *b = s->gso;
	uint32_t unit = s->unit;

	b->refs++;
	egress_send_put(e, s);
	egress_send_each(e, b, o, &unit);
	egress_gso_put(e, b);
}

bool egress_retry(struct egress *e)
{
	uint32_t i = e->retry_head;
	const bool any = i != CHAIN_END, nested = e->retrying;

	e->retry_head = e->retry_tail = CHAIN_END;
	e->retrying = true;
	while (i != CHAIN_END) {
		struct send *s = &e->sends[i];

		i = s->next;
		if (s->singles)
			split_send(e, s);
		else
			egress_send_queue(e, s);
	}
	e->retrying = nested;
	return any;
}
