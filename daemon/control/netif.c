// SPDX-License-Identifier: MIT
/* netif.c - what links and addresses this host has: dumps, events, the table */
#include "daemon/control/netif.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/control/netif_parse.h"
#include "daemon/control/netlink_receive.h"

#define READ_BYTES     32768 /* what the kernel fills at most into a dump datagram */
#define READ_DATAGRAMS 64    /* in one go */

void control_netif_init(struct control_netif *n, int sock)
{
	*n = (struct control_netif){.sock = sock, .dump_due = true, .seq = 1};
}

void control_netif_fini(struct control_netif *n)
{
	free(n->links);
	free(n->addrs);
	control_netif_init(n, -1);
}

const struct netif_link *control_netif_by_index(const struct control_netif *n, uint32_t ifindex)
{
	for (size_t i = 0; i < n->n_links; i++) {
		if (n->links[i].ifindex == ifindex)
			return &n->links[i];
	}
	return NULL;
}

bool netif_has_alt(const char alt[static NETIF_ALT_NAMES][MCR_IFNAME_MAX], const char *name)
{
	for (unsigned i = 0; i < NETIF_ALT_NAMES && alt[i][0]; i++) {
		if (!strcmp(alt[i], name))
			return true;
	}
	return false;
}

const struct netif_link *control_netif_by_name(const struct control_netif *n, const char *name)
{
	for (size_t i = 0; i < n->n_links; i++) {
		if (!strcmp(n->links[i].name, name))
			return &n->links[i];
	}
	for (size_t i = 0; i < n->n_links; i++) {
		if (netif_has_alt(n->links[i].alt, name))
			return &n->links[i];
	}
	return NULL;
}

bool control_netif_has_addr(const struct control_netif *n, uint32_t ifindex,
			    const struct addr *addr)
{
	for (size_t i = 0; i < n->n_addrs; i++) {
		const struct netif_addr *a = &n->addrs[i];

		if ((!ifindex || a->ifindex == ifindex) && (!addr || addr_equal(&a->addr, addr)))
			return true;
	}
	return false;
}

/* As the kernel makes broadcast routes (fib_add_ifaddr()): no subnet of two or one has any. */
static bool is_broadcast_of(const struct netif_addr *a, const struct addr *addr)
{
	const uint32_t host_bits = 32u - a->prefix_bits;
	const uint32_t mask = host_bits == 32 ? UINT32_MAX : (1u << host_bits) - 1;

	if (addr_is_set(&a->broadcast) && addr_equal(&a->broadcast, addr))
		return true;
	return host_bits > 1 && (ntohl(addr_ipv4_be(&a->addr)) | mask) == ntohl(addr_ipv4_be(addr));
}

bool control_netif_is_broadcast(const struct control_netif *n, uint32_t ifindex,
				const struct addr *addr)
{
	for (size_t i = 0; i < n->n_addrs; i++) {
		if (n->addrs[i].ifindex == ifindex && is_broadcast_of(&n->addrs[i], addr))
			return true;
	}
	return false;
}

static bool same_wire(const struct netif_wire *a, const struct netif_wire *b)
{
	return a->kind == b->kind && a->master == b->master && a->peer == b->peer &&
	       a->peer_netns == b->peer_netns && a->siblings == b->siblings;
}

/* Room for one more entry of @size bytes; counts are bounded by @max. */
static void *grow(void *array, size_t n, size_t *cap, size_t max, size_t size)
{
	size_t want = *cap ? *cap * 2 : 16;
	void *p;

	if (n < *cap)
		return array;
	if (n >= max)
		return NULL;
	p = realloc(array, want * size);
	if (p)
		*cap = want;
	return p;
}

