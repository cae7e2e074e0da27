// SPDX-License-Identifier: MIT
/*
 * reach_netlink.c - questions about routes and neighbours, answers and events
 *
 * A message carries up to REACH_WINDOW questions; the kernel works through them inside
 * sendmsg(2), so the answers are there when it returns.  A sequence number holds the
 * question's place, and the number of its message above it, so that an answer to a
 * question of an earlier message is nobody's.
 */
#include "daemon/control/reach_netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/clock.h"
#include "daemon/control/netif_parse.h"
#include "daemon/control/netif_state.h"
#include "daemon/control/netlink_receive.h"
#include "daemon/control/reach.h"
#include "daemon/control/reach_keep.h"

#define READ_BYTES     32768
#define READ_DATAGRAMS 256 /* in one go: the answers to a message, and events between them */
#define SLOT_BITS      6

static_assert(1 << SLOT_BITS == REACH_WINDOW, "a sequence number holds a place");

/* --- questions --- */

static void put_route_question(struct nlmsghdr *nlh, const struct reach_dest *d)
{
	struct rtmsg *rtm;

	nlh->nlmsg_type = RTM_GETROUTE;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = AF_INET;
	rtm->rtm_dst_len = 32;
	/* The answer's table tells a route from none: without one the kernel answers as well. */
	rtm->rtm_flags = RTM_F_LOOKUP_TABLE;
	mnl_attr_put_u32(nlh, RTA_DST, d->key.host_be);
	if (d->key.source_be) {
		rtm->rtm_src_len = 32;
		mnl_attr_put_u32(nlh, RTA_SRC, d->key.source_be);
	}
	mnl_attr_put_u32(nlh, RTA_OIF, d->key.ifindex);
}

static void put_neigh_question(struct nlmsghdr *nlh, const struct reach_hop *h)
{
	struct ndmsg *ndm;

	nlh->nlmsg_type = RTM_GETNEIGH;
	ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));
	ndm->ndm_family = AF_INET;
	ndm->ndm_ifindex = (int)h->ifindex;
	mnl_attr_put_u32(nlh, NDA_DST, h->host_be);
}

static struct reach_dest *dest_of(struct reach_question *q)
{
	return (struct reach_dest *)q;
}

static struct reach_hop *hop_of(struct reach_question *q)
{
	return (struct reach_hop *)q;
}

static_assert(offsetof(struct reach_dest, question) == 0 &&
		      offsetof(struct reach_hop, question) == 0,
	      "a question is the first member");

/* Questions without an answer: asked again with @requeue, else their last answer stays. */
static void asked_end(struct control_reach *r, bool requeue)
{
	for (unsigned i = 0; i < r->n_asked; i++) {
		struct reach_question *q = r->asked[i];

		if (!q)
			continue;
		q->slot = -1;
		r->asked[i] = NULL;
		if (requeue)
			reach_ask_later(r, q);
	}
	r->n_asked = 0;
}

size_t reach_put_questions(struct control_reach *r, char buf[static REACH_QUESTIONS_BYTES])
{
	size_t len = 0;

	asked_end(r, false);
	r->seq++;
	while (r->n_asked < REACH_WINDOW && !TAILQ_EMPTY(&r->due)) {
		struct reach_question *q = TAILQ_FIRST(&r->due);
		struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf + len);

		TAILQ_REMOVE(&r->due, q, link);
		q->due = false;
		q->slot = (int)r->n_asked;
		r->asked[r->n_asked] = q;
		nlh->nlmsg_flags = NLM_F_REQUEST;
		nlh->nlmsg_seq = r->seq << SLOT_BITS | r->n_asked++;
		if (q->kind == ASK_ROUTE)
			put_route_question(nlh, dest_of(q));
		else
			put_neigh_question(nlh, hop_of(q));
		len += MNL_ALIGN(nlh->nlmsg_len);
	}
	return len;
}

