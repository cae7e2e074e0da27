/* SPDX-License-Identifier: MIT */
/* The child that builds a lab, and what it shares with the one that mends a link; see lablink.c. */
#ifndef HARNESS_LABBUILD_H
#define HARNESS_LABBUILD_H

#include "harness/lab.h"
#include "harness/rtnl.h"

/*
 * What the builder answers, together with its descriptors: [user namespace,] network namespaces
 * of the nodes [, that of the wires] [, ends of tun links].
 */
struct labbuild_result {
	int ret;
	struct lab_error error;
	bool with_userns;
	bool with_wires;
	unsigned int n_tun_fds;
};

/*
 * A lab in the making.  Netlink sockets belong to the namespace they were opened in, so all
 * interfaces are made without moving again.  Wires are one more node behind the last.
 */
struct labbuild {
	const struct topology *topo;
	struct lab_error *error;
	int userns_fd;
	int netns_fds[TOPO_MAX_NODES + 1];
	struct rtnl rtnl[TOPO_MAX_NODES + 1];
	int ethtool_fds[TOPO_MAX_NODES + 1];
	bool with_wires;
	struct mnl_socket *wires_nft; /* where nftables of the wires are set */
	int tun_fds[2 * TOPO_MAX_TUNS];
	unsigned int n_tun_fds;
	int first_link_index; /* interface indexes of links start here */
};

/**
 * labbuild_child() - build and send the result; runs in a child of its own.
 * @socket: SOCK_SEQPACKET, to lab_up()
 *
 * Return: exit status.
 */
int labbuild_child(const struct topology *topo, int socket);

/** labbuild_fail() - note what went wrong.  Return: @ret. */
int labbuild_fail(struct labbuild *b, int ret, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** labbuild_open() - open netlink and ethtool for node @i, in which the caller is. */
int labbuild_open(struct labbuild *b, unsigned int i);

/** lablink_make() - make link @i with its offloads, both ends down. */
int lablink_make(struct labbuild *b, unsigned int i);

/** lablink_make_bridge() - make bridge @i and give it its ports. */
int lablink_make_bridge(struct labbuild *b, unsigned int i);

/** lablink_set_up() - give an interface its addresses and bring it up. */
int lablink_set_up(struct labbuild *b, const struct topo_interface *iface);

/** lablink_wait_carrier() - wait until the interface has its carrier. */
int lablink_wait_carrier(struct labbuild *b, const struct topo_interface *iface);

/** lablink_make_routes() - add the routes of a node. */
int lablink_make_routes(struct labbuild *b, unsigned int node);

/**
 * lablink_recreate() - make a link that was deleted once more, with new interface indexes.
 * @link: its index in the topology
 *
 * For a child of its own: it moves from node to node.  Everything the topology says of the link's
 * two interfaces holds again: MTU, MAC, offloads, addresses, bridge, routes, wire.
 *
 * Return: 0 or negative errno with @error filled.
 */
int lablink_recreate(const struct lab *lab, unsigned int link, struct lab_error *error);

#endif
