/* SPDX-License-Identifier: MIT */
/*
 * egress_send.h - send slots and GSO batch slots: taken, filled in, queued, given back
 *
 * A slot that is not free has to wait for completions: what takes one may call
 * egress_io.drain(), and with it egress_done() and egress_retry().
 */
#ifndef CORE_RELAY_EGRESS_SEND_H
#define CORE_RELAY_EGRESS_SEND_H

#include <stdint.h>

#include "core/relay/egress_state.h"

/**
 * egress_count_end() - count datagrams of an output that have ended
 * @n, @bytes: how many, and their payload if they were sent
 * @res:       0 or more: sent; negative errno: dropped
 *
 * Counts both sides of the law at once, when the end is known.  So the law holds whenever
 * nothing is in flight, in the midst of a batch as well.
 */
void egress_count_end(struct egress *e, struct match_output *o, uint32_t n, uint32_t bytes,
		      int res);

/* The egress socket that sends for an output; NULL: its interface has none. */
struct egress_socket *egress_socket_for(struct egress *e, const struct match_output *o);

/* Why a GSO batch cannot be sent to an output, as a negative errno; 0: it can. */
int egress_unsendable(const struct match_output *o, const struct egress_socket *es,
		      const struct gso_batch *b);

/* An empty GSO batch with one reference; and one reference less. */
struct gso_batch *egress_gso_take(struct egress *e);
void egress_gso_put(struct egress *e, struct gso_batch *b);

/* The send has ended: its slot is free, its GSO batch has one reference less. */
void egress_send_put(struct egress *e, struct send *s);

/* Hands a send that is filled in to the kernel, also for another time. */
void egress_send_queue(struct egress *e, struct send *s);

/* The GSO batch in one send, which takes the numbers from e->unit on. */
void egress_send_whole(struct egress *e, struct gso_batch *b, struct match_output *o,
		       struct egress_socket *es);

/**
 * egress_send_each() - every datagram of a GSO batch in a send of its own
 * @unit: number of the first; runs on
 *
 * Datagrams that a predecessor has finished are counted and not sent.
 */
void egress_send_each(struct egress *e, struct gso_batch *b, struct match_output *o,
		      uint32_t *unit);

#endif
