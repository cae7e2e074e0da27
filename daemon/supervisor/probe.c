// SPDX-License-Identifier: MIT
/*
 * probe.c - which probes are allowed, and how many
 *
 * A probe makes this host send ARP requests, and a control that is not ours any more must
 * not scan a network with it: only behind an interface that is open as an output, and no
 * more than PROBES_PER_S.  An honest control asks for half of that (REACH_PROBES_PER_S).
 */
#include "daemon/supervisor/probe.h"

#include <errno.h>

#include "core/base/clock.h"
#include "daemon/priv/neigh.h"
#include "daemon/supervisor/state.h"

#define PROBES_PER_S 256u

static bool is_output(const struct supervisor *s, uint32_t ifindex)
{
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++) {
		if (s->output[i].incarnation && s->output[i].ifindex == ifindex)
			return true;
	}
	return false;
}

int probe_neighbour(struct supervisor *s, const struct ipc_probe *p)
{
	const uint64_t now_ns = monotonic_ns();

	if (!is_output(s, p->ifindex))
		return -ENODEV;
	if (now_ns - s->probes_ns >= NS_PER_S) {
		s->probes_ns = now_ns;
		s->probes = 0;
	}
	if (s->probes >= PROBES_PER_S)
		return -EAGAIN;
	s->probes++;
	return priv_probe_neighbour(p->ifindex, &p->host, s->have_net_admin);
}
