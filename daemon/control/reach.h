/* SPDX-License-Identifier: MIT */
/*
 * reach.h - can an output be reached: routes and neighbours, from netlink
 *
 * A destination is an address behind an output interface, as a rule names it.  For each
 * one the kernel is asked how it would send there (RTM_GETROUTE), and for its next hop
 * whether the neighbour is resolved (RTM_GETNEIGH).  Then events follow:
 *
 *   destination   due --> asked --> LOCAL, NONE, BROADCAST, DIRECT, or HOP: has a next hop
 *                  ^                                      |
 *                  '--- routes, rules, links changed -----'
 *
 *   next hop      UNKNOWN --> ASKED <----> VALID
 *                               |  probed     ^
 *                               v  every      | the host answers
 *                             FAILED ---------'
 *                                  second
 *
 * Only what an output needs is kept, so a neighbour table or a routing table of any size
 * costs a look-up per event.  A socket that overflowed means that everything is asked
 * again.  The module decides nothing and sends no probe itself: output.c says
 * what follows from it, control asks the supervisor for probes.
 *
 * The socket is one of its own: a flood of routes does not cost events of links.
 */
#ifndef DAEMON_CONTROL_REACH_H
#define DAEMON_CONTROL_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/base/clock.h"

struct nlmsghdr;

#define REACH_BUCKETS 4096
#define REACH_WINDOW  64   /* questions in one message to the kernel */
#define REACH_BUDGET  1024 /* questions of one reach_ask(): about 5 ms */
/* A next hop that does not answer is probed this often, as long as so many do. */
#define REACH_PROBE_NS     NS_PER_S
#define REACH_PROBES_PER_S 128u
/* After routes changed: wait for more of it.  A pass takes at most a twentieth of the time. */
#define REACH_ROUTES_NS (10 * NS_PER_MS)
#define REACH_SHARE     20u
/*
 * After which the holder is to act: so much is gathered.  An entry that went is given the
 * time that a live host takes to answer, so a flushed neighbour table interrupts nothing.
 */
#define REACH_GATHER_NS (2 * NS_PER_MS)
#define REACH_GRACE_NS  (100 * NS_PER_MS)
/* A host that has not answered by now may not be there: nobody waits for it any longer. */
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
 * struct reach_question - something to ask the kernel; the first member of both below
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
 * @blind:    it cannot be probed (the supervisor says so), so not knowing means nothing
 * @since_ns: when it was first needed, or asked for anew
 * @failed_ns: when it failed after it had been valid
 * @probe_ns: when it was probed last, 0: never
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
	bool blind;
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
 * @matched:   a route was found
 * @picked_be: the source address that the kernel would take, 0: none
 * @hop:       with WAY_HOP, else NULL
 */
struct reach_dest {
	struct reach_question question;
	struct reach_dest *next;
	struct reach_key key;
	bool wanted;
	bool arp;
	bool matched;
	enum reach_way way;
	uint32_t picked_be;
	struct reach_hop *hop;
};

/**
 * struct control_reach - the tables
 * @port:      of @sock, by which the kernel marks its answers
 * @act_ns:    when the holder is to look, UINT64_MAX: nothing has changed
 * @routes_ns: when all destinations are asked again, UINT64_MAX: no reason to
 * @quiet_ns:  not before
 * @tokens:    probes that may be sent now, at most REACH_PROBES_PER_S
 * @asked:     questions on their way
 * @waiting:   next hops in HOP_ASKED
 * @settle_ns: until when the last of them that is new may answer
 * @malformed: messages that were refused; @unanswered: questions without an answer
 */
struct control_reach {
	int sock;
	uint32_t port;
	uint32_t seq;
	uint64_t act_ns;
	uint64_t routes_ns, quiet_ns;
	uint64_t tokens_ns;
	uint32_t tokens;
	uint64_t malformed, unanswered;
	size_t n_dests, n_hops, waiting;
	uint64_t settle_ns;
	struct reach_dest *dest[REACH_BUCKETS];
	struct reach_hop *hop[REACH_BUCKETS];
	struct reach_questions due;
	struct reach_hops probing;
	unsigned n_asked;
	struct reach_question *asked[REACH_WINDOW];
};

