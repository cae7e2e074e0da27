/* SPDX-License-Identifier: MIT */
/*
 * rtnl.h - interfaces, addresses and routes over rtnetlink
 *
 * A socket belongs to the network namespace it was opened in, for ever; so one process can build
 * in many namespaces with one socket each.
 */
#ifndef HARNESS_LINK_RTNL_H
#define HARNESS_LINK_RTNL_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

#include "harness/base/wait.h"

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

/** rtnl_set_down() - take an interface down; its addresses stay, routes through it go. */
int rtnl_set_down(struct rtnl *rtnl, int index);

/** rtnl_set_mtu() - change the MTU of an interface. */
int rtnl_set_mtu(struct rtnl *rtnl, int index, uint32_t mtu_bytes);

/** rtnl_rename() - change the name of an interface; it may be up. */
int rtnl_rename(struct rtnl *rtnl, int index, const char *name);

/** rtnl_delete() - delete an interface, and with it the other end of a veth pair. */
int rtnl_delete(struct rtnl *rtnl, int index);

/** rtnl_flush_addresses() - take all IPv4 addresses from an interface. */
int rtnl_flush_addresses(struct rtnl *rtnl, int index);

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

#define RTNL_MESSAGE_BYTES 2048

union rtnl_message {
	struct nlmsghdr header;
	char bytes[RTNL_MESSAGE_BYTES];
};

/** rtnl_start() - begin a request; NLM_F_REQUEST and NLM_F_ACK are set besides @flags. */
struct nlmsghdr *rtnl_start(union rtnl_message *message, uint16_t type, uint16_t flags);

/**
 * rtnl_talk() - send a request and wait for its acknowledgement.
 * @callback: sees each answer before it; may be NULL
 *
 * Return: 0 or the kernel's negative errno.
 */
int rtnl_talk(struct rtnl *rtnl, struct nlmsghdr *request,
	      int (*callback)(const struct nlmsghdr *nlh, void *data), void *data);

#endif
