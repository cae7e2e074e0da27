// SPDX-License-Identifier: MIT
/*
 * test_reach.c - routes, neighbours and probes, from crafted netlink messages
 *
 * The test is the kernel: it reads the questions and answers them.
 *
 * Links: daemon/control/reach.c daemon/control/reach_netlink.c daemon/control/netif_parse.c
 * Links: core/base/addr.c
 * Links: core/base/clock.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "daemon/control/reach.h"
#include "daemon/control/reach_netlink.h"

#define NOW     (100 * NS_PER_S)
#define HOST    0x0a5a0102u /* 10.90.1.2 */
#define GATEWAY 0x0a5a01feu
#define OUT     3u

struct message {
	char bytes[512] __attribute__((aligned(8)));
	struct nlmsghdr *nlh;
};

static struct control_reach *reach;

static int setup(void **state)
{
	reach = calloc(1, sizeof(*reach));
	reach_init(reach, -1);
	return 0;
}

static int teardown(void **state)
{
	reach_fini(reach);
	assert_int_equal(reach->n_dests, 0);
	assert_int_equal(reach->n_hops, 0);
	assert_int_equal(reach->waiting, 0);
	free(reach);
	return 0;
}

static struct reach_key key_of(uint32_t host)
{
	return (struct reach_key){OUT, htonl(host), 0};
}

static const struct reach_dest *need(uint32_t host)
{
	const struct reach_key key = key_of(host);

	assert_int_equal(reach_need(reach, &key, true), 0);
	return reach_find(reach, &key);
}

/* --- messages --- */

static struct message begin(uint16_t type, uint32_t seq)
{
	struct message m = {0};

	m.nlh = mnl_nlmsg_put_header(m.bytes);
	m.nlh->nlmsg_type = type;
	m.nlh->nlmsg_seq = seq;
	return m;
}

static void feed(struct message *m, uint64_t now_ns)
{
	m->nlh = (struct nlmsghdr *)m->bytes;
	reach_consume(reach, m->bytes, m->nlh->nlmsg_len, now_ns);
}

static void answer_error(uint32_t seq, int error)
{
	struct message m = begin(NLMSG_ERROR, seq);
	struct nlmsgerr *err;

	m.nlh = (struct nlmsghdr *)m.bytes;
	err = mnl_nlmsg_put_extra_header(m.nlh, sizeof(*err));
	err->error = -error;
	feed(&m, NOW);
}

/* Zero leaves an attribute out. */
struct route_answer {
	const char *name;
	uint8_t type;
	uint32_t table, gateway, prefsrc;
	bool via, no_arp;
	int error;
	enum reach_way way;
	uint32_t hop; /* 0: none */
};

static void answer_route(uint32_t seq, const struct route_answer *a)
{
	struct message m = begin(RTM_NEWROUTE, seq);
	struct rtmsg *rtm;

	m.nlh = (struct nlmsghdr *)m.bytes;
	rtm = mnl_nlmsg_put_extra_header(m.nlh, sizeof(*rtm));
	rtm->rtm_family = AF_INET;
	rtm->rtm_type = a->type;
	rtm->rtm_flags = RTM_F_CLONED;
	mnl_attr_put_u32(m.nlh, RTA_TABLE, a->table);
	mnl_attr_put_u32(m.nlh, RTA_OIF, OUT);
	if (a->gateway)
		mnl_attr_put_u32(m.nlh, RTA_GATEWAY, htonl(a->gateway));
	if (a->prefsrc)
		mnl_attr_put_u32(m.nlh, RTA_PREFSRC, htonl(a->prefsrc));
	if (a->via)
		mnl_attr_put(m.nlh, RTA_VIA, 18, "\x0a\0................");
	feed(&m, NOW);
}

static struct message neigh(uint16_t type, uint32_t seq, uint32_t host, uint16_t state)
{
	struct message m = begin(type, seq);
	struct ndmsg *ndm;

	m.nlh = (struct nlmsghdr *)m.bytes;
	ndm = mnl_nlmsg_put_extra_header(m.nlh, sizeof(*ndm));
	ndm->ndm_family = AF_INET;
	ndm->ndm_ifindex = OUT;
	ndm->ndm_state = state;
	mnl_attr_put_u32(m.nlh, NDA_DST, htonl(host));
	return m;
}

static void event(uint16_t type, uint32_t host, uint16_t state, uint64_t now_ns)
{
	struct message m = neigh(type, 0, host, state);

	feed(&m, now_ns);
}

/* The questions that are due.  Return: how many; *seq: of the first. */
static unsigned questions(uint32_t *seq, uint16_t *type)
{
	static char buf[REACH_QUESTIONS_BYTES] __attribute__((aligned(8)));
	const size_t len = reach_put_questions(reach, buf);
	unsigned n = 0;

	for (size_t at = 0; at < len; n++) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)(buf + at);

		if (!n) {
			*seq = nlh->nlmsg_seq;
			*type = nlh->nlmsg_type;
		}
		assert_true(at + nlh->nlmsg_len <= len);
		at += MNL_ALIGN(nlh->nlmsg_len);
	}
	return n;
}

static uint32_t one_question(uint16_t type)
{
	uint16_t asked = 0;
	uint32_t seq = 0;

	assert_int_equal(questions(&seq, &asked), 1);
	assert_int_equal(asked, type);
	return seq;
}

static void resolve(uint32_t host, uint32_t gateway, uint16_t state)
{
	const struct route_answer on_link = {.type = RTN_UNICAST, .table = 254, .gateway = gateway};
	struct message m;

	answer_route(one_question(RTM_GETROUTE), &on_link);
	m = neigh(RTM_NEWNEIGH, one_question(RTM_GETNEIGH), gateway ? gateway : host, state);
	feed(&m, NOW);
}

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

/* The answer to a question about what is not needed any more is nobody's. */
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

/* Events carry the sequence number of whoever caused them. */
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

/* An entry that is flushed is asked for at once, and acted upon only if nobody answers. */
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

/* --- what cannot be --- */

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
		T(test_routes),
		T(test_shared_gateway),
		T(test_late_answer),
		T(test_event_with_our_number),
		T(test_routes_change),
		T(test_source_changes),
		T(test_neighbours),
		T(test_no_entry),
		T(test_goes_and_returns),
		T(test_flushed),
		T(test_probe_every_second),
		T(test_probes_are_limited),
		T(test_unprobeable),
		T(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
