// SPDX-License-Identifier: MIT
/*
 * stats.c - what the kernel counted, into the interface page
 *
 * Frames that no rule wants are all untagged IPv4 UDP less what passed the prefilters.
 * A frame comes to the workers' socket first and to the counting one last, because the
 * kernel serves packet sockets in the reverse of the order in which they were made, also
 * after the link was down (experiment poc_unread_counting_socket).  The counting socket is
 * read first.  So frames that are under way make the difference too small, never too
 * large, and the next reading makes up for it; a count that was too large could not be
 * taken back.  That holds for two sockets of one protocol: where workers' come after tc
 * ingress, so does the counting one, and both refuse what the kernel path has relayed.
 *
 * PACKET_STATISTICS are 32 bits wide and start over with each reading; here they
 * are added up in 64 bits.  Nobody else writes the page, so plain addition and a
 * relaxed store are enough for readers never to see a torn value.
 */
#include "daemon/supervisor/stats.h"

#include "core/base/statpage.h"
#include "daemon/priv/packet.h"
#include "daemon/supervisor/softnet.h"
#include "daemon/supervisor/state.h"

void stats_refresh_input(struct supervisor *s, unsigned slot)
{
	struct iface_counts *to = &s->iface_page->slot[slot].all;
	struct input *in = &s->input[slot];
	uint32_t passed, lost;

	/* Nobody reads the counting sockets: the frames that passed their filter are the count. */
	if (priv_packet_stats(in->foreign, &passed, &lost) == 0) {
		counter_add(&to->not_matched, passed);
		counter_add(&to->not_ipv4_udp, passed);
	}
	if (priv_packet_stats(in->vlan, &passed, &lost) == 0)
		counter_add(&to->vlan, passed);
	if (priv_packet_stats(in->ipv4_udp, &passed, &lost) == 0)
		in->unclaimed += passed;
	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++) {
		if (in->sock[i] < 0 || priv_packet_stats(in->sock[i], &passed, &lost) < 0)
			continue;
		counter_add(&to->delivered, passed - lost);
		counter_add(&s->iface_page->queue[slot].all[i], lost);
		counter_add(&to->socket_queue, lost);
		in->unclaimed -= passed;
	}
	/* The workers get all of it, and reassembled: they count what no rule wants. */
	if (in->iface.defrag)
		in->unclaimed = 0;
	if (in->unclaimed > 0) {
		counter_add(&to->not_matched, (uint64_t)in->unclaimed);
		in->unclaimed = 0;
	}
}

void stats_left_in_queue(struct supervisor *s, unsigned slot, unsigned worker, uint64_t frames)
{
	struct iface_counts *to = &s->iface_page->slot[slot].all;

	/* They were delivered to a queue, and then to nobody. */
	counter_add(&to->delivered, -frames);
	counter_add(&s->iface_page->queue[slot].all[worker], frames);
	counter_add(&to->socket_queue, frames);
}

static void refresh_softnet(struct supervisor *s)
{
	struct softnet_counts *to = &s->iface_page->softnet, now;

	if (softnet_read(&now) < 0)
		return;
	__atomic_store_n(&to->dropped, now.dropped, __ATOMIC_RELAXED);
	__atomic_store_n(&to->squeezed, now.squeezed, __ATOMIC_RELAXED);
}

void stats_refresh(struct supervisor *s)
{
	refresh_softnet(s);
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++)
		if (s->input[i].incarnation)
			stats_refresh_input(s, i);
}