/* @sock: NETLINK_ROUTE socket subscribed to neighbours, routes, rules and next hops; borrowed. */
void reach_init(struct control_reach *r, int sock);
void reach_fini(struct control_reach *r);

/* --- what is needed (reach.c) --- */

/* Nothing is needed from here on, but for what reach_need() names. */
void reach_unmark(struct control_reach *r);
/*
 * @arp: the link resolves neighbours.  Return: 0; -ENOMEM.
 */
int reach_need(struct control_reach *r, const struct reach_key *key, bool arp);
/* Forget what is not needed. */
void reach_sweep(struct control_reach *r);

/* NULL for one that is not needed. */
const struct reach_dest *reach_find(const struct control_reach *r, const struct reach_key *key);

/* Is its state about to be known, so that who can wait a moment should? */
bool reach_settling(const struct reach_dest *d, uint64_t now_ns);

/* The same of any destination. */
bool reach_settling_any(const struct control_reach *r, uint64_t now_ns);

/* The link has come up: whoever is behind it is probed without delay. */
void reach_link_up(struct control_reach *r, uint32_t ifindex);

/* Routes may have changed: ask for all of them again, soon. */
void reach_routes_changed(struct control_reach *r, uint64_t now_ns);

/* The holder has acted on everything that it had to. */
void reach_acted(struct control_reach *r);

/**
 * reach_next_probe() - the next hop that is due for a probe
 *
 * It counts as probed.  Return: NULL when there is none, or too many have been.
 */
struct reach_hop *reach_next_probe(struct control_reach *r, uint64_t now_ns);

/* @blind: it cannot be probed, so it is sent to; tried again every second all the same. */
void reach_blind(struct control_reach *r, uint32_t ifindex, uint32_t host_be, bool blind,
		 uint64_t now_ns);

/* When something of this module is due next; UINT64_MAX: nothing. */
uint64_t reach_deadline(const struct control_reach *r);

/* --- between the two files --- */

void reach_ask_later(struct control_reach *r, struct reach_question *q);
void reach_ask_all(struct control_reach *r);
struct reach_hop *reach_hop_find(const struct control_reach *r, uint32_t ifindex, uint32_t host_be);
/* @way and @hop are the answer; a next hop that is new is asked for.  @host_be 0: none. */
void reach_dest_is(struct control_reach *r, struct reach_dest *d, enum reach_way way,
		   uint32_t ifindex, uint32_t host_be, uint64_t now_ns);
void reach_hop_is(struct control_reach *r, struct reach_hop *h, enum reach_state state,
		  uint64_t now_ns);

/* Its entry is no more. */
void reach_hop_removed(struct control_reach *r, struct reach_hop *h, uint64_t now_ns);

/* --- the kernel (reach_netlink.c) --- */

#define REACH_QUESTIONS_BYTES (REACH_WINDOW * 96) /* a question is shorter */

/* Up to REACH_WINDOW of what is due as netlink messages; from then on answers are taken. */
size_t reach_put_questions(struct control_reach *r, char buf[static REACH_QUESTIONS_BYTES]);

/**
 * reach_ask() - ask what is due, up to REACH_BUDGET questions, and take the answers
 *
 * The kernel answers while it takes the question, so this waits for nothing.
 * Return: 0; a negative errno that is not about to go away.
 */
int reach_ask(struct control_reach *r, uint64_t now_ns);

/* Take what the socket holds, a bounded amount of it.  Return: as reach_ask(). */
int reach_read(struct control_reach *r, uint64_t now_ns);

/**
 * reach_consume() - take one datagram of netlink messages
 * @buf: untrusted, aligned to four bytes
 * @len: bytes
 */
void reach_consume(struct control_reach *r, const void *buf, size_t len, uint64_t now_ns);

#endif
