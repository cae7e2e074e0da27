/* SPDX-License-Identifier: MIT */
/*
 * netif.h - what links and addresses this host has, from netlink
 *
 * A full dump of links, then of addresses, then events.  When the kernel says that
 * events were lost (ENOBUFS), or that a dump was interrupted by a change, the dump
 * is made again; entries that the new dump does not mention are removed.  The table is a
 * copy of the kernel's state; decisions are made in reconcile.c.
 */
#ifndef DAEMON_CONTROL_NETIF_H
#define DAEMON_CONTROL_NETIF_H

#include "daemon/control/netif_state.h"

/* @sock: NETLINK_ROUTE socket subscribed to links and IPv4 addresses, borrowed. */
void control_netif_init(struct control_netif *n, int sock);
void control_netif_fini(struct control_netif *n);

/* Ask for the counters of a link; the answer comes with control_netif_read(). */
void control_netif_ask_stats(struct control_netif *n, uint32_t ifindex);

/* The last answer; NULL: there was none. */
const struct netif_stats *control_netif_stats(const struct control_netif *n, uint32_t ifindex);

/* Start a dump if one is due and none is running. */
void control_netif_poll(struct control_netif *n);

/**
 * control_netif_read() - take what the socket holds, a bounded amount of it
 * Return: 0, or a negative errno that trying again does not help.
 */
int control_netif_read(struct control_netif *n);

/**
 * control_netif_consume() - take one datagram of netlink messages
 * @buf: untrusted, aligned to four bytes
 * @len: bytes
 */
void control_netif_consume(struct control_netif *n, const void *buf, size_t len);

/* By its name, or else by an alternative one. */
const struct netif_link *control_netif_by_name(const struct control_netif *n, const char *name);
const struct netif_link *control_netif_by_index(const struct control_netif *n, uint32_t ifindex);

/* Is @name one of the alternative names? */
bool netif_has_alt(const char alt[static NETIF_ALT_NAMES][MCR_IFNAME_MAX], const char *name);

/* Does this host have the address?  @ifindex 0: on any link; @addr NULL: any address. */
bool control_netif_has_addr(const struct control_netif *n, uint32_t ifindex,
			    const struct addr *addr);

/* Is it the broadcast address of one of the link's subnets? */
bool control_netif_is_broadcast(const struct control_netif *n, uint32_t ifindex,
				const struct addr *addr);

#endif
