// SPDX-License-Identifier: MIT
/* probe.c - ask what is due about routes and neighbours, and have probes sent */
#include "daemon/control/probe.h"

#include <errno.h>
#include <string.h>

#include "core/base/clock.h"
#include "daemon/common/log.h"
#include "daemon/control/reach.h"
#include "daemon/control/reach_netlink.h"
#include "daemon/control/state.h"
#include "daemon/control/supervisor_channel.h"

static void probed(void *ctx, const struct ipc_msg *request, int status, uint64_t value)
{
	static struct log_limit limit;
	/* Where one may not ask, no answer means nothing. */
	const bool blind = status == -EPERM || status == -EACCES;
	const struct ipc_probe *probe = &request->probe;
	const uint64_t now_ns = monotonic_ns();
	struct control *c = ctx;
	char text[ADDR_TEXT_MAX];

	if (blind)
		log_limited(&limit, now_ns, SEV_WARNING, FAC_NETWORK,
			    "%s cannot be probed (%s): what the kernel takes for it counts as sent",
			    addr_format(&probe->host, text), strerror(-status));
	/* Of other refusals, too many at once say nothing about this one. */
	if (blind || status == 0)
		reach_blind(&c->reach, probe->ifindex, addr_ipv4_be(&probe->host), blind, now_ns);
}

void control_routes_read(struct control *c, uint64_t now_ns)
{
	const int ret = reach_read(&c->reach, now_ns);

	if (ret < 0)
		die(FAC_NETWORK, "netlink, routes: %s", strerror(-ret));
}

void control_look_around(struct control *c, uint64_t now_ns)
{
	struct ipc_msg msg = {.type = IPC_PROBE};
	struct reach_hop *h;
	int ret;

	/* Before the workers run nothing is needed. */
	if (c->phase == PHASE_SPAWN)
		return;
	ret = reach_ask(&c->reach, now_ns);
	if (ret < 0)
		die(FAC_NETWORK, "netlink, routes: %s", strerror(-ret));
	while ((h = reach_next_probe(&c->reach, now_ns))) {
		msg.probe.ifindex = h->ifindex;
		msg.probe.host = addr_from_ipv4_be(h->host_be);
		control_super_request(&c->super, &msg, -1, probed, c);
	}
}