static void link_put(struct control_netif *n, const struct netif_link *link)
{
	struct netif_link *l = (struct netif_link *)control_netif_by_index(n, link->ifindex);
	uint64_t serial;

	if (!l) {
		l = grow(n->links, n->n_links, &n->cap_links, NETIF_MAX_LINKS, sizeof(*l));
		if (!l) {
			n->ignored++;
			return;
		}
		n->links = l;
		l = &n->links[n->n_links++];
		memset(l, 0, sizeof(*l));
		l->serial = ++n->last_serial;
	}
	serial = l->serial;
	/* Most events change nothing that a relay uses. */
	if (l->ifindex != link->ifindex || l->mtu != link->mtu || l->type != link->type ||
	    l->up != link->up || l->supers != link->supers || l->arp != link->arp ||
	    !same_wire(&l->wire, &link->wire) || strcmp(l->name, link->name) != 0 ||
	    memcmp(l->alt, link->alt, sizeof(l->alt)) != 0 ||
	    memcmp(l->mac, link->mac, sizeof(l->mac)) != 0)
		n->changed = true;
	*l = *link;
	l->serial = serial;
	l->seen = true;
}

static void link_remove(struct control_netif *n, uint32_t ifindex)
{
	for (size_t i = 0; i < n->n_links; i++) {
		if (n->links[i].ifindex != ifindex)
			continue;
		n->links[i] = n->links[--n->n_links];
		n->changed = true;
		break;
	}
	for (size_t i = 0; i < n->n_addrs;) {
		if (n->addrs[i].ifindex == ifindex)
			n->addrs[i] = n->addrs[--n->n_addrs];
		else
			i++;
	}
}

static struct netif_addr *addr_find(struct control_netif *n, const struct netif_addr *addr)
{
	for (size_t i = 0; i < n->n_addrs; i++) {
		if (n->addrs[i].ifindex == addr->ifindex &&
		    addr_equal(&n->addrs[i].addr, &addr->addr))
			return &n->addrs[i];
	}
	return NULL;
}

static void addr_put(struct control_netif *n, const struct netif_addr *addr)
{
	struct netif_addr *a = addr_find(n, addr);

	if (!a) {
		a = grow(n->addrs, n->n_addrs, &n->cap_addrs, NETIF_MAX_ADDRS, sizeof(*a));
		if (!a) {
			n->ignored++;
			return;
		}
		n->addrs = a;
		a = &n->addrs[n->n_addrs++];
		n->changed = true;
	}
	*a = *addr;
	a->seen = true;
}

static void addr_remove(struct control_netif *n, const struct netif_addr *addr)
{
	struct netif_addr *a = addr_find(n, addr);

	if (!a)
		return;
	*a = n->addrs[--n->n_addrs];
	n->changed = true;
}

static void sweep_links(struct control_netif *n)
{
	for (size_t i = 0; i < n->n_links;) {
		if (n->links[i].seen)
			i++;
		else
			link_remove(n, n->links[i].ifindex);
	}
}

static void sweep_addrs(struct control_netif *n)
{
	for (size_t i = 0; i < n->n_addrs;) {
		if (n->addrs[i].seen) {
			i++;
			continue;
		}
		n->addrs[i] = n->addrs[--n->n_addrs];
		n->changed = true;
	}
}

/* Return: 0 or -errno of sendmsg(2). */
static int send_request(const struct control_netif *n, struct nlmsghdr *nlh)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct iovec iov = {.iov_base = nlh, .iov_len = nlh->nlmsg_len};
	const struct msghdr msg = {.msg_name = &kernel,
				   .msg_namelen = sizeof(kernel),
				   .msg_iov = &iov,
				   .msg_iovlen = 1};

	return sendmsg(n->sock, &msg, MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* Its sequence number is 0, which no dump has: an error to it means that there is no answer. */
void control_netif_ask_stats(struct control_netif *n, uint32_t ifindex)
{
	char buf[64] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct if_stats_msg *head = mnl_nlmsg_put_extra_header(nlh, sizeof(*head));

	nlh->nlmsg_type = RTM_GETSTATS;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	head->ifindex = ifindex;
	head->filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64);
	(void)send_request(n, nlh); /* the next second has another try */
}

const struct netif_stats *control_netif_stats(const struct control_netif *n, uint32_t ifindex)
{
	for (uint32_t i = 0; i < n->n_stats && i < MCR_MAX_IFACES; i++)
		if (n->stats[i].ifindex == ifindex)
			return &n->stats[i];
	return NULL;
}

static void put_stats(struct control_netif *n, const struct netif_stats *s)
{
	struct netif_stats *to = (struct netif_stats *)control_netif_stats(n, s->ifindex);

	if (!to)
		to = &n->stats[n->n_stats++ % MCR_MAX_IFACES];
	*to = *s;
}

