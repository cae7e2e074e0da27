/* SPDX-License-Identifier: MIT */
/*
 * netif_state.h - links, addresses, neighbours and routes of this host: types
 */
#ifndef DAEMON_CONTROL_NETIF_STATE_H
#define DAEMON_CONTROL_NETIF_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/limits.h"

#define NETIF_MAX_LINKS 4096 /* more are ignored, and logged (netlink.c) */
#define NETIF_MAX_ADDRS 16384
#define NETIF_ALT_NAMES 8 /* of a link, of those that rules can have */

enum netif_kind { NETIF_OTHER, NETIF_VETH, NETIF_BRIDGE, NETIF_MACVLAN };

#define NETIF_NETNS_OWN (-1)

/**
 * struct netif_wire - how a link is connected with others of this host
 * @kind:       of device; ipvlan counts as macvlan
 * @master:     ifindex of the bridge or bond whose port it is, 0: of none
 * @peer:       ifindex of the other end (veth) or of the lower device (macvlan), 0: none
 * @peer_netns: where that is: NETIF_NETNS_OWN, or the id of another network namespace
 * @siblings:   macvlan devices of one lower device hear each other
 */
struct netif_wire {
	enum netif_kind kind;
	uint32_t master;
	uint32_t peer;
	int32_t peer_netns;
	bool siblings;
};

/**
 * struct netif_link - one link
 * @type:   ARPHRD_*
 * @up:     IFF_UP and IFF_RUNNING
 * @supers: frames may be larger than the MTU whatever the GRO setting says: a virtual
 *          device passes on super-datagrams of its peer
 * @wire:   how it is connected with others
 * @mac:    of an Ethernet device (ARPHRD_ETHER)
 * @arp:    the kernel resolves IPv4 neighbours there; else all frames go to one peer
 * @alt:    alternative names of up to 15 characters (ip link property); the first empty one
 *          is the end
 * @seen:   mentioned by the current dump
 * @serial: of this entry, never 0: tells a link from a later one with the same ifindex
 */
struct netif_link {
	uint64_t serial;
	uint32_t ifindex;
	uint32_t mtu;
	uint16_t type;
	bool up;
	bool supers;
	bool arp;
	bool seen;
	uint8_t mac[6];
	struct netif_wire wire;
	char name[MCR_IFNAME_MAX];
	char alt[NETIF_ALT_NAMES][MCR_IFNAME_MAX];
};

/**
 * struct netif_addr - one IPv4 address of a link
 * @prefix_bits: of its subnet, 0..32
 * @broadcast:   as given with the address; ADDR_NONE: none was
 */
struct netif_addr {
	uint32_t ifindex;
	struct addr addr;
	struct addr broadcast;
	uint8_t prefix_bits;
	bool seen;
};

/**
 * struct netif_neigh - one IPv4 neighbour
 * @host_be: its address
 * @state:   NUD_*
 * @has_mac: @mac is its Ethernet address
 * @managed: the kernel asks for it by itself before it is out of date
 */
struct netif_neigh {
	uint32_t ifindex;
	uint32_t host_be;
	uint16_t state;
	bool has_mac, managed;
	uint8_t mac[6];
};

/**
 * struct netif_route - how the kernel would send to an address, its answer to RTM_GETROUTE
 * @ifindex:    by which link
 * @gateway_be: 0: the destination itself is on that link
 * @gateway_v6: the gateway has an IPv6 address
 * @source_be:  the source address that it would take, when none was asked for; 0: none
 * @type:       RTN_*
 * @matched:    a route was found; without one the kernel takes the host to be on the link
 */
struct netif_route {
	uint32_t ifindex;
	uint32_t gateway_be;
	uint32_t source_be;
	uint8_t type;
	bool gateway_v6;
	bool matched;
};

/**
 * struct netif_stats - frames that never reached a packet socket, since the device was made
 * @rx_dropped: the kernel discarded them (full backlog, no protocol)
 * @rx_missed:  the device had no buffer for them
 * @rx_errors:  damaged
 */
struct netif_stats {
	uint32_t ifindex;
	uint64_t rx_dropped;
	uint64_t rx_missed;
	uint64_t rx_errors;
};

enum netif_phase { NETIF_NEVER, NETIF_LINKS, NETIF_ADDRS, NETIF_READY };

/**
 * struct control_netif - the table
 * @ready:     a dump has been completed at least once
 * @dump_due:  another dump is due
 * @changed:   an entry has changed since the reader cleared this
 * @malformed: messages that were refused
 * @ignored:   entries beyond the limits
 * @stats:     as the kernel answered last, @n_stats of them in any order; the oldest gives way
 */
struct control_netif {
	int sock;
	enum netif_phase phase;
	uint32_t seq;
	bool ready;
	bool dump_due;
	bool changed;
	uint64_t malformed;
	uint64_t ignored;
	uint64_t last_serial;
	struct netif_link *links;
	size_t n_links, cap_links;
	struct netif_addr *addrs;
	size_t n_addrs, cap_addrs;
	struct netif_stats stats[MCR_MAX_IFACES];
	uint32_t n_stats;
};

#endif
