/* SPDX-License-Identifier: MIT */
/*
 * egress.h - gathered datagrams become few, large sends
 *
 * A GSO batch is a row of datagrams of one rule that one UDP_SEGMENT send can carry: of equal
 * sizes, except that the last may be shorter (udp(7)).  Each output of the rule gets one send
 * of the same GSO batch: fan-out copies references, not bytes.
 *
 *   GSO batch:  FREE -> building -> shared by n sends -> FREE when the last has completed,
 *               and with it one reference of each buffer it points into
 *   send:       FREE -> queued -> completed -> FREE
 *                         ^           |
 *                         +-- retry --+  the kernel refused UDP_SEGMENT: datagram by datagram;
 *                                        an ICMP message may be the cause: the same again
 *
 * Sends carry MSG_DONTWAIT.  The kernel completes each while it is submitted, and an output
 * that would block drops and counts instead of delaying the others.
 *
 *   egress.c       settings, GSO batches of a rule
 *   egress_send.c  slots, and the messages that leave
 *   egress_done.c  completions
 */
#ifndef CORE_RELAY_EGRESS_H
#define CORE_RELAY_EGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/iface.h"
#include "core/relay/egress_io.h"

struct bufpool;
struct egress_item;
struct finished;
struct match_rule;
struct snapshot_output;
struct worker_page;

struct egress; /* large, heap */

/**
 * egress_new() - all memory that sending ever takes
 * @pool:       where buffers go back to; borrowed until egress_free()
 * @page:       counters; borrowed likewise
 * @io:         copied
 * @per_packet: one send per datagram, never UDP_SEGMENT
 *
 * Return: NULL when out of memory.
 */
struct egress *egress_new(struct bufpool *pool, struct worker_page *page,
			  const struct egress_io *io, bool per_packet);

/* Only when it is settled; NULL is allowed. */
void egress_free(struct egress *e);

/**
 * egress_set_socket() - say which socket sends for outputs that have none of their own
 * @iface: slot of the interface; MCR_MAX_IFACES and above are ignored
 * @sock:  borrowed; -1 for none: what is to go there is dropped and counted
 *
 * Only while nothing is in flight.  The new socket starts without the memory of the last one.
 */
void egress_set_socket(struct egress *e, uint32_t iface, int sock);

/**
 * struct egress_target - to what a socket sends
 * @kind:      EGRESS_SOCKET_HOST or EGRESS_SOCKET_OWN
 * @connected: it is connected to @to_be and @port, and has the output's TTL and DSCP
 * @iface:     slot of the interface
 * @to_be, @port: destination, network and host order; @port only of EGRESS_SOCKET_OWN
 * @source_port: that it is bound to, 0: none
 */
struct egress_target {
	enum egress_socket_kind kind;
	bool connected;
	uint32_t iface;
	uint32_t to_be;
	uint16_t port, source_port;
};

/**
 * egress_set_own_socket() - say which socket sends for one output, or for those to one host
 * @id:   of the socket; MCR_MAX_EGRESS_SOCKETS and above are ignored
 * @sock: borrowed; -1 for none: the interface's sends instead
 *
 * As egress_set_socket().  An output uses the egress socket that its record names, if that is
 * for its interface and destination; else the interface's socket.
 */
void egress_set_own_socket(struct egress *e, uint32_t id, const struct egress_target *to, int sock);

/**
 * egress_rule() - queue the sends of one rule's datagrams
 * @rule:  borrowed until every send has completed
 * @items: the batch; the rule's chain starts at rule->head
 *
 * Takes a reference of each buffer for each GSO batch; the caller keeps its own.
 */
void egress_rule(struct egress *e, struct match_rule *rule, const struct egress_item *items);

/* Sends that have not completed. */
uint32_t egress_in_flight(const struct egress *e);

/* Has every datagram handed over ended: nothing in flight, nothing to be repeated? */
bool egress_settled(const struct egress *e);

/* A batch begins: numbers start at 0, and egress_segments_next() applies. */
void egress_begin(struct egress *e);

/* Monotonic time of the batches to come, for the next try of UDP_SEGMENT after a refusal. */
void egress_set_time(struct egress *e, uint64_t now_ns);

/**
 * egress_next_fragmented() - an output that has sent its first datagram as fragments
 * @of: filled; @of->port and so on as in the snapshot
 *
 * Each output is returned once in the life of its counters; of more than EGRESS_NOTICES at
 * a time some are left out.
 * Return: whether there is one.
 */
bool egress_next_fragmented(struct egress *e, struct snapshot_output *of);

/**
 * egress_number() - the next datagram handed over has this number
 * @unit: counted from egress_begin()
 *
 * Numbers run on by themselves: one for each datagram and output, in the order in which
 * they are sent, however they are grouped into sends.
 */
void egress_number(struct egress *e, uint32_t unit);

/* Number of the next datagram. */
uint32_t egress_unit(const struct egress *e);

/**
 * egress_set_finished() - what a predecessor has finished is not to be sent again
 * @finished: copied, but not its list, which must stay until the next call
 *
 * egress_rule() counts each datagram as it ended when it comes to it.
 */
void egress_set_finished(struct egress *e, const struct finished *finished);

/* Largest number of segments of a send, for this batch. */
uint32_t egress_segments_max(const struct egress *e);

/* The same for the next batch: smaller when the kernel has refused the number. */
uint32_t egress_segments_next(const struct egress *e);

/**
 * egress_set_sends() - how many sends may be in flight at one time, before the first one
 * @n: 1..EGRESS_SENDS; so many completions find room in the ring beside others
 */
void egress_set_sends(struct egress *e, uint32_t n);

/* Sets that of the next batch; neither GSO_SEGMENTS_OLD nor GSO_SEGMENTS_MAX: ignored. */
void egress_set_segments_max(struct egress *e, uint32_t segments);

#endif
