// SPDX-License-Identifier: MIT
/*
 * test_reach_neighbour.c - neighbours of next hops, and probes
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

#include <cmocka.h>

#include "daemon/control/reach.h"
#include "daemon/control/reach_netlink.h"
#include "tests/unit/control/reach_fixture.h"

static void event(uint16_t type, uint32_t host, uint16_t state, uint64_t now_ns)
{
	struct message m = neigh(type, 0, host, state);

	feed(&m, now_ns);
}

/* --- neighbours --- */

static const struct {
	const char *name;
	uint16_t state;
	enum reach_state want;
} neighbours[] = {
	{"reachable", NUD_REACHABLE, HOP_VALID},   {"stale", NUD_STALE, HOP_VALID},
	{"delay", NUD_DELAY, HOP_VALID},           {"probe", NUD_PROBE, HOP_VALID},
	{"permanent", NUD_PERMANENT, HOP_VALID},   {"no ARP", NUD_NOARP, HOP_VALID},
	{"incomplete", NUD_INCOMPLETE, HOP_ASKED}, {"none", NUD_NONE, HOP_ASKED},
	{"failed", NUD_FAILED, HOP_FAILED},
};

static void test_neighbours(void **state)
{
	for (size_t i = 0; i < sizeof(neighbours) / sizeof(neighbours[0]); i++) {
		const struct reach_dest *d;

		teardown(state);
		setup(state);
		d = need(HOST);
		resolve(HOST, 0, neighbours[i].state);
		if (d->hop->state != neighbours[i].want)
			fail_msg("%s: %d", neighbours[i].name, d->hop->state);
		assert_int_equal(reach_next_probe(reach, NOW) != NULL, d->hop->state != HOP_VALID);
	}
}

/* Nobody has asked yet: there is no entry. */
static void test_no_entry(void **state)
{
	const struct reach_dest *d = need(HOST);

	answer_route(one_question(RTM_GETROUTE),
		     &(struct route_answer){.type = RTN_UNICAST, .table = 254});
	answer_error(one_question(RTM_GETNEIGH), ENOENT);
	assert_int_equal(d->hop->state, HOP_ASKED);
	assert_true(reach_settling(d, NOW));
	assert_true(reach_settling_any(reach, NOW));
	assert_false(reach_settling(d, NOW + REACH_SETTLE_NS));
}

static void test_goes_and_returns(void **state)
{
	const struct reach_dest *d = need(HOST);

	resolve(HOST, 0, NUD_REACHABLE);
	reach_acted(reach);
	event(RTM_NEWNEIGH, HOST, NUD_STALE, NOW);      /* no news */
	event(RTM_NEWNEIGH, HOST + 1, NUD_FAILED, NOW); /* of no concern */
	assert_int_equal(reach->act_ns, UINT64_MAX);
	event(RTM_NEWNEIGH, HOST, NUD_FAILED, NOW);
	assert_int_equal(d->hop->state, HOP_FAILED);
	assert_int_equal(reach->act_ns, NOW + REACH_GATHER_NS);
	/* A probe makes the kernel's entry incomplete, or a new one: it has failed all the same. */
	event(RTM_NEWNEIGH, HOST, NUD_INCOMPLETE, NOW + NS_PER_S);
	event(RTM_DELNEIGH, HOST, NUD_FAILED, NOW + NS_PER_S);
	assert_int_equal(d->hop->state, HOP_FAILED);
	reach_acted(reach);
	event(RTM_NEWNEIGH, HOST, NUD_REACHABLE, NOW);
	assert_int_equal(d->hop->state, HOP_VALID);
	assert_int_equal(reach->act_ns, NOW + REACH_GATHER_NS);
	assert_null(reach_next_probe(reach, NOW));
}

