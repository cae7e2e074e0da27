/* SPDX-License-Identifier: MIT */
/*
 * reach_keep.h - neighbour entries that are kept fresh
 *
 * Datagrams of a worker use the neighbour entry of their next hop, and the kernel asks the
 * host again before it takes it for alive.  Frames of the kernel path carry the MAC address
 * themselves.  So the supervisor has the kernel manage such entries (Linux 5.16), and on an
 * older kernel asks anew each time that one becomes stale.
 *
 *   no keeper --> due: keep --> kept --> due: release --> no keeper
 *                   ^             |
 *                   '- stale, and not managed by the kernel
 */
#ifndef DAEMON_CONTROL_REACH_KEEP_H
#define DAEMON_CONTROL_REACH_KEEP_H

#include "daemon/control/reach_state.h"

struct netif_neigh;

/* One more that wants it so, or one less. */
void reach_keep(struct control_reach *r, struct reach_dest *d);
void reach_unkeep(struct control_reach *r, struct reach_dest *d);

/* A request to the supervisor: keep the entry, or give it up. */
struct reach_upkeep {
	uint32_t ifindex;
	uint32_t host_be;
	bool keep;
};

/* Takes the next change; each is worth a token (reach_token()).  Return: false: there is none. */
bool reach_next_upkeep(struct control_reach *r, struct reach_upkeep *out);

/* It was not kept, and is due again at once (@again) or with the next run over all rules. */
void reach_keep_refused(struct control_reach *r, struct reach_hop *h, bool again);

/* --- for reach.c and reach_netlink.c --- */

/* Nobody needs the destination. */
void reach_keep_none(struct control_reach *r, struct reach_dest *d);
/* Its keepers go with their destination to another next hop: off the old one, @on the new. */
void reach_keep_move(struct control_reach *r, struct reach_dest *d, bool on);
/* The next hop goes.  Return: true: it is taken, until its entry is released. */
bool reach_keep_leave(struct control_reach *r, struct reach_hop *h);
void reach_keep_look(struct control_reach *r, struct reach_hop *h, const struct netif_neigh *n);
void reach_keep_fini(struct control_reach *r);

#endif
