// SPDX-License-Identifier: MIT
/*
 * test_netif.c - the table of links and addresses: events, dumps, datagrams that lie
 *
 * Links: daemon/control/netif.c daemon/control/netif_parse.c core/base/addr.c
 */
#include "daemon/control/netif.h"
#include "tests/unit/control/netlink_fixture.h"

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

/*
 * A new dump removes links and addresses that it does not mention, also without an event of their
 * deletion.
 */
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

/* Wrong lengths, up to those that are negative as a signed number. */
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

/* A link of that name goes before one that has it as its alternative name. */
static void test_alt_names(void **state)
{
	struct netif_link link;
	struct control_netif n;
	struct message m;

	make_alt_names(&m);
	assert_int_equal(netif_parse_link(m.nlh, &link), 0);
	assert_true(netif_has_alt(link.alt, "name7"));
	assert_false(netif_has_alt(link.alt, "name8"));
	assert_false(netif_has_alt(link.alt, "eth0"));
	assert_false(netif_has_alt(link.alt, ""));

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events),           cmocka_unit_test(test_dump_sweeps),
		cmocka_unit_test(test_dump_interrupted), cmocka_unit_test(test_malformed_datagrams),
		cmocka_unit_test(test_lengths),          cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_alt_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
