// SPDX-License-Identifier: MIT
/*
 * test_netif_parse.c - single netlink messages, whole and broken
 *
 * Links: daemon/control/netif_parse.c core/base/addr.c
 */
#include "daemon/control/netif_parse.h"
#include "tests/unit/control/netlink_fixture.h"

static void make_down(struct message *m)
{
	whole_link(m, RTM_NEWLINK, 7, "eth0", false);
}

static void make_veth(struct message *m)
{
	struct nlattr *nest;

	make_plain(m);
	nest = mnl_attr_nest_start(m->nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(m->nlh, IFLA_INFO_KIND, "veth");
	mnl_attr_nest_end(m->nlh, nest);
}

static void test_alt_names(void **state)
{
	struct netif_link link;
	struct message m;

	make_alt_names(&m);
	assert_int_equal(netif_parse_link(m.nlh, &link), 0);
	assert_string_equal(link.alt[0], "wan");
	assert_string_equal(link.alt[1], "fifteen-letters");
	assert_string_equal(link.alt[NETIF_ALT_NAMES - 1], "name7");
}

static void make_short_master(struct message *m)
{
	make_plain(m);
	mnl_attr_put_u16(m->nlh, IFLA_MASTER, 3);
}

static void make_short_peer(struct message *m)
{
	make_plain(m);
	mnl_attr_put_u16(m->nlh, IFLA_LINK, 3);
}

static void make_short_netns(struct message *m)
{
	make_plain(m);
	mnl_attr_put_u16(m->nlh, IFLA_LINK_NETNSID, 3);
}

static void make_virtio(struct message *m)
{
	make_plain(m);
	mnl_attr_put_strz(m->nlh, IFLA_PARENT_DEV_BUS_NAME, "virtio");
}

static void make_pci(struct message *m)
{
	make_plain(m);
	mnl_attr_put_strz(m->nlh, IFLA_PARENT_DEV_BUS_NAME, "pci");
}

static void make_loopback(struct message *m)
{
	begin_link(m, RTM_NEWLINK, 1, IFF_UP | IFF_RUNNING)->ifi_type = ARPHRD_LOOPBACK;
	mnl_attr_put_strz(m->nlh, IFLA_IFNAME, "lo");
	mnl_attr_put_u32(m->nlh, IFLA_MTU, 65536);
}

static void make_short_header(struct message *m)
{
	begin(m, RTM_NEWLINK);
	m->nlh->nlmsg_len = MNL_NLMSG_HDRLEN + 8;
}

static void make_no_index(struct message *m)
{
	whole_link(m, RTM_NEWLINK, 0, "eth0", true);
}

static void make_negative_index(struct message *m)
{
	whole_link(m, RTM_NEWLINK, -3, "eth0", true);
}

static void make_no_name(struct message *m)
{
	begin_link(m, RTM_NEWLINK, 7, IFF_UP);
	mnl_attr_put_u32(m->nlh, IFLA_MTU, 1500);
}

static void make_empty_name(struct message *m)
{
	begin_link(m, RTM_NEWLINK, 7, IFF_UP);
	mnl_attr_put_strz(m->nlh, IFLA_IFNAME, "");
}

static void make_open_name(struct message *m)
{
	begin_link(m, RTM_NEWLINK, 7, IFF_UP);
	mnl_attr_put(m->nlh, IFLA_IFNAME, 4, "eth0");
}

static void make_long_name(struct message *m)
{
	begin_link(m, RTM_NEWLINK, 7, IFF_UP);
	mnl_attr_put_strz(m->nlh, IFLA_IFNAME, "abcdefghijklmnop");
}

static void make_short_mtu(struct message *m)
{
	begin_link(m, RTM_NEWLINK, 7, IFF_UP);
	mnl_attr_put_strz(m->nlh, IFLA_IFNAME, "eth0");
	mnl_attr_put(m->nlh, IFLA_MTU, 2, "\1\2");
}

static void make_unaligned(struct message *m)
{
	make_plain(m);
	m->nlh->nlmsg_len -= 1;
}

static const struct {
	const char *name;
	void (*make)(struct message *m);
	int ret;
	bool up, supers;
	uint32_t mtu;
} link_cases[] = {
	{"an Ethernet link", make_plain, 0, true, false, 1500},
	{"without carrier it is not up", make_down, 0, false, false, 1500},
	{"veth may hand over super-datagrams", make_veth, 0, true, true, 1500},
	{"virtio may hand over super-datagrams", make_virtio, 0, true, true, 1500},
	{"a PCI device does not", make_pci, 0, true, false, 1500},
	{"loopback may hand over super-datagrams", make_loopback, 0, true, true, 65536},
	{"leaving a bridge is not leaving", make_bridge_port, -EAFNOSUPPORT, 0, 0, 0},
	{"header cut short", make_short_header, -EBADMSG, 0, 0, 0},
	{"index zero", make_no_index, -EBADMSG, 0, 0, 0},
	{"negative index", make_negative_index, -EBADMSG, 0, 0, 0},
	{"no name", make_no_name, -EBADMSG, 0, 0, 0},
	{"empty name", make_empty_name, -EBADMSG, 0, 0, 0},
	{"name without its end", make_open_name, -EBADMSG, 0, 0, 0},
	{"name of sixteen letters", make_long_name, -EBADMSG, 0, 0, 0},
	{"master of two bytes", make_short_master, -EBADMSG, 0, 0, 0},
	{"peer of two bytes", make_short_peer, -EBADMSG, 0, 0, 0},
	{"namespace of two bytes", make_short_netns, -EBADMSG, 0, 0, 0},
	{"MTU of two bytes", make_short_mtu, -EBADMSG, 0, 0, 0},
	{"length that is no multiple of four", make_unaligned, -EBADMSG, 0, 0, 0},
};

static void test_parse_link(void **state)
{
	for (size_t i = 0; i < sizeof(link_cases) / sizeof(link_cases[0]); i++) {
		struct netif_link link;
		struct message m;
		void *exact;
		int ret;

		link_cases[i].make(&m);
		exact = malloc(m.nlh->nlmsg_len);
		memcpy(exact, m.bytes, m.nlh->nlmsg_len);
		ret = netif_parse_link(exact, &link);
		free(exact);
		if (ret != link_cases[i].ret)
			fail_msg("%s: %d", link_cases[i].name, ret);
		if (ret == 0 &&
		    (link.up != link_cases[i].up || link.supers != link_cases[i].supers ||
		     link.mtu != link_cases[i].mtu))
			fail_msg("%s: up %d supers %d mtu %u", link_cases[i].name, link.up,
				 link.supers, link.mtu);
	}
}

static void test_parse_addr(void **state)
{
	struct netif_addr addr;
	struct message m;

	whole_addr(&m, RTM_NEWADDR, 7, 0x0a010001);
	assert_int_equal(netif_parse_addr(m.nlh, &addr), 0);
	assert_int_equal(addr.ifindex, 7);
	assert_int_equal(addr_ipv4_be(&addr.addr), htonl(0x0a010001));

	whole_addr(&m, RTM_NEWADDR, 0, 0x0a010001);
	assert_int_equal(netif_parse_addr(m.nlh, &addr), -EBADMSG);
	whole_addr(&m, RTM_NEWADDR, 0x80000000u, 0x0a010001);
	assert_int_equal(netif_parse_addr(m.nlh, &addr), -EBADMSG);
	whole_addr(&m, RTM_NEWADDR, 7, 0);
	assert_int_equal(netif_parse_addr(m.nlh, &addr), -EBADMSG);
	whole_addr(&m, RTM_NEWADDR, 7, 0x0a010001);
	((struct ifaddrmsg *)mnl_nlmsg_get_payload(m.nlh))->ifa_family = AF_INET6;
	assert_int_equal(netif_parse_addr(m.nlh, &addr), -EAFNOSUPPORT);
	begin(&m, RTM_NEWADDR);
	assert_int_equal(netif_parse_addr(m.nlh, &addr), -EBADMSG);
}

/* On a point-to-point link the peer's address is not ours. */
static void test_parse_addr_peer(void **state)
{
	struct netif_addr addr;
	struct message m;
	struct ifaddrmsg *ifa;

	begin(&m, RTM_NEWADDR);
	ifa = mnl_nlmsg_put_extra_header(m.nlh, sizeof(*ifa));
	ifa->ifa_family = AF_INET;
	ifa->ifa_index = 3;
	mnl_attr_put_u32(m.nlh, IFA_ADDRESS, htonl(0x0a000002));
	mnl_attr_put_u32(m.nlh, IFA_LOCAL, htonl(0x0a000001));
	assert_int_equal(netif_parse_addr(m.nlh, &addr), 0);
	assert_int_equal(addr_ipv4_be(&addr.addr), htonl(0x0a000001));
}

/* How a link is connected with others; 0 and NULL: the attribute is left out. */
static const struct {
	const char *name, *kind;
	uint32_t master, peer, mode;
	int netns;
	bool has_netns;
	struct netif_wire expect;
} wire_cases[] = {
	{"alone", NULL, 0, 0, 0, 0, false, {NETIF_OTHER, 0, 0, -1, false}},
	{"veth", "veth", 0, 4, 0, 0, false, {NETIF_VETH, 0, 4, -1, true}},
	{"veth to another namespace", "veth", 0, 4, 0, 0, true, {NETIF_VETH, 0, 4, 0, true}},
	{"to a namespace without id",
	 "veth",
	 0,
	 4,
	 0,
	 -1,
	 true,
	 {NETIF_VETH, 0, 4, INT32_MAX, true}},
	{"a bridge", "bridge", 0, 0, 0, 0, false, {NETIF_BRIDGE, 0, 0, -1, true}},
	{"a port", "tun", 6, 0, 0, 0, false, {NETIF_OTHER, 6, 0, -1, true}},
	{"a VLAN", "vlan", 0, 2, 0, 0, false, {NETIF_OTHER, 0, 2, -1, true}},
	{"macvlan bridge", "macvlan", 0, 2, 4, 0, false, {NETIF_MACVLAN, 0, 2, -1, true}},
	{"macvlan private", "macvlan", 0, 2, 1, 0, false, {NETIF_MACVLAN, 0, 2, -1, false}},
	{"macvtap vepa", "macvtap", 0, 2, 2, 0, false, {NETIF_MACVLAN, 0, 2, -1, false}},
	{"ipvlan", "ipvlan", 0, 2, 0, 0, false, {NETIF_MACVLAN, 0, 2, -1, true}},
};

static void test_parse_wire(void **state)
{
	for (size_t i = 0; i < sizeof(wire_cases) / sizeof(wire_cases[0]); i++) {
		const struct netif_wire *want = &wire_cases[i].expect;
		struct nlattr *info, *data;
		struct netif_link link;
		struct message m;

		make_plain(&m);
		if (wire_cases[i].kind) {
			info = mnl_attr_nest_start(m.nlh, IFLA_LINKINFO);
			mnl_attr_put_strz(m.nlh, IFLA_INFO_KIND, wire_cases[i].kind);
			data = mnl_attr_nest_start(m.nlh, IFLA_INFO_DATA);
			if (wire_cases[i].mode)
				mnl_attr_put_u32(m.nlh, IFLA_MACVLAN_MODE, wire_cases[i].mode);
			mnl_attr_nest_end(m.nlh, data);
			mnl_attr_nest_end(m.nlh, info);
		}
		if (wire_cases[i].master)
			mnl_attr_put_u32(m.nlh, IFLA_MASTER, wire_cases[i].master);
		if (wire_cases[i].peer)
			mnl_attr_put_u32(m.nlh, IFLA_LINK, wire_cases[i].peer);
		if (wire_cases[i].has_netns)
			mnl_attr_put_u32(m.nlh, IFLA_LINK_NETNSID, (uint32_t)wire_cases[i].netns);
		assert_int_equal(netif_parse_link(m.nlh, &link), 0);
		if (link.wire.kind != want->kind || link.wire.master != want->master ||
		    link.wire.peer != want->peer || link.wire.peer_netns != want->peer_netns ||
		    link.wire.siblings != want->siblings)
			fail_msg("%s: kind %d master %u peer %u in %d siblings %d",
				 wire_cases[i].name, link.wire.kind, link.wire.master,
				 link.wire.peer, link.wire.peer_netns, link.wire.siblings);
	}
}

static void begin_stats(struct message *m, uint32_t ifindex)
{
	struct if_stats_msg *head;

	begin(m, RTM_NEWSTATS);
	head = mnl_nlmsg_put_extra_header(m->nlh, sizeof(*head));
	head->ifindex = ifindex;
}

static void test_parse_stats(void **state)
{
	const struct rtnl_link_stats64 counters = {
		.rx_dropped = 5, .rx_missed_errors = 1ull << 40, .rx_errors = 7};
	const char longer[sizeof(counters) + 8] = {0};
	struct netif_stats stats;
	struct message m;

	begin_stats(&m, 7);
	mnl_attr_put(m.nlh, IFLA_STATS_LINK_64, sizeof(counters), &counters);
	assert_int_equal(netif_parse_stats(m.nlh, &stats), 0);
	assert_int_equal(stats.ifindex, 7);
	assert_int_equal(stats.rx_dropped, 5);
	assert_int_equal(stats.rx_missed, 1ull << 40);
	assert_int_equal(stats.rx_errors, 7);

	/* Of a kernel with more counters, and of one that has none of these. */
	begin_stats(&m, 7);
	mnl_attr_put(m.nlh, IFLA_STATS_LINK_64, sizeof(longer), longer);
	assert_int_equal(netif_parse_stats(m.nlh, &stats), 0);
	begin_stats(&m, 7);
	mnl_attr_put(m.nlh, IFLA_STATS_LINK_64, 8, &counters);
	assert_int_equal(netif_parse_stats(m.nlh, &stats), 0);
	assert_int_equal(stats.rx_dropped, 0);

	begin_stats(&m, 0);
	mnl_attr_put(m.nlh, IFLA_STATS_LINK_64, sizeof(counters), &counters);
	assert_int_equal(netif_parse_stats(m.nlh, &stats), -EBADMSG);
	begin_stats(&m, 7);
	assert_int_equal(netif_parse_stats(m.nlh, &stats), -EBADMSG);
	m.nlh->nlmsg_len = MNL_NLMSG_HDRLEN + 4;
	assert_int_equal(netif_parse_stats(m.nlh, &stats), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_wire), cmocka_unit_test(test_parse_link),
		cmocka_unit_test(test_parse_addr), cmocka_unit_test(test_parse_addr_peer),
		cmocka_unit_test(test_alt_names),  cmocka_unit_test(test_parse_stats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
