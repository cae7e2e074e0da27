/* SPDX-License-Identifier: MIT */
/* neigh.h - make the kernel ask the network for a neighbour, once or from now on */
#ifndef DAEMON_PRIV_NEIGH_H
#define DAEMON_PRIV_NEIGH_H

#include <stdbool.h>

struct addr;

/**
 * priv_probe_neighbour() - make the kernel resolve @host on a link
 *
 * A resolved neighbour is left alone.  With CAP_NET_ADMIN the kernel is told to use the
 * entry (NTF_USE), which sends nothing but the ARP request.  Without that right an ICMP echo
 * request is sent to it, which the kernel holds back until the neighbour answers.
 *
 * Return: 0; -EPERM where a packet filter forbids it; other negative errno.
 */
int priv_probe_neighbour(unsigned ifindex, const struct addr *host, bool net_admin);

/**
 * priv_keep_neighbour() - ask for an entry that may work already, because it may be out of date
 * @manage: have the kernel do so by itself from then on (NTF_EXT_MANAGED, Linux 5.16; an older
 *          one asks once)
 *
 * A permanent entry is left alone.
 * Return: as priv_probe_neighbour().
 */
int priv_keep_neighbour(unsigned ifindex, const struct addr *host, bool net_admin, bool manage);

/* The end of that.  Return: 0, also without an entry; negative errno. */
int priv_release_neighbour(unsigned ifindex, const struct addr *host);

#endif
