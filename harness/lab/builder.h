/* SPDX-License-Identifier: MIT */
/* A lab in the making: its namespaces and sockets, shared by whoever builds or mends a part. */
#ifndef HARNESS_LAB_BUILDER_H
#define HARNESS_LAB_BUILDER_H

#include "harness/lab/lab.h"
#include "harness/link/rtnl.h"

/*
 * A lab in the making.  Netlink sockets belong to the namespace they were opened in, so all
 * interfaces are made without moving again.  Wires are one more node behind the last.
 */
struct labbuilder {
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

/** labbuilder_fail() - note what went wrong.  Return: @ret. */
int labbuilder_fail(struct labbuilder *b, int ret, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** labbuilder_open() - open netlink and ethtool for node @i, in which the caller is. */
int labbuilder_open(struct labbuilder *b, unsigned int i);

#endif