/* An entry that is flushed is asked for at once; outputs are held only if no answer comes. */
static void test_flushed(void **state)
{
	const struct reach_dest *d = need(HOST);

	resolve(HOST, 0, NUD_REACHABLE);
	reach_acted(reach);
	event(RTM_NEWNEIGH, HOST, NUD_FAILED, NOW); /* neigh_delete() says so first */
	event(RTM_DELNEIGH, HOST, NUD_FAILED, NOW);
	assert_int_equal(d->hop->state, HOP_ASKED);
	assert_int_equal(reach->act_ns, NOW + REACH_GRACE_NS);
	assert_int_equal(reach_deadline(reach), 0); /* the probe */
	assert_ptr_equal(reach_next_probe(reach, NOW), d->hop);
	event(RTM_NEWNEIGH, HOST, NUD_REACHABLE, NOW + NS_PER_MS);
	assert_int_equal(d->hop->state, HOP_VALID);
}

/* --- probes --- */

static void test_probe_every_second(void **state)
{
	const struct reach_dest *d = need(HOST);

	resolve(HOST, 0, NUD_FAILED);
	assert_ptr_equal(reach_next_probe(reach, NOW), d->hop);
	assert_null(reach_next_probe(reach, NOW));
	reach_acted(reach);
	assert_int_equal(reach_deadline(reach), NOW + REACH_PROBE_NS);
	assert_null(reach_next_probe(reach, NOW + REACH_PROBE_NS - 1));
	assert_ptr_equal(reach_next_probe(reach, NOW + REACH_PROBE_NS), d->hop);
	reach_link_up(reach, OUT + 1);
	assert_null(reach_next_probe(reach, NOW + REACH_PROBE_NS));
	reach_link_up(reach, OUT);
	assert_ptr_equal(reach_next_probe(reach, NOW + REACH_PROBE_NS), d->hop);
}

/* However many do not answer, so many are probed in a second; each has its turn. */
static void test_probes_are_limited(void **state)
{
	const unsigned hosts = 3 * REACH_PROBES_PER_S;
	unsigned n = 0;

	for (unsigned i = 0; i < hosts; i++) {
		need(HOST + i);
		resolve(HOST + i, 0, NUD_FAILED);
	}
	reach_acted(reach);
	while (reach_next_probe(reach, NOW))
		n++;
	assert_int_equal(n, REACH_PROBES_PER_S);
	assert_in_range(reach_deadline(reach), NOW + 1, NOW + NS_PER_S);
	for (unsigned ms = 1; ms <= 2100; ms++)
		while (reach_next_probe(reach, NOW + ms * NS_PER_MS))
			n++;
	assert_in_range(n, hosts, hosts + REACH_PROBES_PER_S / 4);
	for (unsigned i = 0; i < hosts; i++) {
		const struct reach_key key = key_of(HOST + i);

		assert_int_not_equal(reach_find(reach, &key)->hop->probe_ns, 0);
	}
}

static void test_unprobeable(void **state)
{
	const struct reach_dest *d = need(HOST);

	resolve(HOST, 0, NUD_INCOMPLETE);
	assert_non_null(reach_next_probe(reach, NOW));
	reach_acted(reach);
	reach_set_unprobeable(reach, OUT, htonl(HOST), true, NOW);
	reach_set_unprobeable(reach, OUT, htonl(HOST + 1), true, NOW); /* nobody's */
	assert_true(d->hop->unprobeable);
	assert_int_equal(reach->act_ns, NOW + REACH_GATHER_NS);
	assert_false(reach_settling(d, NOW));
	reach_acted(reach);
	/* It is tried again. */
	assert_ptr_equal(reach_next_probe(reach, NOW + REACH_PROBE_NS), d->hop);
	reach_set_unprobeable(reach, OUT, htonl(HOST), true, NOW);
	assert_int_equal(reach->act_ns, UINT64_MAX);
	reach_set_unprobeable(reach, OUT, htonl(HOST), false, NOW);
	assert_int_equal(reach->act_ns, NOW + REACH_GATHER_NS);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_neighbours),  T(test_no_entry),           T(test_goes_and_returns),
		T(test_flushed),     T(test_probe_every_second), T(test_probes_are_limited),
		T(test_unprobeable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
