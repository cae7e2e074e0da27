/* SPDX-License-Identifier: MIT */
/*
 * netif_parse.h - netlink messages to structs; nothing in them is trusted
 */
#ifndef DAEMON_CONTROL_NETIF_PARSE_H
#define DAEMON_CONTROL_NETIF_PARSE_H

#include "daemon/control/netif_state.h"

struct nlmsghdr;

/*
 * One message to one struct.  Return: 0; -EBADMSG when it is malformed;
 * -EAFNOSUPPORT when it speaks of something else (bridge ports, IPv6).
 */
int netif_parse_link(const struct nlmsghdr *nlh, struct netif_link *out);
int netif_parse_addr(const struct nlmsghdr *nlh, struct netif_addr *out);
int netif_parse_stats(const struct nlmsghdr *nlh, struct netif_stats *out);
int netif_parse_neigh(const struct nlmsghdr *nlh, struct netif_neigh *out);
/* -EAFNOSUPPORT also for a route of a table, which is no answer. */
int netif_parse_route(const struct nlmsghdr *nlh, struct netif_route *out);
/* Its errno, positive; 0 for an acknowledgement.  -EBADMSG when it is malformed. */
int netif_parse_error(const struct nlmsghdr *nlh);

#endif
