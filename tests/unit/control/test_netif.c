// SPDX-License-Identifier: MIT
/*
 * test_netif.c - crafted netlink messages, good and bad, and the table they make
 *
 * Links: daemon/control/netif.c daemon/control/netif_parse.c core/base/addr.c
 */
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

static void begin(struct message *m, uint16_t type)
{
	memset(m->bytes, 0, sizeof(m->bytes));
	m->nlh = mnl_nlmsg_put_header(m->bytes);
	m->nlh->nlmsg_type = type;
}

static struct ifinfomsg *begin_link(struct message *m, uint16_t type, int index, unsigned flags)
{
	struct ifinfomsg *ifi;

	begin(m, type);
	ifi = mnl_nlmsg_put_extra_header(m->nlh, sizeof(*ifi));
	ifi->ifi_index = index;
	ifi->ifi_flags = flags;
	ifi->ifi_type = ARPHRD_ETHER;
	return ifi;
}

static void whole_link(struct message *m, uint16_t type, int index, const char *name, bool up)
{
	begin_link(m, type, index, up ? IFF_UP | IFF_RUNNING : IFF_UP);
	mnl_attr_put_strz(m->nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(m->nlh, IFLA_MTU, 1500);
}

static void whole_addr(struct message *m, uint16_t type, unsigned index, uint32_t ip)
{
	struct ifaddrmsg *ifa;

	begin(m, type);
	ifa = mnl_nlmsg_put_extra_header(m->nlh, sizeof(*ifa));
	ifa->ifa_family = AF_INET;
	ifa->ifa_index = index;
	mnl_attr_put_u32(m->nlh, IFA_ADDRESS, htonl(ip));
	mnl_attr_put_u32(m->nlh, IFA_LOCAL, htonl(ip));
}

/* --- parsing of single messages --- */

static void make_plain(struct message *m)
{
	whole_link(m, RTM_NEWLINK, 7, "eth0", true);
}

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

static void put_alt(struct message *m, const char *name)
{
	mnl_attr_put_strz(m->nlh, IFLA_ALT_IFNAME, name);
}

static void make_alt_names(struct message *m)
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

static void test_alt_names(void **state)
{
	struct netif_link link;
	struct control_netif n;
	struct message m;

	make_alt_names(&m);
	assert_int_equal(netif_parse_link(m.nlh, &link), 0);
	assert_string_equal(link.alt[0], "wan");
	assert_string_equal(link.alt[1], "fifteen-letters");
	assert_string_equal(link.alt[NETIF_ALT_NAMES - 1], "name7");
	assert_true(netif_has_alt(link.alt, "name7"));
	assert_false(netif_has_alt(link.alt, "name8"));
	assert_false(netif_has_alt(link.alt, "eth0"));
	assert_false(netif_has_alt(link.alt, ""));

	/* A link of that name goes before one that has it as another name. */
	control_netif_init(&n, -1);
	control_netif_consume(&n, m.nlh, m.nlh->nlmsg_len);
	assert_int_equal(control_netif_by_name(&n, "wan")->ifindex, 7);
	n.changed = false;
	control_netif_consume(&n, m.nlh, m.nlh->nlmsg_len);
	assert_false(n.changed);
	whole_link(&m, RTM_NEWLINK, 8, "wan", true);
	control_netif_consume(&n, m.nlh, m.nlh->nlmsg_len);
	assert_int_equal(control_netif_by_name(&n, "wan")->ifindex, 8);
	make_plain(&m);
	n.changed = false;
	control_netif_consume(&n, m.nlh, m.nlh->nlmsg_len);
	assert_true(n.changed);
	assert_null(control_netif_by_name(&n, "fifteen-letters"));
	control_netif_fini(&n);
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

static void make_bridge_port(struct message *m)
{
	begin_link(m, RTM_DELLINK, 7, 0)->ifi_family = AF_BRIDGE;
	mnl_attr_put_strz(m->nlh, IFLA_IFNAME, "eth0");
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

/* --- the table --- */

static void feed(struct control_netif *n, const struct message *m)
{
	control_netif_consume(n, m->bytes, m->nlh->nlmsg_len);
}

static void feed_done(struct control_netif *n)
{
	struct message m;

	begin(&m, NLMSG_DONE);
	m.nlh->nlmsg_seq = n->seq;
	mnl_nlmsg_put_extra_header(m.nlh, sizeof(int));
	feed(n, &m);
}

static void test_events(void **state)
{
	struct control_netif n;
	struct message m;

	control_netif_init(&n, -1);
	whole_link(&m, RTM_NEWLINK, 7, "eth0", true);
	feed(&n, &m);
	assert_true(n.changed);
	assert_non_null(control_netif_by_name(&n, "eth0"));

	n.changed = false;
	feed(&n, &m);
	assert_false(n.changed); /* nothing that matters is different */

	whole_link(&m, RTM_NEWLINK, 7, "eth9", true);
	feed(&n, &m);
	assert_true(n.changed);
	assert_null(control_netif_by_name(&n, "eth0"));
	assert_int_equal(control_netif_by_name(&n, "eth9")->ifindex, 7);

	whole_addr(&m, RTM_NEWADDR, 7, 0x0a010001);
	feed(&n, &m);
	struct addr a = addr_from_ipv4_be(htonl(0x0a010001));

	assert_true(control_netif_has_addr(&n, 7, &a));
	assert_true(control_netif_has_addr(&n, 0, &a));
	assert_false(control_netif_has_addr(&n, 8, &a));

	n.changed = false;
	make_bridge_port(&m);
	feed(&n, &m);
	assert_non_null(control_netif_by_index(&n, 7));
	assert_false(n.changed);

	whole_link(&m, RTM_DELLINK, 7, "eth9", false);
	feed(&n, &m);
	assert_true(n.changed);
	assert_null(control_netif_by_index(&n, 7));
	assert_false(control_netif_has_addr(&n, 0, &a));
	control_netif_fini(&n);
}

/* What a new dump does not mention is gone, also when its deletion was never heard of. */
static void test_dump_sweeps(void **state)
{
	struct control_netif n;
	struct message m;

	control_netif_init(&n, -1);
	whole_link(&m, RTM_NEWLINK, 7, "eth0", true);
	feed(&n, &m);
	whole_link(&m, RTM_NEWLINK, 8, "eth1", true);
	feed(&n, &m);
	n.links[0].seen = n.links[1].seen = false;
	n.phase = NETIF_LINKS;
	feed(&n, &m); /* eth1 again */
	feed_done(&n);
	assert_null(control_netif_by_name(&n, "eth0"));
	assert_non_null(control_netif_by_name(&n, "eth1"));
	control_netif_fini(&n);
}

static void test_dump_interrupted(void **state)
{
	struct control_netif n;
	struct message m;

	control_netif_init(&n, -1);
	n.dump_due = false;
	n.phase = NETIF_LINKS;
	whole_link(&m, RTM_NEWLINK, 7, "eth0", true);
	m.nlh->nlmsg_flags = NLM_F_DUMP_INTR;
	m.nlh->nlmsg_seq = n.seq;
	feed(&n, &m);
	assert_true(n.dump_due);
	control_netif_fini(&n);
}

/* A message that ends beyond its datagram, and rubbish after a good one. */
static void test_malformed_datagrams(void **state)
{
	struct control_netif n;
	struct message m;
	char *exact;

	control_netif_init(&n, -1);
	whole_link(&m, RTM_NEWLINK, 7, "eth0", true);
	for (size_t cut = 0; cut < m.nlh->nlmsg_len; cut++) {
		exact = malloc(cut ? cut : 1);
		memcpy(exact, m.bytes, cut);
		control_netif_consume(&n, exact, cut);
		free(exact);
	}
	assert_int_equal(n.n_links, 0);
	assert_true(n.malformed > 0);

	n.malformed = 0;
	exact = malloc(m.nlh->nlmsg_len + 5);
	memcpy(exact, m.bytes, m.nlh->nlmsg_len);
	memset(exact + m.nlh->nlmsg_len, 0xff, 5);
	control_netif_consume(&n, exact, m.nlh->nlmsg_len + 5);
	free(exact);
	assert_int_equal(n.n_links, 1);
	assert_int_equal(n.malformed, 1);
	control_netif_fini(&n);
}

/* Lengths that lie, up to those that are negative as a signed number. */
static void test_lengths(void **state)
{
	static const uint32_t lengths[] = {0,           1,           15,          0x7fffffff,
					   0x80000000u, 0x9f000000u, 0xfffffffcu, 0xffffffffu};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct control_netif n;
		struct message m;

		control_netif_init(&n, -1);
		whole_link(&m, RTM_NEWLINK, 7, "eth0", true);
		m.nlh->nlmsg_len = lengths[i];
		control_netif_consume(&n, m.bytes, 64);
		assert_int_equal(n.n_links, 0);
		assert_int_equal(n.malformed, 1);
		control_netif_fini(&n);
	}
}

static void test_bounded(void **state)
{
	struct control_netif n;
	struct message m;

	control_netif_init(&n, -1);
	for (int i = 1; i <= NETIF_MAX_LINKS + 3; i++) {
		whole_link(&m, RTM_NEWLINK, i, "x", true);
		feed(&n, &m);
	}
	assert_int_equal(n.n_links, NETIF_MAX_LINKS);
	assert_int_equal(n.ignored, 3);
	control_netif_fini(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_wire),       cmocka_unit_test(test_parse_link),
		cmocka_unit_test(test_parse_addr),       cmocka_unit_test(test_parse_addr_peer),
		cmocka_unit_test(test_events),           cmocka_unit_test(test_dump_sweeps),
		cmocka_unit_test(test_dump_interrupted), cmocka_unit_test(test_malformed_datagrams),
		cmocka_unit_test(test_lengths),          cmocka_unit_test(test_alt_names),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
