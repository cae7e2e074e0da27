/* SPDX-License-Identifier: MIT */
/*
 * rtnl.h - interfaces, addresses and routes over rtnetlink
 *
 * A socket belongs to the network namespace in which it was opened, so one process can build in
 * many namespaces with one socket each.
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

/**
 * rtnl_open() - open in the caller's network namespace
 * @rtnl: filled; rtnl_close() is due after success
 *
 * Return: 0 or negative errno.
 */
int rtnl_open(struct rtnl *rtnl);

/**
 * rtnl_close() - close
 * @rtnl: a zeroed struct is allowed
 */
void rtnl_close(struct rtnl *rtnl);

/**
 * rtnl_add_veth() - make a pair of virtual interfaces, one here and one elsewhere, both down
 * @rtnl:           open in the namespace of this end
 * @here:           name, MAC and MTU of this end
 * @here_index:     its interface index
 * @there:          name, MAC and MTU of the other end
 * @there_index:    its interface index; the two must differ, or the kernel takes the pair for
 *                  something without a peer and delays its carrier by up to a second
 * @there_netns_fd: the namespace of the other end; borrowed
 *
 * Return: 0 or the kernel's negative errno; so do the functions below.
 */
int rtnl_add_veth(struct rtnl *rtnl, const struct topo_interface *here, int here_index,
		  const struct topo_interface *there, int there_index, int there_netns_fd);

/**
 * rtnl_add_bridge() - make a bridge, down and without ports
 * @rtnl:     open in its namespace
 * @bridge:   name, MAC and MTU
 * @index:    its interface index
 * @snooping: IGMP snooping
 */
int rtnl_add_bridge(struct rtnl *rtnl, const struct topo_interface *bridge, int index,
		    bool snooping);

/**
 * rtnl_set_master() - make an interface a port of a bridge
 * @rtnl:         open in their namespace
 * @index:        of the interface
 * @bridge_index: of the bridge
 */
int rtnl_set_master(struct rtnl *rtnl, int index, int bridge_index);

/**
 * rtnl_set_up() - set an interface up
 * @rtnl:  open in its namespace
 * @index: of the interface
 */
int rtnl_set_up(struct rtnl *rtnl, int index);

/**
 * rtnl_set_down() - set an interface down; its addresses stay, routes through it are deleted
 * @rtnl:  open in its namespace
 * @index: of the interface
 */
int rtnl_set_down(struct rtnl *rtnl, int index);

/**
 * rtnl_set_mtu() - change the MTU of an interface
 * @rtnl:      open in its namespace
 * @index:     of the interface
 * @mtu_bytes: the new MTU
 */
int rtnl_set_mtu(struct rtnl *rtnl, int index, uint32_t mtu_bytes);

/**
 * rtnl_rename() - change the name of an interface, which may be up
 * @rtnl:  open in its namespace
 * @index: of the interface
 * @name:  1 to IFNAMSIZ - 1 characters
 */
int rtnl_rename(struct rtnl *rtnl, int index, const char *name);

/**
 * rtnl_delete() - delete an interface, and with it the other end of a veth pair
 * @rtnl:  open in its namespace
 * @index: of the interface
 */
int rtnl_delete(struct rtnl *rtnl, int index);

/**
 * rtnl_flush_addresses() - delete all IPv4 addresses of an interface
 * @rtnl:  open in its namespace
 * @index: of the interface
 */
int rtnl_flush_addresses(struct rtnl *rtnl, int index);

/**
 * rtnl_add_address() - give an interface an address, without duplicate address detection
 * @rtnl:    open in its namespace
 * @index:   of the interface
 * @address: IPv4 or IPv6
 */
int rtnl_add_address(struct rtnl *rtnl, int index, const struct topo_address *address);

/**
 * rtnl_add_route() - add a route
 * @rtnl:  open in the namespace
 * @route: destination and gateway
 * @index: of the interface; 0: the kernel finds it by the gateway
 */
int rtnl_add_route(struct rtnl *rtnl, const struct topo_route *route, int index);

/**
 * rtnl_wait_running() - wait until an interface has its carrier
 * @rtnl:     open in its namespace
 * @index:    of the interface
 * @deadline: when to give up
 *
 * Return: 0; -ETIMEDOUT; other negative errno.
 */
int rtnl_wait_running(struct rtnl *rtnl, int index, struct deadline deadline);

#define RTNL_MESSAGE_BYTES 2048

union rtnl_message {
	struct nlmsghdr header;
	char bytes[RTNL_MESSAGE_BYTES];
};

/**
 * rtnl_start() - begin a request
 * @message: filled with the header
 * @type:    RTM_*
 * @flags:   NLM_F_*; NLM_F_REQUEST and NLM_F_ACK are added
 *
 * Return: the header in @message.
 */
struct nlmsghdr *rtnl_start(union rtnl_message *message, uint16_t type, uint16_t flags);

/**
 * rtnl_talk() - send a request and wait for its acknowledgement
 * @rtnl:     open
 * @request:  complete
 * @callback: called with each answer before the acknowledgement; may be NULL
 * @data:     for @callback
 *
 * Return: 0 or the kernel's negative errno.
 */
int rtnl_talk(struct rtnl *rtnl, struct nlmsghdr *request,
	      int (*callback)(const struct nlmsghdr *nlh, void *data), void *data);

#endif
