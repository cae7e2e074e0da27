// SPDX-License-Identifier: MIT
/* kernel_output.c - what control knows of an output, for the maps of the kernel path */
#include "daemon/control/kernel_output.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/base/counters.h"
#include "daemon/control/iface.h"
#include "daemon/control/netif.h"
#include "daemon/control/output.h"
#include "daemon/control/reach.h"
#include "daemon/control/reach_keep.h"
#include "daemon/control/state.h"

/*
 * The source address of what goes to a group depends on the interface alone: the kernel is
 * asked for it with one group (RFC 2365, 6.1: the local scope, which every host has).
 */
#define ANY_GROUP 0xefff0001u

static struct reach_key source_key(const struct rec_iface *out)
{
	return (struct reach_key){.ifindex = out->ifindex, .host_be = htonl(ANY_GROUP)};
}

static bool needs_source(const struct rule_output *o)
{
	return addr_is_multicast(&o->group) && !addr_is_set(&o->source);
}

/* A host, whose destination is needed by workers, too. */
static struct reach_dest *hop_needed(const struct control *c, const struct rec_iface *out,
				     const struct rule_output *o)
{
	struct reach_key key;

	if (addr_is_multicast(&o->group) || !control_output_dest(out, o, &key))
		return NULL;
	return reach_dest_find(&c->reach, &key);
}

int control_kernel_output_need(struct control *c, const struct rec_iface *out,
			       const struct rule_output *o)
{
	const struct reach_key key = source_key(out);
	struct reach_dest *hop;

	if (needs_source(o))
		return reach_need(&c->reach, &key, out->arp);
	hop = hop_needed(c, out, o);
	if (hop)
		reach_keep(&c->reach, hop);
	return 0;
}

void control_kernel_output_release(struct control *c, const struct rec_iface *out,
				   const struct rule_output *o)
{
	const struct reach_key key = source_key(out);
	struct reach_dest *hop = hop_needed(c, out, o);

	if (needs_source(o))
		reach_release(&c->reach, &key);
	else if (hop)
		reach_unkeep(&c->reach, hop);
}

/* How the kernel sends there, or to a group where only the source address matters. */
static const struct reach_dest *dest_of(const struct control *c, const struct rec_iface *out,
					const struct rule_output *o)
{
	struct reach_key key = source_key(out);

	if (!addr_is_multicast(&o->group))
		control_output_dest(out, o, &key);
	return reach_find(&c->reach, &key);
}

/* As egress_unsendable() of a worker, which gets no socket of an interface that is down. */
static uint8_t hold_of(const struct rec_iface *f, enum output_hold hold)
{
	if (!f || !f->up || f->out_error)
		return 1 + SEND_DROP_NO_INTERFACE;
	switch (hold) {
	case OUTPUT_HOLD_UNREACHABLE:
		return 1 + SEND_DROP_UNREACHABLE;
	case OUTPUT_HOLD_NO_SOURCE:
		return 1 + SEND_DROP_NO_SOURCE;
	case OUTPUT_HOLD_REFUSED:
		return 1 + SEND_DROP_REFUSED;
	case OUTPUT_HOLD_NONE:
	case OUTPUT_HOLDS:
		break;
	}
	return 0;
}

static void look_at_hop(const struct reach_dest *d, struct kernel_path_link *link)
{
	const struct reach_hop *h = d->hop;

	if (d->way == WAY_DIRECT || (d->way == WAY_HOP && h->ifindex != link->ifindex))
		link->hop = KERNEL_PATH_HOP_NEVER;
	if (d->way != WAY_HOP || h->state != HOP_VALID || !h->has_mac ||
	    h->ifindex != link->ifindex)
		return;
	link->hop = KERNEL_PATH_HOP_KNOWN;
	memcpy(link->hop_mac, h->mac, sizeof(link->hop_mac));
}

static struct kernel_path_link link_of(const struct control *c, const struct rec_iface *f,
				       const struct rule_output *o, uint32_t slot)
{
	struct kernel_path_link link = {
		.slot = slot, .hold = hold_of(f, control_output_status_on(c, f, o, NULL).hold)};
	const struct reach_dest *d;

	if (!f)
		return link;
	d = dest_of(c, f, o);
	link.local = control_netif_has_addr(&c->netif, 0, &o->group);
	link.ifindex = f->ifindex;
	link.header = f->header;
	memcpy(link.mac, f->mac, sizeof(link.mac));
	link.source_be = addr_is_set(&o->source) ? addr_ipv4_be(&o->source)
			 : d                     ? d->kernel_source_be
						 : 0;
	if (!d || addr_is_multicast(&o->group))
		return link;
	look_at_hop(d, &link);
	return link;
}

enum kernel_path_reason control_kernel_output_encode(const struct control *c, const struct rule *r,
						     const struct rule_output *o, uint32_t slot,
						     struct kernel_path_output *out, uint32_t *mtu)
{
	const struct rec_iface *f = control_iface_named(c, o->interface);
	const struct rec_iface *in = control_iface_named(c, r->input.interface);
	struct kernel_path_link link = link_of(c, f, o, slot);

	link.no_header = in && in->header == KERNEL_PATH_HEADER_NONE && !r->consume;
	*mtu = link.hold ? UINT32_MAX : f->mtu;
	return kernel_path_encode(o, &link, out);
}
