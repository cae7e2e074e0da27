/* SPDX-License-Identifier: MIT */
/*
 * A topology: the nodes and links of a lab, as data.
 *
 * The JSON format is described in mcrlab(1).  A topology that was read is complete and
 * consistent: every link end, route and bridge port names a node and an interface that exist.
 */
#ifndef HARNESS_TOPOLOGY_TOPOLOGY_H
#define HARNESS_TOPOLOGY_TOPOLOGY_H

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
	unsigned int node;
	char name[IF_NAMESIZE];
	bool has_mac;
	uint8_t mac[6];
	uint32_t mtu_bytes;
	bool gro; /* GRO and UDP GRO forwarding on what it receives */
	bool uso; /* leaves UDP_SEGMENT sends uncut on the wire */
	unsigned int n_addresses;
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
	unsigned int n_ports;
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
	unsigned int n_routes;
	struct topo_route routes[TOPO_MAX_ROUTES];
	unsigned int n_sysctls;
	struct topo_sysctl sysctls[TOPO_MAX_SYSCTLS];
};

struct topology {
	char name[TOPO_NAME_SIZE];
	char description[TOPO_TEXT_SIZE];
	unsigned int n_nodes;
	struct topo_node nodes[TOPO_MAX_NODES];
	unsigned int n_links;
	struct topo_link links[TOPO_MAX_LINKS];
	unsigned int n_bridges;
	struct topo_bridge bridges[TOPO_MAX_BRIDGES];
};

struct json_error;

/**
 * topology_parse() - read a topology from JSON.
 * @topo: filled on success, undefined otherwise; about 1 MB, so not for the stack
 * @text: NUL-terminated
 * @file: name to put into @error
 *
 * Return: 0; -EINVAL with @error filled; -ENOMEM.
 */
int topology_parse(struct topology *topo, const char *text, const char *file,
		   struct json_error *error);

/**
 * topology_read() - find a topology by name or path, and read its text.
 * @what: as for topology_load()
 * @text: NUL-terminated, the caller's to free
 * @path: PATH_MAX bytes, filled with where it was found
 *
 * Return: 0, or negative errno with @error filled.
 */
int topology_read(const char *what, char **text, char *path, struct json_error *error);

/**
 * topology_load() - read a topology by name or path.
 * @what: a path when it has a '/' or ends in .json; "-" is standard input; else the name of one
 *        of the topologies that come with the harness, looked for in $MCR_TOPOLOGIES and beside
 *        the running program
 *
 * Return: 0, or negative errno with @error filled.
 */
int topology_load(struct topology *topo, const char *what, struct json_error *error);

/**
 * topology_list() - the topologies that come with the harness.
 * @found: called for each, in the order of their names
 *
 * Return: how many; -ENOENT when there is no directory of them.
 */
int topology_list(void (*found)(const char *name));

/**
 * topology_parse_address() - read an address.
 * @with_prefix: whether "/BITS" must follow it, or must not
 *
 * Return: 0 or -EINVAL.
 */
int topology_parse_address(struct topo_address *address, const char *text, bool with_prefix);

/** topology_node() - index of the node called @name, or -ENOENT. */
int topology_node(const struct topology *topo, const char *name);

/** topology_interface() - the interface of a node, bridges included; NULL when it has none so. */
const struct topo_interface *topology_interface(const struct topology *topo, unsigned int node,
						const char *name);

/**
 * topology_link() - the link that an interface is an end of.
 * @end: filled with which of the two ends it is
 *
 * Return: the link's index; -ENOENT for a bridge or for no interface at all.
 */
int topology_link(const struct topology *topo, unsigned int node, const char *name,
		  unsigned int *end);

/** topology_draw() - print the topology in ASCII to standard output. */
void topology_draw(const struct topology *topo);

/** topology_draw_svg() - print the topology as an SVG picture to standard output. */
void topology_draw_svg(const struct topology *topo);

#endif
