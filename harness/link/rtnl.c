// SPDX-License-Identifier: MIT
/* rtnl.c - encode rtnetlink messages with libmnl */
#include "harness/link/rtnl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "harness/topology/state.h"

#define REPLY_BYTES 16384

static int open_socket(struct mnl_socket **nl, unsigned groups)
{
	*nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!*nl)
		return -errno;
	return mnl_socket_bind(*nl, groups, MNL_SOCKET_AUTOPID) < 0 ? -errno : 0;
}

int rtnl_open(struct rtnl *rtnl)
{
	int ret;

	*rtnl = (struct rtnl){0};
	ret = open_socket(&rtnl->nl, 0);
	if (ret == 0)
		ret = open_socket(&rtnl->events, RTMGRP_LINK);
	if (ret < 0)
		rtnl_close(rtnl);
	return ret;
}

void rtnl_close(struct rtnl *rtnl)
{
	if (rtnl->nl)
		mnl_socket_close(rtnl->nl);
	if (rtnl->events)
		mnl_socket_close(rtnl->events);
	*rtnl = (struct rtnl){0};
}

struct nlmsghdr *rtnl_start(union rtnl_message *message, uint16_t type, uint16_t flags)
{
	memset(message, 0, sizeof(*message));
	mnl_nlmsg_put_header(message);
	message->header.nlmsg_type = type;
	message->header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	return &message->header;
}

int rtnl_talk(struct rtnl *rtnl, struct nlmsghdr *request,
	      int (*callback)(const struct nlmsghdr *nlh, void *data), void *data)
{
	unsigned port = mnl_socket_get_portid(rtnl->nl);
	char reply[REPLY_BYTES];
	int ret;

	request->nlmsg_seq = ++rtnl->seq;
	if (mnl_socket_sendto(rtnl->nl, request, request->nlmsg_len) < 0)
		return -errno;
	do {
		ssize_t length = mnl_socket_recvfrom(rtnl->nl, reply, sizeof(reply));

		if (length < 0)
			return -errno;
		ret = mnl_cb_run(reply, (size_t)length, rtnl->seq, port, callback, data);
	} while (ret > 0);
	return ret < 0 ? -errno : 0;
}

static void put_interface(struct nlmsghdr *nlh, const struct topo_interface *iface)
{
	mnl_attr_put_strz(nlh, IFLA_IFNAME, iface->name);
	mnl_attr_put_u32(nlh, IFLA_MTU, iface->mtu_bytes);
	if (iface->has_mac)
		mnl_attr_put(nlh, IFLA_ADDRESS, sizeof(iface->mac), iface->mac);
}

static void put_link_header(struct nlmsghdr *nlh, int index)
{
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = index;
}

int rtnl_add_veth(struct rtnl *rtnl, const struct topo_interface *here, int here_index,
		  const struct topo_interface *there, int there_index, int there_netns_fd)
{
	union rtnl_message message;
	struct nlmsghdr *nlh = rtnl_start(&message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info;
	struct nlattr *data;
	struct nlattr *peer;

	put_link_header(nlh, here_index);
	put_interface(nlh, here);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	put_link_header(nlh, there_index);
	put_interface(nlh, there);
	mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)there_netns_fd);
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return rtnl_talk(rtnl, nlh, NULL, NULL);
}

int rtnl_add_bridge(struct rtnl *rtnl, const struct topo_interface *bridge, int index,
		    bool snooping)
{
	union rtnl_message message;
	struct nlmsghdr *nlh = rtnl_start(&message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info;
	struct nlattr *data;

	put_link_header(nlh, index);
	put_interface(nlh, bridge);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	mnl_attr_put_u8(nlh, IFLA_BR_MCAST_SNOOPING, snooping);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return rtnl_talk(rtnl, nlh, NULL, NULL);
}

int rtnl_set_master(struct rtnl *rtnl, int index, int bridge_index)
{
	union rtnl_message message;
	struct nlmsghdr *nlh = rtnl_start(&message, RTM_NEWLINK, 0);

	put_link_header(nlh, index);
	mnl_attr_put_u32(nlh, IFLA_MASTER, (uint32_t)bridge_index);
	return rtnl_talk(rtnl, nlh, NULL, NULL);
}

static int set_flags(struct rtnl *rtnl, int index, unsigned flags)
{
	union rtnl_message message;
	struct nlmsghdr *nlh = rtnl_start(&message, RTM_NEWLINK, 0);
	struct ifinfomsg *ifi;

	put_link_header(nlh, index);
	ifi = mnl_nlmsg_get_payload(nlh);
	ifi->ifi_flags = flags;
	ifi->ifi_change = IFF_UP;
	return rtnl_talk(rtnl, nlh, NULL, NULL);
}

int rtnl_set_up(struct rtnl *rtnl, int index)
{
	return set_flags(rtnl, index, IFF_UP);
}

int rtnl_set_down(struct rtnl *rtnl, int index)
{
	return set_flags(rtnl, index, 0);
}

int rtnl_set_mtu(struct rtnl *rtnl, int index, uint32_t mtu_bytes)
{
	union rtnl_message message;
	struct nlmsghdr *nlh = rtnl_start(&message, RTM_NEWLINK, 0);

	put_link_header(nlh, index);
	mnl_attr_put_u32(nlh, IFLA_MTU, mtu_bytes);
	return rtnl_talk(rtnl, nlh, NULL, NULL);
}

int rtnl_rename(struct rtnl *rtnl, int index, const char *name)
{
	union rtnl_message message;
	struct nlmsghdr *nlh = rtnl_start(&message, RTM_NEWLINK, 0);

	put_link_header(nlh, index);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	return rtnl_talk(rtnl, nlh, NULL, NULL);
}

int rtnl_delete(struct rtnl *rtnl, int index)
{
	union rtnl_message message;
	struct nlmsghdr *nlh = rtnl_start(&message, RTM_DELLINK, 0);

	put_link_header(nlh, index);
	return rtnl_talk(rtnl, nlh, NULL, NULL);
}

static size_t address_bytes(const struct topo_address *address)
{
	return address->family == AF_INET ? 4 : 16;
}

int rtnl_add_address(struct rtnl *rtnl, int index, const struct topo_address *address)
{
	union rtnl_message message;
	struct nlmsghdr *nlh = rtnl_start(&message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));

	ifa->ifa_family = (uint8_t)address->family;
	ifa->ifa_prefixlen = address->prefix_bits;
	ifa->ifa_index = (uint32_t)index;
	mnl_attr_put(nlh, IFA_LOCAL, address_bytes(address), address->bytes);
	mnl_attr_put(nlh, IFA_ADDRESS, address_bytes(address), address->bytes);
	if (address->family == AF_INET6)
		ifa->ifa_flags = IFA_F_NODAD;
	if (address->family == AF_INET && address->prefix_bits < 31) {
		uint32_t address_be;

		memcpy(&address_be, address->bytes, sizeof(address_be));
		mnl_attr_put_u32(nlh, IFA_BROADCAST,
				 address_be | htonl(UINT32_MAX >> address->prefix_bits));
	}
	return rtnl_talk(rtnl, nlh, NULL, NULL);
}

