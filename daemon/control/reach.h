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

#include "daemon/control/reach_state.h"

/* @sock: NETLINK_ROUTE socket subscribed to neighbours, routes, rules and next hops; borrowed. */
void reach_init(struct control_reach *r, int sock);
void reach_fini(struct control_reach *r);

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

/* --- for reach_netlink.c --- */

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

#endif
