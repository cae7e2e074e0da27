// SPDX-License-Identifier: MIT
/* iface.c - which interfaces there are, and their slots */
#include "daemon/control/iface.h"

#include <net/if_arp.h>
#include <string.h>

#include "core/base/clock.h"
#include "daemon/common/log.h"
#include "daemon/control/membership.h"
#include "daemon/control/netif.h"
#include "daemon/control/reach.h"
#include "daemon/control/state.h"

#define MTU_MIN 68 /* RFC 791; what the messages to the supervisor admit */
#define MTU_MAX 65536

static uint32_t link_mtu(const struct netif_link *l)
{
	return l->mtu < MTU_MIN ? MTU_MIN : l->mtu > MTU_MAX ? MTU_MAX : l->mtu;
}

static enum link_layer link_layer(const struct netif_link *l)
{
	return l->type == ARPHRD_ETHER || l->type == ARPHRD_LOOPBACK ? LINK_ETHERNET : LINK_RAW_IP;
}

/* Take over what a link looks like now; workers are told when they need to know. */
static void iface_update(struct control *c, struct rec_iface *f, const struct netif_link *l)
{
	uint32_t mtu = link_mtu(l);

	if (f->mtu != mtu || f->up != l->up || strcmp(f->name, l->name) != 0 ||
	    memcmp(f->alt, l->alt, sizeof(f->alt)) != 0)
		c->rec.publish = true;
	f->serial = l->serial;
	f->ifindex = l->ifindex;
	f->mtu = mtu;
	if (l->up && !f->up)
		reach_link_up(&c->reach, l->ifindex);
	f->up = l->up;
	f->supers = l->supers;
	f->arp = l->arp;
	f->has_addr = control_netif_has_addr(&c->netif, l->ifindex, NULL);
	f->link = link_layer(l);
	f->ethernet = l->type == ARPHRD_ETHER;
	f->is_port = l->wire.master != 0;
	memcpy(f->mac, l->mac, sizeof(f->mac));
	memcpy(f->name, l->name, sizeof(f->name));
	memcpy(f->alt, l->alt, sizeof(f->alt));
}

void control_ifaces_update(struct control *c)
{
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++) {
		struct rec_iface *f = &c->rec.iface[i];
		const struct netif_link *l;

		f->want_in = false;
		f->want_out = false;
		if (!f->used)
			continue;
		l = control_netif_by_index(&c->netif, f->ifindex);
		if (l && f->serial && l->serial != f->serial) {
			/* It is another interface by now, without the memberships of the first. */
			control_memberships_leave_link(c, f->ifindex);
			l = NULL;
		}
		if (l && !f->gone) {
			iface_update(c, f, l);
		} else if (!f->gone) {
			log_burst(&c->log_ifaces, monotonic_ns(), SEV_NOTICE, FAC_NETWORK,
				  "interface %s does not exist any more", f->name);
			f->gone = true;
			c->rec.publish = true;
		}
	}
}

uint32_t control_iface_slot(const struct control *c, const char *name)
{
	for (uint32_t i = 0; i < MCR_MAX_IFACES; i++) {
		const struct rec_iface *f = &c->rec.iface[i];

		if (f->used && !f->gone && (!strcmp(f->name, name) || netif_has_alt(f->alt, name)))
			return i;
	}
	return MCR_NO_SLOT;
}

const struct config_iface *control_iface_settings(const struct control *c, const char *name)
{
	const uint32_t slot = control_iface_slot(c, name);
	const struct rec_iface *f = slot == MCR_NO_SLOT ? NULL : &c->rec.iface[slot];
	const struct config_iface *s = config_find_iface(&c->settings, f ? f->name : name);

	for (unsigned i = 0; !s && f && i < NETIF_ALT_NAMES && f->alt[i][0]; i++)
		s = config_find_iface(&c->settings, f->alt[i]);
	return s;
}

uint32_t control_output_slot(const struct control *c, const char *name)
{
	uint32_t slot = control_iface_slot(c, name);

	return slot != MCR_NO_SLOT && c->rec.iface[slot].up ? slot : MCR_NO_SLOT;
}

struct rec_iface *control_iface_need(struct control *c, const char *name)
{
	static struct log_limit full;
	uint32_t slot = control_iface_slot(c, name);
	const struct netif_link *l;

	if (slot != MCR_NO_SLOT)
		return &c->rec.iface[slot];
	l = control_netif_by_name(&c->netif, name);
	if (!l)
		return NULL;
	for (slot = 0; slot < MCR_MAX_IFACES && c->rec.iface[slot].used; slot++)
		;
	if (slot == MCR_MAX_IFACES) {
		log_limited(&full, monotonic_ns(), SEV_WARNING, FAC_NETWORK,
			    "interface %s is not used: %u others are, which is the limit", name,
			    MCR_MAX_IFACES);
		c->rec.failed = true;
		return NULL;
	}
	c->rec.iface[slot] = (struct rec_iface){.used = true};
	iface_update(c, &c->rec.iface[slot], l);
	log_burst(&c->log_ifaces, monotonic_ns(), SEV_INFO, FAC_NETWORK,
		  "interface %s is ifindex %u", name, l->ifindex);
	return &c->rec.iface[slot];
}
