// SPDX-License-Identifier: MIT
/* netif_parse.c - one netlink message to one struct (rtnetlink(7)) */
#include "daemon/control/netif_parse.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>

/* The attribute as text, NULL unless it is NUL-terminated and fits @max with its NUL. */
static const char *attr_text(const struct nlattr *a, size_t max)
{
	const char *text = mnl_attr_get_payload(a);
	size_t len = mnl_attr_get_payload_len(a);
	const char *nul = memchr(text, '\0', len);

	return nul && (size_t)(nul - text) < max ? text : NULL;
}

static bool attr_u32(const struct nlattr *a, uint32_t *out)
{
	if (mnl_attr_get_payload_len(a) != sizeof(*out))
		return false;
	memcpy(out, mnl_attr_get_payload(a), sizeof(*out));
	return true;
}

static enum netif_kind kind_of(const char *text)
{
	static const struct {
		const char *text;
		enum netif_kind kind;
	} kinds[] = {
		{"veth", NETIF_VETH},       {"bridge", NETIF_BRIDGE},  {"macvlan", NETIF_MACVLAN},
		{"macvtap", NETIF_MACVLAN}, {"ipvlan", NETIF_MACVLAN}, {"ipvtap", NETIF_MACVLAN},
	};

	for (size_t i = 0; text && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strcmp(kinds[i].text, text))
			return kinds[i].kind;
	}
	return NETIF_OTHER;
}

/* Not in bridge mode a macvlan device hears no sibling; an ipvlan device says no such mode. */
static bool hears_siblings(const struct nlattr *data)
{
	const struct nlattr *a;
	uint32_t mode;

	mnl_attr_for_each_nested(a, data)
	{
		if (mnl_attr_get_type(a) == IFLA_MACVLAN_MODE && attr_u32(a, &mode))
			return mode == MACVLAN_MODE_BRIDGE;
	}
	return true;
}

/* As arp_constructor() decides: those of other kinds have one peer, or none. */
static bool link_resolves(const struct ifinfomsg *ifi)
{
	switch (ifi->ifi_type) {
	case ARPHRD_ETHER:
	case ARPHRD_IEEE802:
	case ARPHRD_INFINIBAND:
		return !(ifi->ifi_flags & (IFF_NOARP | IFF_LOOPBACK | IFF_POINTOPOINT));
	}
	return false;
}

/* Any device with a kind is virtual: veth, tun and bridges pass super-datagrams on. */
static void parse_linkinfo(const struct nlattr *info, struct netif_link *out)
{
	const struct nlattr *a;

	out->wire.siblings = true;
	mnl_attr_for_each_nested(a, info)
	{
		if (mnl_attr_get_type(a) == IFLA_INFO_KIND) {
			out->supers = true;
			out->wire.kind = kind_of(attr_text(a, 16));
		} else if (mnl_attr_get_type(a) == IFLA_INFO_DATA) {
			out->wire.siblings = hears_siblings(a);
		}
	}
}

/* Longer names than rules can have, and those beyond what is kept, are passed over. */
static void parse_properties(const struct nlattr *list, struct netif_link *out)
{
	const struct nlattr *a;
	unsigned n = 0;

	mnl_attr_for_each_nested(a, list)
	{
		const char *text;

		if (mnl_attr_get_type(a) != IFLA_ALT_IFNAME || n == NETIF_ALT_NAMES)
			continue;
		text = attr_text(a, MCR_IFNAME_MAX);
		if (text && *text)
			strcpy(out->alt[n++], text);
	}
}

/* False when the attribute is malformed. */
static bool parse_wire(const struct nlattr *a, struct netif_wire *out)
{
	uint32_t netns;

	switch (mnl_attr_get_type(a)) {
	case IFLA_MASTER:
		return attr_u32(a, &out->master);
	case IFLA_LINK:
		return attr_u32(a, &out->peer);
	case IFLA_LINK_NETNSID:
		if (!attr_u32(a, &netns))
			return false;
		/* Negative ones are no ids, and not this namespace either. */
		out->peer_netns = (int32_t)netns < 0 ? INT32_MAX : (int32_t)netns;
		return true;
	}
	return true;
}

