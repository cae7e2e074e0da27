/* SPDX-License-Identifier: MIT */
/*
 * reach_state.h - routes and neighbours of outputs: types; reach.h explains them
 */
#ifndef DAEMON_CONTROL_REACH_STATE_H
#define DAEMON_CONTROL_REACH_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/base/clock.h"

#define REACH_BUCKETS 4096
#define REACH_WINDOW  64   /* questions in one message to the kernel */
#define REACH_BUDGET  1024 /* questions of one reach_ask(): about 5 ms */
/* A next hop that does not answer is probed this often, as long as so many do. */
#define REACH_PROBE_NS     NS_PER_S
#define REACH_PROBES_PER_S 128u
/* After a change of routes: wait for more of them.  All passes take a twentieth of the time. */
#define REACH_ROUTES_NS (10 * NS_PER_MS)
#define REACH_SHARE     20u
/*
 * Control acts so long after a change, to gather more.  A deleted entry gets the time that a
 * live host takes to answer, so a flushed neighbour table interrupts nothing.
 */
#define REACH_GATHER_NS (2 * NS_PER_MS)
#define REACH_GRACE_NS  (100 * NS_PER_MS)
/* Answers to clients do not wait longer for a host. */
#define REACH_SETTLE_NS (200 * NS_PER_MS)

enum reach_state { HOP_UNKNOWN, HOP_ASKED, HOP_VALID, HOP_FAILED };

/* How the kernel would send to a destination. */
enum reach_way {
	WAY_UNKNOWN,
	WAY_NONE,      /* it would not: no route, or one that says so */
	WAY_LOCAL,     /* the address is this host's own */
	WAY_BROADCAST, /* the address is a broadcast address */
	WAY_DIRECT,    /* no neighbour is needed, or none that can be asked for */
	WAY_HOP,
};

enum reach_kind { ASK_ROUTE, ASK_NEIGH };

/**
 * struct reach_question - a question to the kernel; the first member of both structs below
 * @due:  in the list of what is to be asked
 * @slot: place among the questions that are on their way, -1: it is not
 */
struct reach_question {
	TAILQ_ENTRY(reach_question) link;
	enum reach_kind kind;
	bool due;
	int slot;
};
TAILQ_HEAD(reach_questions, reach_question);

/**
 * struct reach_hop - a next hop
 * @users:    destinations behind it
 * @unprobeable:    it cannot be probed (the supervisor says so), so not knowing means nothing
 * @has_mac:  @mac is the Ethernet address of the neighbour entry, as it was last seen
 * @since_ns: when it was first needed, or asked for anew
 * @failed_ns: when it failed after it had been valid
 * @probe_ns: when it was probed last, 0: never
 * @keepers:  those of @users that want its entry kept fresh
 * @kept:     the supervisor was asked to keep it so
 * @keep_due: in the list of those for which that may have changed; @users 0: only there
 */
struct reach_hop {
	struct reach_question question;
	struct reach_hop *next;
	TAILQ_ENTRY(reach_hop) probe;
	uint32_t ifindex;
	uint32_t host_be;
	uint32_t users;
	enum reach_state state;
	bool probing; /* in the list of those that are probed */
	uint32_t keepers;
	bool kept, keep_due;
	TAILQ_ENTRY(reach_hop) keep;
	bool unprobeable;
	bool has_mac;
	uint8_t mac[6];
	uint64_t since_ns;
	uint64_t failed_ns;
	uint64_t probe_ns;
};
TAILQ_HEAD(reach_hops, reach_hop);

/* The destination of an output; @source_be: 0: any. */
struct reach_key {
	uint32_t ifindex;
	uint32_t host_be;
	uint32_t source_be;
};

/**
 * struct reach_dest - a destination
 * @arp:       of its link
 * @keepers:   those of @users that want the entry of the next hop kept fresh
 * @matched:   a route was found
 * @kernel_source_be: the source address that the kernel would take, 0: none
 * @hop:       with WAY_HOP, else NULL
 */
struct reach_dest {
	struct reach_question question;
	struct reach_dest *next;
	struct reach_key key;
	uint32_t users, keepers;
	bool arp;
	bool matched;
	enum reach_way way;
	uint32_t kernel_source_be;
	struct reach_hop *hop;
};

/**
 * struct control_reach - the tables
 * @port:      of @sock, by which the kernel marks its answers
 * @act_ns:    when control must act, UINT64_MAX: nothing has changed
 * @routes_ns: when all destinations are asked again, UINT64_MAX: no reason to
 * @quiet_ns:  not before
 * @tokens:    probes that may be sent now, at most REACH_PROBES_PER_S
 * @asked:     questions on their way
 * @waiting:   next hops in HOP_ASKED
 * @settle_ns: until when the last of them that is new may answer
 * @malformed: messages that were refused
 */
struct control_reach {
	int sock;
	uint32_t port;
	uint32_t seq;
	uint64_t act_ns;
	uint64_t routes_ns, quiet_ns;
	uint64_t tokens_ns;
	uint32_t tokens;
	uint64_t malformed;
	size_t n_dests, n_hops, waiting;
	uint64_t settle_ns;
	struct reach_dest *dest[REACH_BUCKETS];
	struct reach_hop *hop[REACH_BUCKETS];
	struct reach_questions due;
	struct reach_hops probing, keeps;
	unsigned n_asked;
	struct reach_question *asked[REACH_WINDOW];
};

#endif
