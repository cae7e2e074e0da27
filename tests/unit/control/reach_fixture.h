/* SPDX-License-Identifier: MIT */
/* reach_fixture.h - a reach without a network: answers and events of the kernel are fed to it */
#ifndef TESTS_UNIT_CONTROL_REACH_FIXTURE_H
#define TESTS_UNIT_CONTROL_REACH_FIXTURE_H

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

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

#endif
