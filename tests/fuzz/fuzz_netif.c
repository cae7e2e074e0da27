// SPDX-License-Identifier: MIT
/*
 * fuzz_netif.c - netlink datagrams of links, addresses, routes and neighbours
 *
 * The input is cut into datagrams: a byte that chooses the form, two bytes of length,
 * then the bytes, each in memory of exactly its size.  A form other than zero puts a
 * header with the right length before the bytes, because guessing one takes a fuzzer
 * too long.  The tables must be well-formed afterwards.  Each datagram goes to
 * both readers, as an answer to what is asked or as an event, and now and then
 * destinations come, go, and are asked for again.
 *
 * Links: daemon/control/reach.c daemon/control/reach_netlink.c
 * Links: daemon/control/reach_keep.c
 * Links: daemon/control/netif.c daemon/control/netif_parse.c core/base/addr.c
 * Links: core/base/clock.c
 */
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control/netif.h"
#include "daemon/control/reach.h"
#include "daemon/control/reach_netlink.h"
#include "tests/fuzz/fuzz.h"

static void check(const struct control_netif *n)
{
	if (n->n_links > NETIF_MAX_LINKS || n->n_addrs > NETIF_MAX_ADDRS)
		abort();
	for (size_t i = 0; i < n->n_links; i++) {
		const struct netif_link *l = &n->links[i];

		if (l->ifindex == 0 || l->ifindex > INT32_MAX || !l->name[0] ||
		    !memchr(l->name, '\0', sizeof(l->name)) ||
		    control_netif_by_index(n, l->ifindex) != l)
			abort();
	}
	for (size_t i = 0; i < n->n_addrs; i++) {
		if (n->addrs[i].ifindex == 0 || !addr_is_set(&n->addrs[i].addr))
			abort();
	}
}

#define HOSTS 8u

static struct reach_key key_of(uint32_t i)
{
	return (struct reach_key){1 + i % 2, 0x0101010au + (i << 24), i & 4};
}

/* Next hops are those that destinations have, each once. */
static void check_reach(const struct control_reach *r)
{
	size_t users = 0, hops = 0, dests = 0, waiting = 0, behind = 0;

	for (unsigned b = 0; b < REACH_BUCKETS; b++) {
		for (const struct reach_hop *h = r->hop[b]; h; h = h->next) {
			hops++;
			users += h->users;
			waiting += h->state == HOP_ASKED;
			if (!h->users || !h->host_be || !h->ifindex || h->ifindex > INT32_MAX ||
			    (h->state == HOP_VALID && h->probing))
				abort();
		}
		for (const struct reach_dest *d = r->dest[b]; d; d = d->next) {
			dests++;
			behind += d->hop != NULL;
			if ((d->way == WAY_HOP) != (d->hop != NULL))
				abort();
		}
	}
	if (hops != r->n_hops || dests != r->n_dests || users != behind || waiting != r->waiting)
		abort();
}

/* Some bits of the form say what happens beside the messages. */
static void shake(struct control_reach *r, uint8_t form, uint64_t now_ns)
{
	static char buf[REACH_QUESTIONS_BYTES] __attribute__((aligned(8)));
	struct reach_key key = key_of(form % HOSTS);
	struct reach_hop *h;

	if (form & 0x08)
		reach_unmark(r);
	if (form & 0x10)
		reach_need(r, &key, form & 0x20);
	if (form & 0x40)
		reach_sweep(r);
	if (form & 0x20)
		reach_ask_all(r);
	while ((h = reach_next_probe(r, now_ns)))
		if (form & 0x04)
			reach_set_unprobeable(r, h->ifindex, h->host_be, form & 0x10, now_ns);
	if (form & 0x02)
		reach_put_questions(r, buf);
}

/*
 * A message that is right but for what @b says: an answer or an event about one of the
 * destinations.  @b: six bytes.
 */
static void likely(struct control_reach *r, const uint8_t *b, uint64_t now_ns)
{
	static const uint16_t kinds[] = {RTM_NEWROUTE, RTM_NEWNEIGH, RTM_DELNEIGH, NLMSG_ERROR};
	char buf[256] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	const struct reach_key key = key_of(b[2] % HOSTS);

	nlh->nlmsg_type = kinds[b[0] % 4];
	nlh->nlmsg_seq = b[0] & 4 ? r->seq * REACH_WINDOW + b[1] % HOSTS : 0;
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		struct nlmsgerr *err = mnl_nlmsg_put_extra_header(nlh, sizeof(*err));

		err->error = -(int)b[3];
	} else if (nlh->nlmsg_type == RTM_NEWROUTE) {
		struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

		rtm->rtm_family = AF_INET;
		rtm->rtm_type = b[3] % 16;
		rtm->rtm_flags = RTM_F_CLONED;
		mnl_attr_put_u32(nlh, RTA_TABLE, b[4]);
		mnl_attr_put_u32(nlh, RTA_OIF, key.ifindex);
		if (b[5] & 1)
			mnl_attr_put_u32(nlh, RTA_GATEWAY, key.host_be);
	} else {
		struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));

		ndm->ndm_family = AF_INET;
		ndm->ndm_ifindex = (int)key.ifindex;
		ndm->ndm_state = b[3];
		mnl_attr_put_u32(nlh, NDA_DST, key.host_be);
		mnl_attr_put(nlh, NDA_LLADDR, 5 + b[5] % 2, b);
	}
	reach_consume(r, buf, nlh->nlmsg_len, now_ns);
}

static const uint16_t types[] = {RTM_NEWLINK,  RTM_DELLINK,  RTM_NEWADDR,  RTM_DELADDR,
				 NLMSG_DONE,   NLMSG_ERROR,  RTM_NEWNEIGH, RTM_DELNEIGH,
				 RTM_NEWROUTE, RTM_DELROUTE, RTM_NEWROUTE, RTM_NEWNEIGH};

static void one(struct control_netif *n, struct control_reach *r, uint8_t form, const uint8_t *data,
		size_t len)
{
	size_t head = form ? sizeof(struct nlmsghdr) : 0;
	uint8_t *whole = malloc(head + len ? head + len : 1);

	if (whole) {
		struct nlmsghdr h = {.nlmsg_len = (uint32_t)(head + len),
				     .nlmsg_type = types[form % 12],
				     .nlmsg_flags = form & 0x80 ? NLM_F_DUMP_INTR : 0,
				     .nlmsg_seq = n->seq};

		memcpy(whole, &h, head);
		memcpy(whole + head, data, len);
		control_netif_consume(n, whole, head + len);
		if (form) {
			/* The place among the questions is the first byte's. */
			h.nlmsg_seq = r->seq * REACH_WINDOW + (len ? data[0] % HOSTS : 0);
			memcpy(whole, &h, head);
		}
		reach_consume(r, whole, head + len, NS_PER_S + form);
	}
	free(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct control_reach r;
	struct control_netif n;
	uint64_t now_ns = NS_PER_S;

	control_netif_init(&n, -1);
	reach_init(&r, -1);
	n.phase = NETIF_LINKS;
	while (size >= 3) {
		uint8_t form = data[0];
		size_t len = data[1] | (size_t)data[2] << 8;

		data += 3;
		size -= 3;
		if (len > size)
			len = size;
		shake(&r, form, now_ns += NS_PER_S / 4);
		if (form & 0x80 && len >= 6)
			likely(&r, data, now_ns);
		else
			one(&n, &r, form, data, len);
		data += len;
		size -= len;
	}
	check(&n);
	check_reach(&r);
	reach_fini(&r);
	control_netif_fini(&n);
	return 0;
}
