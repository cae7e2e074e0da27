// SPDX-License-Identifier: MIT
/* netlink.c - each call reads or asks a bounded amount, and logs what the tables could not take */
#include "daemon/control/netlink.h"

#include <errno.h>
#include <string.h>

#include "core/base/clock.h"
#include "daemon/common/log.h"
#include "daemon/control/netif.h"
#include "daemon/control/reach.h"
#include "daemon/control/reach_keep.h"
#include "daemon/control/reach_netlink.h"
#include "daemon/control/state.h"
#include "daemon/control/supervisor_channel.h"

static void probed(void *ctx, const struct ipc_msg *request, int status, uint64_t value)
{
	static struct log_limit limit;
	/* Where one may not ask, no answer means nothing. */
	const bool unprobeable = status == -EPERM || status == -EACCES;
	const struct ipc_probe *probe = &request->probe;
	const uint64_t now_ns = monotonic_ns();
	struct control *c = ctx;
	struct reach_hop *h;
	char text[ADDR_TEXT_MAX];

	if (unprobeable && probe->kind != PROBE_RELEASE)
		log_limited(&limit, now_ns, SEV_WARNING, FAC_NETWORK,
			    "%s cannot be probed (%s): datagrams to it count as sent whether it "
			    "answers or not",
			    addr_format(&probe->host, text), strerror(-status));
	h = reach_hop_find(&c->reach, probe->ifindex, addr_ipv4_be(&probe->host));
	if (h && status < 0 && probe->kind == PROBE_KEEP)
		reach_keep_refused(&c->reach, h, status == -EAGAIN);
	if (probe->kind == PROBE_RELEASE)
		return;
	/* Of other refusals, too many at once say nothing about this one. */
	if (unprobeable || status == 0)
		reach_set_unprobeable(&c->reach, probe->ifindex, addr_ipv4_be(&probe->host),
				      unprobeable, now_ns);
}

/* Messages of the kernel that make no sense are a fault, of the kernel or of ours. */
static void log_malformed(uint64_t before, uint64_t now, uint64_t now_ns)
{
	static struct log_limit limit;

	if (now != before)
		log_limited(&limit, now_ns, SEV_WARNING, FAC_NETWORK,
			    "netlink: malformed messages of the kernel, ignored: %llu",
			    (unsigned long long)(now - before));
}

void control_netlink_read_links(struct control *c, uint64_t now_ns)
{
	static struct log_limit limit;
	struct control_netif *n = &c->netif;
	const uint64_t malformed = n->malformed, ignored = n->ignored;
	const int ret = control_netif_read(n);

	if (ret < 0)
		die(FAC_NETWORK, "netlink: %s", strerror(-ret));
	log_malformed(malformed, n->malformed, now_ns);
	if (n->ignored != ignored)
		log_limited(&limit, now_ns, SEV_WARNING, FAC_NETWORK,
			    "this host has more than %d links or %d addresses: rules cannot use "
			    "the others",
			    NETIF_MAX_LINKS, NETIF_MAX_ADDRS);
}

void control_netlink_read_routes(struct control *c, uint64_t now_ns)
{
	const uint64_t malformed = c->reach.malformed;
	const int ret = reach_read(&c->reach, now_ns);

	if (ret < 0)
		die(FAC_NETWORK, "netlink, routes: %s", strerror(-ret));
	log_malformed(malformed, c->reach.malformed, now_ns);
}

static void ask_routes(struct control *c, uint64_t now_ns)
{
	const uint64_t malformed = c->reach.malformed;
	const int ret = reach_ask(&c->reach, now_ns);

	if (ret < 0)
		die(FAC_NETWORK, "netlink, routes: %s", strerror(-ret));
	log_malformed(malformed, c->reach.malformed, now_ns);
}

static void probe(struct control *c, uint32_t ifindex, uint32_t host_be, enum probe_kind kind)
{
	struct ipc_msg msg = {.type = IPC_PROBE};

	msg.probe.ifindex = ifindex;
	msg.probe.host = addr_from_ipv4_be(host_be);
	msg.probe.kind = kind;
	control_supervisor_request(&c->supervisor, &msg, -1, probed, c);
}

void control_netlink_ask(struct control *c, uint64_t now_ns)
{
	struct reach_upkeep k;
	struct reach_hop *h;

	control_netif_poll(&c->netif);
	/* Before the workers run nothing is needed of routes and neighbours. */
	if (c->phase == PHASE_SPAWN)
		return;
	ask_routes(c, now_ns);
	while (reach_token(&c->reach, now_ns) && reach_next_upkeep(&c->reach, &k)) {
		reach_token_take(&c->reach);
		probe(c, k.ifindex, k.host_be, k.keep ? PROBE_KEEP : PROBE_RELEASE);
	}
	/* A plain probe would tell the kernel that the entry is not to be managed. */
	while ((h = reach_next_probe(&c->reach, now_ns)))
		probe(c, h->ifindex, h->host_be, h->kept ? PROBE_KEEP : PROBE_RESOLVE);
}
