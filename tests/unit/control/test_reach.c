// SPDX-License-Identifier: MIT
/*
 * test_reach.c - routes to outputs, from crafted netlink messages
 *
 * The test is the kernel: it reads the questions and answers them.
 *
 * Links: daemon/control/reach.c daemon/control/reach_netlink.c daemon/control/netif_parse.c
 * Links: daemon/control/reach_keep.c
 * Links: core/base/addr.c
 * Links: core/base/clock.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "daemon/control/reach.h"
#include "daemon/control/reach_netlink.h"
#include "tests/unit/control/reach_fixture.h"

/* --- routes --- */

static const struct route_answer routes[] = {
	{"on the link", RTN_UNICAST, 254, .way = WAY_HOP, .hop = HOST},
	{"over a gateway", RTN_UNICAST, 254, GATEWAY, .way = WAY_HOP, .hop = GATEWAY},
	{"without a route", RTN_UNICAST, 0, .way = WAY_HOP, .hop = HOST},
	{"own address", RTN_LOCAL, 255, .way = WAY_LOCAL},
	{"broadcast", RTN_BROADCAST, 255, .way = WAY_BROADCAST},
	{"multicast", RTN_MULTICAST, 0, .prefsrc = GATEWAY, .way = WAY_DIRECT},
	{"no ARP there", RTN_UNICAST, 254, .no_arp = true, .way = WAY_DIRECT},
	{"IPv6 gateway", RTN_UNICAST, 254, .via = true, .way = WAY_DIRECT},
	{"refused", .error = ENETUNREACH, .way = WAY_NONE},
	{"a type that is none", RTN_PROHIBIT, 254, .way = WAY_NONE},
};

static void test_routes(void **state)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		const struct route_answer *a = &routes[i];
		const struct reach_key key = key_of(HOST);
		const struct reach_dest *d;
		uint32_t seq;

		teardown(state);
		setup(state);
		assert_int_equal(reach_need(reach, &key, !a->no_arp), 0);
		d = reach_find(reach, &key);
		assert_int_equal(d->way, WAY_UNKNOWN);
		assert_true(reach_settling(d, NOW));
		seq = one_question(RTM_GETROUTE);
		if (a->error)
			answer_error(seq, a->error);
		else
			answer_route(seq, a);
		if (d->way != a->way || (d->hop ? ntohl(d->hop->host_be) : 0) != a->hop ||
		    ntohl(d->kernel_source_be) != a->prefsrc || d->matched != (a->table != 0))
			fail_msg("%s: way %d", a->name, d->way);
		assert_int_equal(reach_settling(d, NOW), a->hop != 0);
		assert_int_equal(reach->malformed, 0);
	}
}

/* Many outputs behind one gateway are one next hop, which goes with the last of them. */
static void test_shared_gateway(void **state)
{
	const struct reach_dest *a = need(HOST), *b;

	resolve(HOST, GATEWAY, NUD_REACHABLE);
	b = need(HOST + 1);
	answer_route(one_question(RTM_GETROUTE),
		     &(struct route_answer){.type = RTN_UNICAST, .table = 254, .gateway = GATEWAY});
	assert_ptr_equal(a->hop, b->hop);
	assert_int_equal(reach->n_hops, 1);
	reach_unmark(reach);
	need(HOST + 1);
	reach_sweep(reach);
	assert_int_equal(reach->n_dests, 1);
	assert_int_equal(reach->n_hops, 1);
	reach_unmark(reach);
	reach_sweep(reach);
	assert_int_equal(reach->n_hops, 0);
}

/* An answer about a destination that is not needed any more is ignored. */
static void test_late_answer(void **state)
{
	const struct route_answer on_link = {.type = RTN_UNICAST, .table = 254};
	uint32_t seq;

	need(HOST);
	seq = one_question(RTM_GETROUTE);
	reach_unmark(reach);
	reach_sweep(reach);
	answer_route(seq, &on_link);
	assert_int_equal(reach->n_hops, 0);
	/* Nor is one to a question of an earlier message. */
	need(HOST);
	one_question(RTM_GETROUTE);
	answer_route(seq, &on_link);
	assert_int_equal(reach->n_hops, 0);
	assert_int_equal(reach->malformed, 0);
}