/* Return: 0, or -errno of sendmsg(2): the questions are due again. */
static int send_questions(struct control_reach *r)
{
	static char buf[REACH_QUESTIONS_BYTES] __attribute__((aligned(8)));
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct iovec iov = {.iov_base = buf, .iov_len = reach_put_questions(r, buf)};
	struct msghdr msg = {.msg_name = &kernel,
			     .msg_namelen = sizeof(kernel),
			     .msg_iov = &iov,
			     .msg_iovlen = 1};
	int ret = 0;

	if (sendmsg(r->sock, &msg, MSG_DONTWAIT) < 0) {
		ret = -errno;
		asked_end(r, true);
	}
	return ret;
}

int reach_ask(struct control_reach *r, uint64_t now_ns)
{
	uint64_t begun_ns;
	unsigned n = 0;
	int ret = 0;

	if (r->sock < 0)
		return 0;
	begun_ns = monotonic_ns();
	if (now_ns >= r->routes_ns) {
		r->routes_ns = UINT64_MAX;
		reach_ask_all(r);
	}
	while (ret == 0 && n < REACH_BUDGET && !TAILQ_EMPTY(&r->due)) {
		ret = send_questions(r);
		n += r->n_asked;
		if (ret == 0)
			ret = reach_read(r, now_ns);
		asked_end(r, false);
	}
	if (n)
		r->quiet_ns = (r->quiet_ns > now_ns ? r->quiet_ns : now_ns) +
			      (monotonic_ns() - begun_ns) * REACH_SHARE;
	/* No memory or no room: the next turn tries again. */
	return ret == -ENOBUFS || ret == -ENOMEM || ret == -EAGAIN || ret == -EINTR ? 0 : ret;
}

/* --- answers and events --- */

static enum reach_way way_of(const struct netif_route *route, bool arp)
{
	switch (route->type) {
	case RTN_UNICAST:
		return arp && !route->gateway_v6 ? WAY_HOP : WAY_DIRECT;
	case RTN_LOCAL:
		return WAY_LOCAL;
	case RTN_BROADCAST:
		return WAY_BROADCAST;
	case RTN_MULTICAST:
		return WAY_DIRECT;
	}
	return WAY_NONE;
}

static void route_answered(struct control_reach *r, struct reach_dest *d,
			   const struct nlmsghdr *nlh, uint64_t now_ns)
{
	struct netif_route route;

	if (nlh->nlmsg_type == NLMSG_ERROR) {
		/* Unreachable, prohibited, a black hole, or the link is down. */
		d->matched = false;
		reach_dest_set_source(r, d, 0, now_ns);
		reach_dest_set(r, d, WAY_NONE, 0, 0, now_ns);
		return;
	}
	if (netif_parse_route(nlh, &route) < 0) {
		r->malformed++;
		return;
	}
	d->matched = route.matched;
	reach_dest_set_source(r, d, route.source_be, now_ns);
	reach_dest_set(r, d, way_of(&route, d->arp), route.ifindex ? route.ifindex : d->key.ifindex,
		       route.gateway_be ? route.gateway_be : d->key.host_be, now_ns);
}

static enum reach_state state_of(const struct netif_neigh *n)
{
	if (n->state &
	    (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE))
		return HOP_VALID;
	return n->state & NUD_FAILED ? HOP_FAILED : HOP_ASKED;
}

/* The state of an entry, as the kernel says. */
static void take_entry(struct control_reach *r, struct reach_hop *h, const struct netif_neigh *n,
		       uint64_t now_ns)
{
	if (n->has_mac)
		reach_hop_set_mac(r, h, n->mac, now_ns);
	reach_hop_set(r, h, state_of(n), now_ns);
	reach_keep_look(r, h, n);
}

