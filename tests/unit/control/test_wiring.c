// SPDX-License-Identifier: MIT
/*
 * test_wiring.c - which links hear what another one sends
 *
 * Links: daemon/control/netif.c daemon/control/netif_parse.c daemon/control/wiring.c
 * Links: core/rules/ruleset.c core/rules/ruleset_index.c core/rules/ruleset_ifaces.c
 * Links: core/rules/ruleset_cycle.c
 * Links: core/rules/wiring.c core/rules/slot_pool.c core/rules/rule.c core/base/addr.c
 * Links: core/base/complaint.c
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
#include <net/if_arp.h>

#include "core/rules/ruleset.h"
#include "daemon/control/netif.h"
#include "daemon/control/state.h"
#include "daemon/control/wiring.h"
#include "tests/unit/core/rule_words.h"

/* A host; ifindex is the place in the list, from 1 on. */
static const struct {
	const char *name;
	enum netif_kind kind;
	uint32_t master, peer;
	int32_t netns;
	bool siblings;
	uint16_t type;
} host[] = {
	{"lo", NETIF_OTHER, 0, 0, -1, false, ARPHRD_LOOPBACK},
	{"eth0", NETIF_OTHER, 0, 0, -1, false, ARPHRD_ETHER},
	{"v0", NETIF_VETH, 0, 4, -1, false, ARPHRD_ETHER},
	{"v1", NETIF_VETH, 0, 3, -1, false, ARPHRD_ETHER},
	{"far", NETIF_VETH, 0, 3, 7, false, ARPHRD_ETHER}, /* its peer is elsewhere */
	{"br0", NETIF_BRIDGE, 0, 0, -1, false, ARPHRD_ETHER},
	{"p0", NETIF_VETH, 6, 9, -1, false, ARPHRD_ETHER},
	{"p1", NETIF_OTHER, 6, 0, -1, false, ARPHRD_ETHER},
	{"e0", NETIF_VETH, 0, 7, -1, false, ARPHRD_ETHER}, /* the other end of p0 */
	{"m0", NETIF_MACVLAN, 0, 2, -1, true, ARPHRD_ETHER},
	{"m1", NETIF_MACVLAN, 0, 2, -1, true, ARPHRD_ETHER},
	{"vepa", NETIF_MACVLAN, 0, 2, -1, false, ARPHRD_ETHER},
	{"m2", NETIF_MACVLAN, 0, 2, 7, true, ARPHRD_ETHER}, /* of a device elsewhere */
	{"bond0", NETIF_OTHER, 0, 0, -1, false, ARPHRD_ETHER},
	{"s0", NETIF_VETH, 14, 16, -1, false, ARPHRD_ETHER},
	{"t0", NETIF_VETH, 0, 15, -1, false, ARPHRD_ETHER},  /* the other end of s0 */
	{"mv", NETIF_MACVLAN, 0, 4, -1, true, ARPHRD_ETHER}, /* on v1 */
};
#define LINKS (sizeof(host) / sizeof(host[0]))

static void make_host(struct control_netif *n)
{
	control_netif_init(n, -1);
	n->links = calloc(LINKS, sizeof(*n->links));
	n->n_links = n->cap_links = LINKS;
	n->ready = true;
	for (size_t i = 0; i < LINKS; i++) {
		n->links[i] = (struct netif_link){
			.ifindex = (uint32_t)i + 1,
			.type = host[i].type,
			.wire = {host[i].kind, host[i].master, host[i].peer, host[i].netns,
				 host[i].siblings},
		};
		strcpy(n->links[i].name, host[i].name);
	}
}

static const struct {
	const char *from, *heard;
} rows[] = {
	{"lo", "lo "},     {"eth0", ""},         {"v0", "v1 mv "},     {"v1", "v0 "},
	{"far", ""},       {"br0", "p0 p1 e0 "}, {"p0", "br0 p1 e0 "}, {"p1", "br0 p0 "},
	{"e0", "br0 p0 "}, {"m0", "m1 "},        {"m1", "m0 "},        {"vepa", ""},
	{"m2", ""},        {"bond0", "t0 "},     {"s0", "t0 "},        {"t0", "bond0 s0 "},
	{"mv", "v0 "},
};

static void arrivals_by_kind_of_link(void **state)
{
	struct control_netif n;
	bool heard[LINKS];

	make_host(&n);
	for (size_t i = 0; i < LINKS; i++) {
		char names[128] = "";

		assert_string_equal(rows[i].from, host[i].name);
		assert_int_equal(wiring_reached(&n, i, heard), 0);
		for (size_t k = 0; k < LINKS; k++) {
			if (heard[k])
				strcat(strcat(names, host[k].name), " ");
		}
		if (strcmp(names, rows[i].heard) != 0)
			fail_msg("%s: heard by %s, should be %s", rows[i].from, names,
				 rows[i].heard);
	}
	control_netif_fini(&n);
}

/* It is made for what rules name, and anew when a name comes up or a link has changed. */
static void made_for_named_interfaces(void **state)
{
	struct control *c = calloc(1, sizeof(*c));
	struct rule r = rule("", "", "v0 239.1.1.1:1", "v1 239.1.1.1:1", NULL);
	struct complaint cpl = {0};

	make_host(&c->netif);
	c->rules = ruleset_new();
	c->netif.ready = false;
	assert_int_equal(control_wiring_update(c, &r, 1), 0);
	assert_int_equal(c->wiring.n_names, 0);
	assert_int_equal(ruleset_add(c->rules, &r, false, NULL, &cpl), RULESET_ADDED);

	c->netif.ready = true;
	assert_int_equal(control_wiring_update(c, NULL, 0), 0);
	assert_int_equal(c->wiring.wiring.n_paths, 2);
	assert_string_equal(c->wiring.wiring.loopback, "lo");
	r = rule("", "", "m0 239.1.1.1:1", "m1 239.1.1.1:1", NULL);
	assert_int_equal(control_wiring_update(c, &r, 1), 0);
	assert_int_equal(c->wiring.wiring.n_paths, 4);
	assert_int_equal(ruleset_add(c->rules, &r, false, NULL, &cpl), -ELOOP);

	/* The siblings are parted. */
	c->netif.links[9].wire.siblings = false;
	assert_int_equal(control_wiring_update(c, &r, 1), 0);
	assert_int_equal(c->wiring.wiring.n_paths, 4);
	c->wiring.stale = true;
	assert_int_equal(control_wiring_update(c, &r, 1), 0);
	assert_int_equal(c->wiring.wiring.n_paths, 2);
	assert_int_equal(ruleset_add(c->rules, &r, false, NULL, &cpl), RULESET_ADDED);
	ruleset_free(c->rules);
	control_wiring_fini(&c->wiring);
	control_netif_fini(&c->netif);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arrivals_by_kind_of_link),
		cmocka_unit_test(made_for_named_interfaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
