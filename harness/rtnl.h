/* SPDX-License-Identifier: MIT */
/*
 * Interfaces, addresses and routes over rtnetlink.
 *
 * A socket belongs to the network namespace it was opened in, for ever; so one process can build
 * in many namespaces with one socket each.
 */
#ifndef HARNESS_RTNL_H
#define HARNESS_RTNL_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/wait.h"

struct mnl_socket;
struct topo_address;
struct topo_interface;
struct topo_route;

struct rtnl {
	struct mnl_socket *nl;     /* owned */
	struct mnl_socket *events; /* owned; link changes since rtnl_open() */
	uint32_t seq;
};

/** rtnl_open() - open in the caller's network namespace.  Return: 0 or negative errno. */
int rtnl_open(struct rtnl *rtnl);

/** rtnl_close() - close; a zeroed struct is allowed. */
void rtnl_close(struct rtnl *rtnl);

/**
 * rtnl_add_veth() - make a pair of virtual interfaces, one here and one elsewhere, both down.
 * @here: name, MAC and MTU of this end
 * @here_index: interface index; the two must differ, or the kernel takes the pair for something
 *              without a peer and delays its carrier by up to a second
 * @there: of the other end
 * @there_netns_fd: where the other end goes; borrowed
 *
 * Return: 0 or the kernel's negative errno.
 */
int rtnl_add_veth(struct rtnl *rtnl, const struct topo_interface *here, int here_index,
		  const struct topo_interface *there, int there_index, int there_netns_fd);

/** rtnl_add_bridge() - make a bridge, down and without ports. */
int rtnl_add_bridge(struct rtnl *rtnl, const struct topo_interface *bridge, int index,
		    bool snooping);

/** rtnl_set_master() - make an interface a port of a bridge. */
int rtnl_set_master(struct rtnl *rtnl, int index, int bridge_index);

/** rtnl_set_up() - bring an interface up. */
int rtnl_set_up(struct rtnl *rtnl, int index);

/** rtnl_add_address() - give an interface an address; no duplicate address detection. */
int rtnl_add_address(struct rtnl *rtnl, int index, const struct topo_address *address);

/** rtnl_add_route() - add a route; @index 0: the kernel finds the interface by the gateway. */
int rtnl_add_route(struct rtnl *rtnl, const struct topo_route *route, int index);

/**
 * rtnl_wait_running() - wait until an interface has its carrier.
 *
 * Return: 0, -ETIMEDOUT, or negative errno.
 */
int rtnl_wait_running(struct rtnl *rtnl, int index, struct deadline deadline);

#endif
