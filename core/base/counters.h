/* SPDX-License-Identifier: MIT */
/*
 * counters.h - the counters, and the conservation law that they keep
 *
 * Every datagram that arrives is received, and then either matched or dropped for
 * exactly one reason; every datagram matched is, per output, either sent or
 * dropped for exactly one send reason:
 *
 *   received = matched + sum(drops)
 *   matched  = sent    + sum(send_drops)      for every output
 *
 * A super-datagram (GRO) counts as the datagrams it holds.  Drops of the
 * kernel before the worker (DROP_NOT_MATCHED, DROP_SOCKET_QUEUE) are counted in frames,
 * because the kernel does not say how many datagrams a frame held.
 */
#ifndef CORE_BASE_COUNTERS_H
#define CORE_BASE_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

enum drop_reason {
	DROP_NOT_MATCHED,      /* no rule takes it (the prefilter refused it, or the worker) */
	DROP_SOCKET_QUEUE,     /* the packet socket's queue was full: the worker was too slow */
	DROP_NOT_IPV4_UDP,     /* passed a coarse prefilter, but is not untagged IPv4 UDP */
	DROP_FRAGMENT,         /* an IP fragment; there is no reassembly */
	DROP_TRUNCATED,        /* a header or the payload ends beyond the frame */
	DROP_BAD_LENGTH,       /* a length field contradicts another */
	DROP_BAD_IP_CHECKSUM,  /* RFC 1071 */
	DROP_BAD_UDP_CHECKSUM, /* RFC 768; zero means none and is valid */
	DROP_OVERSIZE,         /* larger than the receive buffer of its interface */
	DROP_RATE_LIMITED,     /* beyond the rule's rate limit */
	DROP_SHED,             /* low priority, given up because the worker is behind */
	DROP_VLAN,             /* has a VLAN tag other than VID 0 (IEEE 802.1Q) */
	DROP_RECOVERY_LOST,    /* received by a worker that died, and given up by its successor */
	DROP_UNREADABLE, /* a frame that the kernel discarded because it could not describe it */
	DROP_LOOPING,    /* its rule is held, because what it sends comes back to it */
	DROP_UNKNOWN_DIVISION, /* the kernel sent a part of it under a division of long ago */
	DROP_REASONS
};

enum send_drop {
	SEND_DROP_WOULD_BLOCK,      /* EAGAIN: the egress socket's buffer was full */
	SEND_DROP_QUEUE_FULL,       /* ENOBUFS: the interface's queue was full */
	SEND_DROP_NO_INTERFACE,     /* output interface missing or down (ENODEV, ENETDOWN) */
	SEND_DROP_PORT_UNREACHABLE, /* an ICMP message: nobody has the port (ECONNREFUSED) */
	SEND_DROP_UNREACHABLE,      /* no route or no neighbour (ENETUNREACH, EHOSTUNREACH) */
	SEND_DROP_REFUSED,          /* a filter or policy said no (EPERM, EACCES) */
	SEND_DROP_NO_SOURCE,     /* the source address is not this host's (EINVAL, EADDRNOTAVAIL) */
	SEND_DROP_TOO_BIG,       /* EMSGSIZE */
	SEND_DROP_OTHER,         /* any other errno */
	SEND_DROP_TTL_EXPIRED,   /* the output decrements the TTL, and none was left */
	SEND_DROP_RECOVERY_LOST, /* of a batch that was given up after a part of it was sent */
	SEND_DROPS
};

struct ingress_counters;

/* Counts a frame that was discarded unread as one datagram: how many it held is unknown. */
void ingress_count_unreadable(struct ingress_counters *c);

const char *drop_reason_name(enum drop_reason r); /* "not_matched" ... */
const char *send_drop_name(enum send_drop r);     /* "would_block" ... */

/* Which reason a failed send has; @err is a positive errno. */
enum send_drop send_drop_from_errno(int err);

/**
 * struct ingress_counters - per worker
 * @frames:      packets taken from the sockets, super-datagrams as one
 * @received:    datagrams in them
 * @buf_exhaust: times a receive ended because its pool was empty; not a loss, the
 *               socket queue holds what arrives meanwhile
 */
struct ingress_counters {
	uint64_t frames;
	uint64_t received;
	uint64_t matched;
	uint64_t bytes; /* payload bytes matched */
	uint64_t drops[DROP_REASONS];
	uint64_t buf_exhaust;
};

/**
 * struct egress_counters - per worker, and per output
 * @matched:    datagrams handed over for sending
 * @fragmented: of those sent, how many were larger than the MTU and left as fragments
 * @divided:    datagrams of the rule that the kernel path had sent to the output before, not in
 *              @matched; per output only
 * @calls:      sends handed to the kernel (a UDP_SEGMENT send counts once); per worker only
 */
struct egress_counters {
	uint64_t matched;
	uint64_t sent;
	uint64_t bytes; /* payload bytes sent */
	uint64_t drops[SEND_DROPS];
	uint64_t fragmented;
	uint64_t calls;
	uint64_t divided;
};

/* Per rule. */
struct rule_counters {
	uint64_t matched;
	uint64_t bytes;
	uint64_t drops_rate_limited;
	uint64_t drops_shed;
	uint64_t drops_looping;
	uint64_t fragments;     /* IP fragments of its group, which were dropped; not in @matched */
	uint64_t loops;         /* times it was held by the storm guard */
	uint64_t held_until_ns; /* CLOCK_MONOTONIC; 0 or past: it is not held */
};

/*
 * The only way a counter in a shared page grows.  One writer: readers in other
 * processes need whole values, not an atomic addition.
 */
static inline void counter_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

void ingress_counters_add(struct ingress_counters *to, const struct ingress_counters *from);
void egress_counters_add(struct egress_counters *to, const struct egress_counters *from);

/* The two halves of the law. */
bool ingress_counters_balance(const struct ingress_counters *c);
bool egress_counters_balance(const struct egress_counters *c);

#endif