/* Ask for every link, or every IPv4 address.  Return: 0 or -errno of sendmsg(2). */
static int request_dump(struct control_netif *n, uint16_t type)
{
	char buf[128] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = ++n->seq;
	if (type == RTM_GETLINK) {
		mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
		/* Without statistics a link takes half the room. */
		mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	} else {
		struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));

		ifa->ifa_family = AF_INET;
	}
	return send_request(n, nlh);
}

void control_netif_poll(struct control_netif *n)
{
	if (!n->dump_due || n->phase == NETIF_LINKS || n->phase == NETIF_ADDRS)
		return;
	for (size_t i = 0; i < n->n_links; i++)
		n->links[i].seen = false;
	for (size_t i = 0; i < n->n_addrs; i++)
		n->addrs[i].seen = false;
	if (request_dump(n, RTM_GETLINK) < 0)
		return; /* still due: the next call tries again */
	n->dump_due = false;
	n->phase = NETIF_LINKS;
}

static void dump_failed(struct control_netif *n)
{
	n->dump_due = true;
	n->phase = NETIF_NEVER;
}

static void dump_done(struct control_netif *n)
{
	if (n->phase == NETIF_LINKS) {
		sweep_links(n);
		n->phase = NETIF_ADDRS;
		if (request_dump(n, RTM_GETADDR) < 0)
			dump_failed(n);
	} else if (n->phase == NETIF_ADDRS) {
		sweep_addrs(n);
		n->phase = NETIF_READY;
		n->changed |= !n->ready;
		n->ready = true;
	}
}

static void consume_one(struct control_netif *n, const struct nlmsghdr *nlh)
{
	struct netif_link link;
	struct netif_stats stats;
	struct netif_addr addr;
	int ret = 0;

	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
		ret = netif_parse_link(nlh, &link);
		if (!ret)
			link_put(n, &link);
		break;
	case RTM_DELLINK:
		ret = netif_parse_link(nlh, &link);
		if (!ret)
			link_remove(n, link.ifindex);
		break;
	case RTM_NEWADDR:
		ret = netif_parse_addr(nlh, &addr);
		if (!ret)
			addr_put(n, &addr);
		break;
	case RTM_DELADDR:
		ret = netif_parse_addr(nlh, &addr);
		if (!ret)
			addr_remove(n, &addr);
		break;
	case RTM_NEWSTATS:
		ret = netif_parse_stats(nlh, &stats);
		if (!ret)
			put_stats(n, &stats);
		break;
	case NLMSG_DONE:
		if (nlh->nlmsg_seq == n->seq)
			dump_done(n);
		break;
	case NLMSG_ERROR:
		if (nlh->nlmsg_seq == n->seq)
			dump_failed(n);
		break;
	}
	if (ret == -EBADMSG)
		n->malformed++;
	if ((nlh->nlmsg_flags & NLM_F_DUMP_INTR) && nlh->nlmsg_seq == n->seq)
		n->dump_due = true;
}

void control_netif_consume(struct control_netif *n, const void *buf, size_t len)
{
	const char *at = buf;

	/* Not mnl_nlmsg_ok(): it takes a length of 2^31 and more for a negative one. */
	while (len >= MNL_NLMSG_HDRLEN) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)at;
		size_t step = MNL_ALIGN((size_t)nlh->nlmsg_len);

		/* With its padding, so that the next message and all attributes are inside. */
		if (nlh->nlmsg_len < MNL_NLMSG_HDRLEN || step > len)
			break;
		consume_one(n, nlh);
		at += step;
		len -= step;
	}
	if (len)
		n->malformed++;
}

int control_netif_read(struct control_netif *n)
{
	static char buf[READ_BYTES] __attribute__((aligned(8)));

	for (int i = 0; i < READ_DATAGRAMS; i++) {
		const int len = netlink_receive(n->sock, buf, sizeof(buf));

		if (len == 0)
			return 0;
		if (len > 0)
			control_netif_consume(n, buf, (size_t)len);
		else if (len == -ENOBUFS)
			n->dump_due = true;
		else if (len != -EPERM)
			return len;
	}
	return 0;
}