/* Events carry the sequence number of the request that caused them. */
static void test_event_with_our_number(void **state)
{
	struct message m;
	uint32_t seq;

	need(HOST);
	seq = one_question(RTM_GETROUTE);
	m = begin(RTM_NEWROUTE, seq);
	m.nlh = (struct nlmsghdr *)m.bytes;
	m.nlh->nlmsg_pid = 4711;
	mnl_nlmsg_put_extra_header(m.nlh, sizeof(struct rtmsg));
	feed(&m, NOW);
	assert_int_equal(reach->malformed, 0);
	assert_int_not_equal(reach->routes_ns, UINT64_MAX);
	answer_route(seq, &(struct route_answer){.type = RTN_LOCAL, .table = 255});
	assert_int_equal(reach_find(reach, &(struct reach_key){OUT, htonl(HOST), 0})->way,
			 WAY_LOCAL);
}

/* A flood of routes is one more question per destination, after some time. */
static void test_routes_change(void **state)
{
	const struct reach_dest *d = need(HOST);
	struct message m = begin(RTM_DELROUTE, 0);
	uint16_t type;
	uint32_t seq;

	mnl_nlmsg_put_extra_header((struct nlmsghdr *)m.bytes, sizeof(struct rtmsg));
	resolve(HOST, 0, NUD_STALE);
	for (int i = 0; i < 1000; i++)
		feed(&m, NOW + (uint64_t)i);
	assert_int_equal(reach->routes_ns, NOW + REACH_ROUTES_NS);
	assert_int_equal(questions(&seq, &type), 0);
	reach_ask_all(reach);
	reach_ask_all(reach);
	assert_int_equal(questions(&seq, &type), 2); /* the route, and the neighbour */
	assert_int_equal(type, RTM_GETROUTE);
	answer_error(seq, ENETUNREACH);
	assert_int_equal(d->way, WAY_NONE);
	assert_int_equal(reach->n_hops, 0);
	/* Not before the time that the last questions have taken is paid for. */
	reach->routes_ns = UINT64_MAX;
	reach->quiet_ns = NOW + NS_PER_S;
	feed(&m, NOW);
	assert_int_equal(reach->routes_ns, NOW + NS_PER_S);
}

/* Another address on the way is news, and none where no way is left. */
static void test_source_changes(void **state)
{
	const struct route_answer direct = {
		.type = RTN_MULTICAST, .prefsrc = GATEWAY, .way = WAY_DIRECT};
	struct route_answer other = direct;
	const struct reach_dest *d = need(HOST);

	answer_route(one_question(RTM_GETROUTE), &direct);
	reach_acted(reach);
	reach_ask_all(reach);
	answer_route(one_question(RTM_GETROUTE), &direct);
	assert_true(reach->act_ns == UINT64_MAX);
	other.prefsrc = GATEWAY + 1;
	reach_ask_all(reach);
	answer_route(one_question(RTM_GETROUTE), &other);
	assert_int_equal(ntohl(d->kernel_source_be), GATEWAY + 1);
	assert_int_equal(reach->act_ns, NOW + REACH_GATHER_NS);
	reach_ask_all(reach);
	answer_error(one_question(RTM_GETROUTE), ENETUNREACH);
	assert_int_equal(d->kernel_source_be, 0);
}

/* --- malformed messages --- */

static void test_malformed(void **state)
{
	struct message m;
	uint32_t seq;

	need(HOST);
	seq = one_question(RTM_GETROUTE);
	answer_error(seq, 0);
	assert_int_equal(reach->malformed, 1);
	m = begin(NLMSG_ERROR, seq); /* without its body */
	feed(&m, NOW);
	assert_int_equal(reach->malformed, 2);
	m = neigh(RTM_NEWNEIGH, 0, HOST, NUD_FAILED);
	((struct nlmsghdr *)m.bytes)->nlmsg_len = MNL_NLMSG_HDRLEN + 4;
	feed(&m, NOW);
	assert_int_equal(reach->malformed, 3);
	reach_consume(reach, m.bytes, 3, NOW);
	assert_int_equal(reach->malformed, 4);
	answer_route(seq, &(struct route_answer){.type = RTN_LOCAL, .table = 255});
	assert_int_equal(reach->malformed, 4);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_routes),        T(test_shared_gateway),
		T(test_late_answer),   T(test_event_with_our_number),
		T(test_routes_change), T(test_source_changes),
		T(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
