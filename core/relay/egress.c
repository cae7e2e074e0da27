// SPDX-License-Identifier: MIT
/*
 * egress.c - GSO batches of a rule, and a send of each for every output
 *
 * Order.  The kernel may refuse a GSO batch as a whole (egress_done.c has when) and take a later
 * send of the rule, which would overtake.  So nothing is queued behind a GSO batch before its
 * socket has taken one of its kind.  A later send overtakes only where the kernel changes its
 * mind in the midst of a batch, for the rest of that batch, and where an ICMP message fails a
 * send, for that send.
 */
#include "core/relay/egress.h"

#include <stdlib.h>

#include "core/relay/bufpool.h"
#include "core/relay/egress_send.h"

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
	e->segments_max = e->segments_next = GSO_SEGMENTS_MAX;
	e->retry_head = e->retry_tail = CHAIN_END;
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

void egress_set_own_socket(struct egress *e, uint32_t id, const struct egress_target *to, int sock)
{
	if (id < MCR_MAX_EGRESS_SOCKETS)
		e->egress_sockets[id] = (struct egress_socket){.sock = sock,
							       .kind = to->kind,
							       .connected = to->connected,
							       .iface = to->iface,
							       .to_be = to->to_be,
							       .port = to->port,
							       .source_port = to->source_port};
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
	if (segments == GSO_SEGMENTS_OLD || segments == GSO_SEGMENTS_MAX)
		e->segments_next = segments;
}

/* Takes the chain's items from @i on, as many as one send can carry. */
static struct gso_batch *gso_make(struct egress *e, const struct egress_item *items, uint32_t *i)
{
	struct gso_batch *b = egress_gso_take(e);

	b->segment_bytes = items[*i].segment_bytes;
	b->ttl = items[*i].ttl;
	b->divided = items[*i].divided;
	for (; *i != CHAIN_END && gso_batch_takes(b, &items[*i], e->segments_max);
	     *i = items[*i].next) {
		bufpool_ref(e->pool, items[*i].buffer);
		gso_batch_append(b, &items[*i]);
	}
	return b;
}

/* Return: may it be refused as a whole, and what comes after it be taken? */
static bool send_gso_batch(struct egress *e, struct gso_batch *b, struct match_output *o)
{
	struct egress_socket *es = egress_socket_for(e, o);
	const int err = egress_unsendable(o, es, b);

	if (finished_touches(&e->finished, e->unit, b->datagrams)) {
		egress_send_each(e, b, o, &e->unit);
	} else if (err) {
		egress_count_end(e, o, b->datagrams, 0, err);
		e->unit += b->datagrams;
	} else if (b->datagrams == 1 ||
		   (!e->per_packet && egress_socket_takes_segments(es, e->now_ns) &&
		    b->datagrams <= e->segments_max && b->segment_bytes <= o->payload_max)) {
		egress_send_whole(e, b, o, es);
		return egress_socket_may_refuse(es, b->datagrams, b->segment_bytes);
	} else {
		egress_send_each(e, b, o, &e->unit);
	}
	return false;
}

void egress_rule(struct egress *e, struct match_rule *rule, const struct egress_item *items)
{
	bool may_be_refused = false;
	uint32_t i = rule->head;

	while (i != CHAIN_END) {
		struct gso_batch *b;

		if (may_be_refused)
			e->io.drain(e->io.ctx);
		may_be_refused = false;
		b = gso_make(e, items, &i);
		for (uint32_t o = 0; o < rule->rec.n_outputs; o++)
			if (!(rule->outputs[o].rec.divided & b->divided))
				may_be_refused |= send_gso_batch(e, b, &rule->outputs[o]);
		egress_gso_put(e, b);
	}
}
