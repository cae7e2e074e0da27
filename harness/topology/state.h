/* SPDX-License-Identifier: MIT */
/*
 * state.h - a topology: the nodes and links of a lab, as data
 *
 * The JSON format is described in mcrlab(1).  A topology that was read is complete and
 * consistent: every link end, route and bridge port names a node and an interface that exist.
 */
#ifndef HARNESS_TOPOLOGY_STATE_H
#define HARNESS_TOPOLOGY_STATE_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define TOPO_MAX_NODES     64
#define TOPO_MAX_LINKS     128
#define TOPO_MAX_TUNS      16
#define TOPO_MAX_BRIDGES   16
#define TOPO_MAX_PORTS     32
#define TOPO_MAX_ADDRESSES 8
#define TOPO_MAX_ROUTES    16
#define TOPO_MAX_SYSCTLS   16
#define TOPO_NAME_SIZE     32
#define TOPO_TEXT_SIZE     160

/* An address with its prefix length. */
struct topo_address {
	sa_family_t family; /* AF_INET or AF_INET6 */
	uint8_t prefix_bits;
	uint8_t bytes[16];
	char text[INET6_ADDRSTRLEN + 4]; /* as given */
};

struct topo_interface {
	unsigned node;
	char name[IF_NAMESIZE];
	bool has_mac;
	uint8_t mac[6];
	uint32_t mtu_bytes;
	bool gro; /* GRO and UDP GRO forwarding on what it receives */
	bool uso; /* leaves UDP_SEGMENT sends uncut on the wire */
	unsigned n_addresses;
	struct topo_address addresses[TOPO_MAX_ADDRESSES];
};

enum topo_link_kind {
	TOPO_VETH, /* Ethernet */
	TOPO_TUN,  /* layer 3: the interfaces carry IP packets without a link header */
};

struct topo_link {
	enum topo_link_kind kind;
	bool wire; /* a stretch of wire between the ends, where impairments happen; see impair.h */
	struct topo_interface ends[2];
};

struct topo_bridge {
	struct topo_interface self;
	bool snooping;
	unsigned n_ports;
	char ports[TOPO_MAX_PORTS][IF_NAMESIZE];
};

struct topo_route {
	struct topo_address to;
	bool has_via;
	struct topo_address via;
	char interface[IF_NAMESIZE]; /* empty: found by way of via */
};

struct topo_sysctl {
	char path[TOPO_TEXT_SIZE]; /* below /proc/sys */
	char value[TOPO_TEXT_SIZE];
};

struct topo_node {
	char name[TOPO_NAME_SIZE];
	uint8_t rp_filter; /* 0 off, 1 strict (default), 2 loose */
	bool forwarding;
	bool ipv6;
	unsigned n_routes;
	struct topo_route routes[TOPO_MAX_ROUTES];
	unsigned n_sysctls;
	struct topo_sysctl sysctls[TOPO_MAX_SYSCTLS];
};

struct topology {
	char name[TOPO_NAME_SIZE];
	char description[TOPO_TEXT_SIZE];
	unsigned n_nodes;
	struct topo_node nodes[TOPO_MAX_NODES];
	unsigned n_links;
	struct topo_link links[TOPO_MAX_LINKS];
	unsigned n_bridges;
	struct topo_bridge bridges[TOPO_MAX_BRIDGES];
};

#endif