/* An error means that there is no entry: no packet was sent there yet. */
static void neigh_answered(struct control_reach *r, struct reach_hop *h, const struct nlmsghdr *nlh,
			   uint64_t now_ns)
{
	struct netif_neigh n;

	if (nlh->nlmsg_type == NLMSG_ERROR) {
		reach_hop_set(r, h, HOP_ASKED, now_ns);
		return;
	}
	if (netif_parse_neigh(nlh, &n) < 0)
		r->malformed++;
	else if (n.ifindex == h->ifindex && n.host_be == h->host_be)
		take_entry(r, h, &n, now_ns);
}

/* Events carry the sequence number of whoever caused them: the port tells them from answers. */
static bool answer_taken(struct control_reach *r, const struct nlmsghdr *nlh, uint64_t now_ns)
{
	const uint32_t slot = nlh->nlmsg_seq & (REACH_WINDOW - 1);
	struct reach_question *q;
	uint16_t type;

	if (nlh->nlmsg_pid != r->port || nlh->nlmsg_seq != (r->seq << SLOT_BITS | slot) ||
	    slot >= r->n_asked)
		return false;
	q = r->asked[slot];
	if (!q)
		return false;
	type = q->kind == ASK_ROUTE ? RTM_NEWROUTE : RTM_NEWNEIGH;
	if (nlh->nlmsg_type != NLMSG_ERROR && nlh->nlmsg_type != type)
		return false;
	/* No question asks for an acknowledgement. */
	if (nlh->nlmsg_type == NLMSG_ERROR && netif_parse_error(nlh) <= 0) {
		r->malformed++;
		return true;
	}
	r->asked[slot] = NULL;
	q->slot = -1;
	if (q->kind == ASK_ROUTE)
		route_answered(r, dest_of(q), nlh, now_ns);
	else
		neigh_answered(r, hop_of(q), nlh, now_ns);
	return true;
}

static void neigh_event(struct control_reach *r, const struct nlmsghdr *nlh, uint64_t now_ns)
{
	struct reach_hop *h;
	struct netif_neigh n;
	const int ret = netif_parse_neigh(nlh, &n);

	if (ret < 0) {
		r->malformed += ret == -EBADMSG;
		return;
	}
	h = reach_hop_find(r, n.ifindex, n.host_be);
	if (!h)
		return;
	if (nlh->nlmsg_type == RTM_DELNEIGH)
		reach_hop_removed(r, h, now_ns);
	else
		take_entry(r, h, &n, now_ns);
}

static void consume_one(struct control_reach *r, const struct nlmsghdr *nlh, uint64_t now_ns)
{
	if (answer_taken(r, nlh, now_ns))
		return;
	switch (nlh->nlmsg_type) {
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		neigh_event(r, nlh, now_ns);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
	case RTM_NEWRULE:
	case RTM_DELRULE:
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		/* The event's content does not matter: the next answer is right. */
		if (r->n_dests)
			reach_routes_changed(r, now_ns);
		break;
	}
}

void reach_consume(struct control_reach *r, const void *buf, size_t len, uint64_t now_ns)
{
	const char *at = buf;

	/* As control_netif_consume(). */
	while (len >= MNL_NLMSG_HDRLEN) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)at;
		const size_t step = MNL_ALIGN((size_t)nlh->nlmsg_len);

		if (nlh->nlmsg_len < MNL_NLMSG_HDRLEN || step > len)
			break;
		consume_one(r, nlh, now_ns);
		at += step;
		len -= step;
	}
	if (len)
		r->malformed++;
}

/* Events or answers were lost: everything is asked again. */
static void overflowed(struct control_reach *r)
{
	asked_end(r, true);
	reach_ask_all(r);
}

int reach_read(struct control_reach *r, uint64_t now_ns)
{
	static char buf[READ_BYTES] __attribute__((aligned(8)));

	for (int i = 0; i < READ_DATAGRAMS; i++) {
		const int len = netlink_receive(r->sock, buf, sizeof(buf));

		if (len == 0)
			return 0;
		if (len > 0)
			reach_consume(r, buf, (size_t)len, now_ns);
		else if (len == -ENOBUFS)
			overflowed(r);
		else if (len != -EPERM)
			return len;
	}
	return 0;
}