/* The attributes must not reach into padding that may lie beyond the buffer. */
static bool has_header(const struct nlmsghdr *nlh, size_t header)
{
	return nlh->nlmsg_len >= MNL_NLMSG_HDRLEN + MNL_ALIGN(header) &&
	       nlh->nlmsg_len % MNL_ALIGNTO == 0;
}

int netif_parse_link(const struct nlmsghdr *nlh, struct netif_link *out)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;

	memset(out, 0, sizeof(*out));
	if (!has_header(nlh, sizeof(*ifi)))
		return -EBADMSG;
	/* A link that leaves a bridge is said to be deleted, in the bridge's family. */
	if (ifi->ifi_family != AF_UNSPEC)
		return -EAFNOSUPPORT;
	if (ifi->ifi_index <= 0)
		return -EBADMSG;
	out->ifindex = (uint32_t)ifi->ifi_index;
	out->type = ifi->ifi_type;
	out->up = (ifi->ifi_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
	out->supers = ifi->ifi_type == ARPHRD_LOOPBACK;
	out->wire.peer_netns = NETIF_NETNS_OWN;
	out->arp = link_resolves(ifi);
	mnl_attr_for_each(a, nlh, sizeof(*ifi)) {
		const char *text;

		switch (mnl_attr_get_type(a)) {
		case IFLA_IFNAME:
			text = attr_text(a, sizeof(out->name));
			if (!text || !*text)
				return -EBADMSG;
			strcpy(out->name, text);
			break;
		case IFLA_MTU:
			if (!attr_u32(a, &out->mtu))
				return -EBADMSG;
			break;
		case IFLA_ADDRESS:
			if (mnl_attr_get_payload_len(a) == sizeof(out->mac))
				memcpy(out->mac, mnl_attr_get_payload(a), sizeof(out->mac));
			break;
		case IFLA_LINKINFO:
			parse_linkinfo(a, out);
			break;
		case IFLA_PROP_LIST:
			parse_properties(a, out);
			break;
		case IFLA_MASTER:
		case IFLA_LINK:
		case IFLA_LINK_NETNSID:
			if (!parse_wire(a, &out->wire))
				return -EBADMSG;
			break;
		case IFLA_PARENT_DEV_BUS_NAME:
			text = attr_text(a, 64);
			out->supers |= text && !strcmp(text, "virtio");
			break;
		}
	}
	return out->name[0] ? 0 : -EBADMSG;
}

int netif_parse_addr(const struct nlmsghdr *nlh, struct netif_addr *out)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;
	uint32_t address = 0, local = 0, broadcast = 0;

	memset(out, 0, sizeof(*out));
	if (!has_header(nlh, sizeof(*ifa)))
		return -EBADMSG;
	if (ifa->ifa_family != AF_INET)
		return -EAFNOSUPPORT;
	mnl_attr_for_each(a, nlh, sizeof(*ifa)) {
		if (mnl_attr_get_type(a) == IFA_ADDRESS && !attr_u32(a, &address))
			return -EBADMSG;
		if (mnl_attr_get_type(a) == IFA_LOCAL && !attr_u32(a, &local))
			return -EBADMSG;
		if (mnl_attr_get_type(a) == IFA_BROADCAST && !attr_u32(a, &broadcast))
			return -EBADMSG;
	}
	/* On point-to-point links IFA_ADDRESS is the peer's. */
	if (local)
		address = local;
	if (!address || ifa->ifa_index == 0 || ifa->ifa_index > INT32_MAX ||
	    ifa->ifa_prefixlen > 32)
		return -EBADMSG;
	out->ifindex = ifa->ifa_index;
	out->prefix_bits = ifa->ifa_prefixlen;
	out->addr = addr_from_ipv4_be(address);
	if (broadcast)
		out->broadcast = addr_from_ipv4_be(broadcast);
	return 0;
}

