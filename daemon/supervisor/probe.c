// SPDX-License-Identifier: MIT
/*
 * probe.c - which probes are allowed, and how many
 *
 * A probe makes this host send ARP requests, and a control that is not ours any more must
 * not scan a network with it: only behind an interface that is open as an output, and no
 * more than PROBES_PER_S.  An honest control asks for half of that (REACH_PROBES_PER_S).
 *
 * Entries that the kernel manages are taken down, because it goes on with that until it is
 * told otherwise: when control has no output any more that needs them, and at the end.
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

static struct managed_neighbour *find(struct supervisor *s, const struct ipc_probe *p)
{
	for (unsigned i = 0; i < s->n_managed; i++) {
		struct managed_neighbour *m = &s->managed[i];

		if (m->ifindex == p->ifindex && addr_equal(&m->host, &p->host))
			return m;
	}
	return NULL;
}

/* Those for which there is no room are asked for, and control asks again when they are stale. */
static int keep(struct supervisor *s, const struct ipc_probe *p)
{
	struct managed_neighbour *m = find(s, p);
	const bool manage = m || s->n_managed < MANAGED_NEIGHBOURS_MAX;
	const int ret = priv_keep_neighbour(p->ifindex, &p->host, s->have_net_admin, manage);

	if (ret < 0 || !manage || !s->have_net_admin)
		return ret;
	if (!m)
		m = &s->managed[s->n_managed++];
	*m = (struct managed_neighbour){p->ifindex, p->host, s->round};
	return ret;
}

static int release(struct supervisor *s, struct managed_neighbour *m)
{
	const struct managed_neighbour gone = *m;

	*m = s->managed[--s->n_managed];
	return priv_release_neighbour(gone.ifindex, &gone.host);
}

void probe_drop_others(struct supervisor *s)
{
	for (unsigned i = s->n_managed; i-- > 0;)
		if (s->managed[i].round != s->round)
			release(s, &s->managed[i]);
}

void probe_fini(struct supervisor *s)
{
	while (s->n_managed)
		release(s, &s->managed[0]);
}

/* Return: has it its place among those of this second? */
static bool take_probe(struct supervisor *s)
{
	const uint64_t now_ns = monotonic_ns();

	if (now_ns - s->probes_ns >= NS_PER_S) {
		s->probes_ns = now_ns;
		s->probes = 0;
	}
	if (s->probes >= PROBES_PER_S)
		return false;
	s->probes++;
	return true;
}

int probe_neighbour(struct supervisor *s, const struct ipc_probe *p)
{
	struct managed_neighbour *m;

	/* Its output may have been closed. */
	if (p->kind != PROBE_RELEASE && !is_output(s, p->ifindex))
		return -ENODEV;
	if (!take_probe(s))
		return -EAGAIN;
	switch ((enum probe_kind)p->kind) {
	case PROBE_RESOLVE:
		return priv_probe_neighbour(p->ifindex, &p->host, s->have_net_admin);
	case PROBE_KEEP:
		return keep(s, p);
	case PROBE_RELEASE:
		m = find(s, p);
		return m ? release(s, m) : 0;
	case PROBE_KINDS:
		break;
	}
	return -EINVAL;
}
