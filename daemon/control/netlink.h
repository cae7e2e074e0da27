/* SPDX-License-Identifier: MIT */
/*
 * netlink.h - control's two netlink sockets: reading, asking, probing, and what goes wrong
 *
 * netif.h has the table of links and addresses, reach.h that of routes and neighbours.  Both
 * count what they could not take; it is logged here.
 */
#ifndef DAEMON_CONTROL_NETLINK_H
#define DAEMON_CONTROL_NETLINK_H

#include <stdint.h>

struct control;

/* Links or addresses have changed. */
void control_netlink_read_links(struct control *c, uint64_t now_ns);

/* Routes or neighbours have changed. */
void control_netlink_read_routes(struct control *c, uint64_t now_ns);

/*
 * In each turn: ask the kernel what is due about links, routes and neighbours, and the
 * supervisor for probes.
 */
void control_netlink_ask(struct control *c, uint64_t now_ns);

#endif