/* One address that rtnl_flush_addresses() is to remove. */
struct first_address {
	int index;
	bool found;
	uint8_t prefix_bits;
	uint32_t address_be;
};

static int note_first_address(const struct nlmsghdr *nlh, void *data)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct first_address *first = data;
	const struct nlattr *attr;

	if ((int)ifa->ifa_index != first->index || first->found)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*ifa))
		if (mnl_attr_get_type(attr) == IFA_LOCAL) {
			first->found = true;
			first->prefix_bits = ifa->ifa_prefixlen;
			first->address_be = mnl_attr_get_u32(attr);
		}
	return MNL_CB_OK;
}

static int find_first_address(struct rtnl *rtnl, struct first_address *first)
{
	union rtnl_message message;
	struct nlmsghdr *nlh = rtnl_start(&message, RTM_GETADDR, NLM_F_DUMP);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));

	ifa->ifa_family = AF_INET;
	first->found = false;
	return rtnl_talk(rtnl, nlh, note_first_address, first);
}

int rtnl_flush_addresses(struct rtnl *rtnl, int index)
{
	struct first_address first = {.index = index};

	for (;;) {
		union rtnl_message message;
		struct nlmsghdr *nlh;
		struct ifaddrmsg *ifa;
		int ret = find_first_address(rtnl, &first);

		if (ret < 0 || !first.found)
			return ret;
		nlh = rtnl_start(&message, RTM_DELADDR, 0);
		ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
		ifa->ifa_family = AF_INET;
		ifa->ifa_prefixlen = first.prefix_bits;
		ifa->ifa_index = (uint32_t)index;
		mnl_attr_put_u32(nlh, IFA_LOCAL, first.address_be);
		ret = rtnl_talk(rtnl, nlh, NULL, NULL);
		if (ret < 0)
			return ret;
	}
}

int rtnl_add_route(struct rtnl *rtnl, const struct topo_route *route, int index)
{
	union rtnl_message message;
	struct nlmsghdr *nlh = rtnl_start(&message, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	rtm->rtm_family = (uint8_t)route->to.family;
	rtm->rtm_dst_len = route->to.prefix_bits;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = RTPROT_STATIC;
	rtm->rtm_scope = route->has_via ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	rtm->rtm_type = RTN_UNICAST;
	mnl_attr_put(nlh, RTA_DST, address_bytes(&route->to), route->to.bytes);
	if (route->has_via)
		mnl_attr_put(nlh, RTA_GATEWAY, address_bytes(&route->via), route->via.bytes);
	if (index)
		mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)index);
	return rtnl_talk(rtnl, nlh, NULL, NULL);
}

static int note_running(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	bool *running = data;

	*running = ifi->ifi_flags & IFF_RUNNING;
	return MNL_CB_OK;
}

static int is_running(struct rtnl *rtnl, int index, bool *running)
{
	union rtnl_message message;
	struct nlmsghdr *nlh = rtnl_start(&message, RTM_GETLINK, 0);

	put_link_header(nlh, index);
	return rtnl_talk(rtnl, nlh, note_running, running);
}

int rtnl_wait_running(struct rtnl *rtnl, int index, struct deadline deadline)
{
	for (;;) {
		char event[REPLY_BYTES];
		bool running = false;
		int ret = is_running(rtnl, index, &running);

		if (ret < 0 || running)
			return ret;
		ret = wait_readable(mnl_socket_get_fd(rtnl->events), deadline);
		if (ret < 0)
			return ret;
		/* Any event will do: the flags are read again. */
		if (mnl_socket_recvfrom(rtnl->events, event, sizeof(event)) < 0 && errno != ENOBUFS)
			return -errno;
	}
}