/* False when the attribute is malformed. */
static bool neigh_attr(const struct nlattr *a, struct netif_neigh *out)
{
	uint32_t flags;

	switch (mnl_attr_get_type(a)) {
	case NDA_DST:
		return attr_u32(a, &out->host_be);
	case NDA_LLADDR:
		out->has_mac = mnl_attr_get_payload_len(a) == sizeof(out->mac);
		if (out->has_mac)
			memcpy(out->mac, mnl_attr_get_payload(a), sizeof(out->mac));
		return true;
	case NDA_FLAGS_EXT:
		if (!attr_u32(a, &flags))
			return false;
		out->managed = flags & NTF_EXT_MANAGED;
		return true;
	}
	return true;
}

int netif_parse_neigh(const struct nlmsghdr *nlh, struct netif_neigh *out)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;

	memset(out, 0, sizeof(*out));
	if (!has_header(nlh, sizeof(*ndm)))
		return -EBADMSG;
	/* A proxy entry says for whom this host answers, not who answers it. */
	if (ndm->ndm_family != AF_INET || ndm->ndm_flags & NTF_PROXY)
		return -EAFNOSUPPORT;
	mnl_attr_for_each(a, nlh, sizeof(*ndm)) {
		if (!neigh_attr(a, out))
			return -EBADMSG;
	}
	if (!out->host_be || ndm->ndm_ifindex <= 0)
		return -EBADMSG;
	out->ifindex = (uint32_t)ndm->ndm_ifindex;
	out->state = ndm->ndm_state;
	return 0;
}

/* False when the attribute is malformed. */
static bool route_attr(const struct nlattr *a, struct netif_route *out)
{
	uint32_t table;

	switch (mnl_attr_get_type(a)) {
	case RTA_OIF:
		return attr_u32(a, &out->ifindex) && out->ifindex <= INT32_MAX;
	case RTA_GATEWAY:
		return attr_u32(a, &out->gateway_be);
	case RTA_PREFSRC:
		return attr_u32(a, &out->source_be);
	case RTA_VIA:
		out->gateway_v6 = true;
		return true;
	case RTA_TABLE:
		/* RTM_F_LOOKUP_TABLE: the table of the route, RT_TABLE_UNSPEC without one. */
		if (!attr_u32(a, &table))
			return false;
		out->matched = table != RT_TABLE_UNSPEC;
		return true;
	}
	return true;
}

int netif_parse_route(const struct nlmsghdr *nlh, struct netif_route *out)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;

	memset(out, 0, sizeof(*out));
	if (!has_header(nlh, sizeof(*rtm)))
		return -EBADMSG;
	if (rtm->rtm_family != AF_INET || !(rtm->rtm_flags & RTM_F_CLONED))
		return -EAFNOSUPPORT;
	out->type = rtm->rtm_type;
	mnl_attr_for_each(a, nlh, sizeof(*rtm)) {
		if (!route_attr(a, out))
			return -EBADMSG;
	}
	return 0;
}

int netif_parse_error(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(*err))
		return -EBADMSG;
	/* INT_MIN has no positive. */
	return err->error > 0 || err->error < -4095 ? -EBADMSG : -err->error;
}

/* Kernels add counters at the end, so a longer record is good and a short one lacks some. */
static void take_counters(const struct nlattr *a, struct netif_stats *out)
{
	struct rtnl_link_stats64 c = {0};
	const size_t len = mnl_attr_get_payload_len(a);

	memcpy(&c, mnl_attr_get_payload(a), len < sizeof(c) ? len : sizeof(c));
	out->rx_dropped = c.rx_dropped;
	out->rx_missed = c.rx_missed_errors;
	out->rx_errors = c.rx_errors;
}

int netif_parse_stats(const struct nlmsghdr *nlh, struct netif_stats *out)
{
	const struct if_stats_msg *head = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;
	bool found = false;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*head) || head->ifindex == 0 ||
	    head->ifindex > INT32_MAX)
		return -EBADMSG;
	*out = (struct netif_stats){.ifindex = head->ifindex};
	mnl_attr_for_each(a, nlh, sizeof(*head)) {
		if (mnl_attr_get_type(a) != IFLA_STATS_LINK_64)
			continue;
		take_counters(a, out);
		found = true;
	}
	return found ? 0 : -EBADMSG;
}
