/* SPDX-License-Identifier: MIT */
/*
 * netlink_fixture.h - netlink messages as the kernel makes them
 */
#ifndef TESTS_UNIT_CONTROL_NETLINK_FIXTURE_H
#define TESTS_UNIT_CONTROL_NETLINK_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>

#include "daemon/control/netif.h"
#include "daemon/control/netif_parse.h"

/* One message in a buffer of its own, so that a read beyond it is seen by the sanitizer. */
struct message {
	char bytes[512] __attribute__((aligned(8)));
	struct nlmsghdr *nlh;
};

static inline void begin(struct message *m, uint16_t type)
{
	memset(m->bytes, 0, sizeof(m->bytes));
	m->nlh = mnl_nlmsg_put_header(m->bytes);
	m->nlh->nlmsg_type = type;
}

static inline struct ifinfomsg *begin_link(struct message *m, uint16_t type, int index,
					   unsigned flags)
{
	struct ifinfomsg *ifi;

	begin(m, type);
	ifi = mnl_nlmsg_put_extra_header(m->nlh, sizeof(*ifi));
	ifi->ifi_index = index;
	ifi->ifi_flags = flags;
	ifi->ifi_type = ARPHRD_ETHER;
	return ifi;
}

static inline void whole_link(struct message *m, uint16_t type, int index, const char *name,
			      bool up)
{
	begin_link(m, type, index, up ? IFF_UP | IFF_RUNNING : IFF_UP);
	mnl_attr_put_strz(m->nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(m->nlh, IFLA_MTU, 1500);
}

static inline void whole_addr(struct message *m, uint16_t type, unsigned index, uint32_t ip)
{
	struct ifaddrmsg *ifa;

	begin(m, type);
	ifa = mnl_nlmsg_put_extra_header(m->nlh, sizeof(*ifa));
	ifa->ifa_family = AF_INET;
	ifa->ifa_index = index;
	mnl_attr_put_u32(m->nlh, IFA_ADDRESS, htonl(ip));
	mnl_attr_put_u32(m->nlh, IFA_LOCAL, htonl(ip));
}

static inline void make_plain(struct message *m)
{
	whole_link(m, RTM_NEWLINK, 7, "eth0", true);
}

static inline void put_alt(struct message *m, const char *name)
{
	mnl_attr_put_strz(m->nlh, IFLA_ALT_IFNAME, name);
}

static inline void make_alt_names(struct message *m)
{
	struct nlattr *list;
	char name[MCR_IFNAME_MAX];

	make_plain(m);
	list = mnl_attr_nest_start(m->nlh, IFLA_PROP_LIST);
	put_alt(m, "wan");
	put_alt(m, "a-name-that-is-longer");
	put_alt(m, "");
	mnl_attr_put(m->nlh, IFLA_ALT_IFNAME, 3, "cut");
	put_alt(m, "fifteen-letters");
	for (int i = 2; i < 12; i++) {
		snprintf(name, sizeof(name), "name%d", i);
		put_alt(m, name);
	}
	mnl_attr_nest_end(m->nlh, list);
}

static inline void make_bridge_port(struct message *m)
{
	begin_link(m, RTM_DELLINK, 7, 0)->ifi_family = AF_BRIDGE;
	mnl_attr_put_strz(m->nlh, IFLA_IFNAME, "eth0");
}

#endif
