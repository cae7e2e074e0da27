/* SPDX-License-Identifier: MIT */
/* builder.h - a lab that is being built: its namespaces and sockets */
#ifndef HARNESS_LAB_BUILDER_H
#define HARNESS_LAB_BUILDER_H

#include "harness/lab/state.h"
#include "harness/link/rtnl.h"

/*
 * Netlink sockets belong to the namespace in which they were opened, so all interfaces are made
 * without moving again.  The namespace of the wires is one more node behind the last.
 */
struct lab_builder {
	const struct topology *topo;
	struct lab_error *error;
	int userns_fd;
	int netns_fds[TOPO_MAX_NODES + 1];
	struct rtnl rtnl[TOPO_MAX_NODES + 1];
	int ethtool_fds[TOPO_MAX_NODES + 1];
	bool with_wires;
	struct mnl_socket *wires_nft; /* where nftables of the wires are set */
	int tun_fds[2 * TOPO_MAX_TUNS];
	unsigned n_tun_fds;
	int first_link_index; /* interface indexes of links start here */
};

/**
 * lab_builder_fail() - fill the error with the failed step and its errno
 * @b:      its error is filled
 * @ret:    negative errno
 * @format: the step, as printf()
 *
 * Return: @ret.
 */
int lab_builder_fail(struct lab_builder *b, int ret, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * lab_builder_open() - open netlink and ethtool for a node
 * @b: the caller is in that node
 * @i: index of the node
 *
 * Return: 0; negative errno with the error filled.
 */
int lab_builder_open(struct lab_builder *b, unsigned i);

#endif
