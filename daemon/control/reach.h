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
 * Only entries that an output needs are stored, so a neighbour or routing table of any size
 * costs one look-up per event.  When the socket has overflowed everything is asked again.
 * The module decides nothing and sends no probe itself: output.c draws the conclusions,
 * netlink.c asks the supervisor for probes.
 *
 * The socket is one of its own: a flood of routes does not cost events of links.
 */
#ifndef DAEMON_CONTROL_REACH_H
#define DAEMON_CONTROL_REACH_H

#include "daemon/control/reach_state.h"

/* @sock: NETLINK_ROUTE socket subscribed to neighbours, routes, rules and next hops; borrowed. */
void reach_init(struct control_reach *r, int sock);
void reach_fini(struct control_reach *r);

/* Nothing is needed any more, until reach_need() names it. */
void reach_unmark(struct control_reach *r);
/*
 * @arp: the link resolves neighbours.  Return: 0; -ENOMEM.
 */
int reach_need(struct control_reach *r, const struct reach_key *key, bool arp);
/* One need less. */
void reach_release(struct control_reach *r, const struct reach_key *key);
/* Remove entries that are not needed. */
void reach_sweep(struct control_reach *r);

/* NULL for one that is not needed. */
const struct reach_dest *reach_find(const struct control_reach *r, const struct reach_key *key);

/* The same, for reach_keep(). */
struct reach_dest *reach_dest_find(const struct control_reach *r, const struct reach_key *key);

/* Has the kernel, or the host in its first REACH_SETTLE_NS, still to answer? */
bool reach_settling(const struct reach_dest *d, uint64_t now_ns);

/* The same of any destination. */
bool reach_settling_any(const struct control_reach *r, uint64_t now_ns);

/* The link has come up: its next hops are probed at once. */
void reach_link_up(struct control_reach *r, uint32_t ifindex);

/* Routes may have changed: ask for all of them again, soon. */
void reach_routes_changed(struct control_reach *r, uint64_t now_ns);

/* Control has acted on all changes. */
void reach_acted(struct control_reach *r);

/**
 * reach_next_probe() - the next hop that is due for a probe
 *
 * The next hop counts as probed.  Return: NULL when none is due, or the limit is reached.
 */
struct reach_hop *reach_next_probe(struct control_reach *r, uint64_t now_ns);

/* @unprobeable: it cannot be probed, so outputs send to it; probes are still tried every second. */
void reach_set_unprobeable(struct control_reach *r, uint32_t ifindex, uint32_t host_be,
			   bool unprobeable, uint64_t now_ns);

/* Is there a token for a message to the supervisor?  reach_token_take() uses it up. */
bool reach_token(struct control_reach *r, uint64_t now_ns);
void reach_token_take(struct control_reach *r);

/* When this module has something to do next; UINT64_MAX: never. */
uint64_t reach_deadline(const struct control_reach *r);

/* --- for reach_netlink.c --- */

void reach_ask_later(struct control_reach *r, struct reach_question *q);
void reach_ask_all(struct control_reach *r);
struct reach_hop *reach_hop_find(const struct control_reach *r, uint32_t ifindex, uint32_t host_be);
/* @way and @hop are the answer; a next hop that is new is asked for.  @host_be 0: none. */
void reach_dest_set(struct control_reach *r, struct reach_dest *d, enum reach_way way,
		    uint32_t ifindex, uint32_t host_be, uint64_t now_ns);
/* The source address that the kernel takes; 0: none. */
void reach_dest_set_source(struct control_reach *r, struct reach_dest *d, uint32_t source_be,
			   uint64_t now_ns);
void reach_hop_set(struct control_reach *r, struct reach_hop *h, enum reach_state state,
		   uint64_t now_ns);
/* The Ethernet address of its entry. */
void reach_hop_set_mac(struct control_reach *r, struct reach_hop *h, const uint8_t mac[static 6],
		       uint64_t now_ns);

/* The kernel's entry was deleted. */
void reach_hop_removed(struct control_reach *r, struct reach_hop *h, uint64_t now_ns);

#endif
