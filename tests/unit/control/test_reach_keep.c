// SPDX-License-Identifier: MIT
/*
 * test_reach_keep.c - MAC addresses of neighbours, and which entries are kept fresh
 *
 * Links: daemon/control/reach.c daemon/control/reach_netlink.c daemon/control/netif_parse.c
 * Links: daemon/control/reach_keep.c
 * Links: core/base/addr.c
 * Links: core/base/clock.c
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/control/reach.h"
#include "daemon/control/reach_keep.h"
#include "daemon/control/reach_netlink.h"
#include "tests/unit/control/reach_fixture.h"

static void event(uint16_t state, uint32_t host)
{
	struct message m = neigh(RTM_NEWNEIGH, 0, host, state);

	feed(&m, NOW);
}

static void event_of_mac(uint16_t state, const void *mac, size_t bytes)
{
	struct message m = neigh(RTM_NEWNEIGH, 0, HOST, state);

	m.nlh = (struct nlmsghdr *)m.bytes;
	mnl_attr_put(m.nlh, NDA_LLADDR, bytes, mac);
	feed(&m, NOW);
}

/* The kernel path writes the address into frames: each change is acted upon. */
static void test_mac_changes(void **state)
{
	static const uint8_t first[] = {2, 0, 0, 0, 0, 1}, second[] = {2, 0, 0, 0, 0, 2};
	const struct reach_dest *d = need(HOST);

	resolve(HOST, 0, NUD_REACHABLE);
	assert_false(d->hop->has_mac);
	reach_acted(reach);
	event_of_mac(NUD_REACHABLE, first, 6);
	assert_true(d->hop->has_mac);
	assert_memory_equal(d->hop->mac, first, 6);
	assert_int_equal(reach->act_ns, NOW + REACH_GATHER_NS);
	reach_acted(reach);
	event_of_mac(NUD_STALE, first, 6);
	assert_int_equal(reach->act_ns, UINT64_MAX);
	event_of_mac(NUD_STALE, second, 6);
	assert_memory_equal(d->hop->mac, second, 6);
	assert_int_equal(reach->act_ns, NOW + REACH_GATHER_NS);
	/* Not of Ethernet. */
	reach_acted(reach);
	event_of_mac(NUD_REACHABLE, "eightbytes", 8);
	assert_memory_equal(d->hop->mac, second, 6);
	assert_int_equal(reach->malformed, 0);
}

static void upkeep(bool keep, uint32_t host)
{
	struct reach_upkeep k;

	assert_true(reach_next_upkeep(reach, &k));
	assert_int_equal(k.ifindex, OUT);
	assert_int_equal(ntohl(k.host_be), host);
	assert_int_equal(k.keep, keep);
}

static void no_upkeep(void)
{
	struct reach_upkeep k;

	assert_false(reach_next_upkeep(reach, &k));
}

/* Asked for once, however many need it; again when it is stale and no datagram refreshes it. */
static void test_kept(void **state)
{
	const struct reach_key key = key_of(HOST);
	struct message m;

	need(HOST);
	reach_keep(reach, reach_dest_find(reach, &key));
	no_upkeep(); /* it has no next hop yet */
	resolve(HOST, GATEWAY, NUD_STALE);
	reach_keep(reach, reach_dest_find(reach, &key));
	upkeep(true, GATEWAY);
	no_upkeep();
	m = neigh(RTM_NEWNEIGH, 0, GATEWAY, NUD_STALE);
	mnl_attr_put_u32((struct nlmsghdr *)m.bytes, NDA_FLAGS_EXT, NTF_EXT_MANAGED);
	feed(&m, NOW);
	no_upkeep();
	event(NUD_REACHABLE, GATEWAY);
	no_upkeep();
	event(NUD_STALE, GATEWAY);
	upkeep(true, GATEWAY);
	/* A run over all rules that wants the same. */
	reach_unmark(reach);
	need(HOST);
	reach_keep(reach, reach_dest_find(reach, &key));
	reach_sweep(reach);
	no_upkeep();
	reach_unkeep(reach, reach_dest_find(reach, &key));
	upkeep(false, GATEWAY);
	event(NUD_STALE, GATEWAY);
	no_upkeep();
}

/* With the route the next hop changes: the one is released, the other kept. */
static void test_kept_elsewhere(void **state)
{
	const struct reach_key key = key_of(HOST);
	uint16_t type;
	uint32_t seq;

	need(HOST);
	reach_keep(reach, reach_dest_find(reach, &key));
	resolve(HOST, GATEWAY, NUD_REACHABLE);
	upkeep(true, GATEWAY);
	reach_keep_refused(reach, reach_hop_find(reach, OUT, htonl(GATEWAY)), true);
	upkeep(true, GATEWAY);
	reach_ask_all(reach);
	assert_int_equal(questions(&seq, &type), 2); /* the route, and the neighbour */
	answer_route(seq, &(struct route_answer){.type = RTN_UNICAST, .table = 254});
	upkeep(false, GATEWAY);
	upkeep(true, HOST);
	reach_keep_refused(reach, reach_hop_find(reach, OUT, htonl(HOST)), false);
	no_upkeep();
	/* It was refused: there is nothing to release. */
	reach_ask_all(reach);
	assert_int_equal(questions(&seq, &type), 2);
	answer_error(seq, ENETUNREACH);
	no_upkeep();
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_mac_changes),
		T(test_kept),
		T(test_kept_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
