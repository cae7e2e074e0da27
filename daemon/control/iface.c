// SPDX-License-Identifier: MIT
/* iface.c - links into slots, and the index of their names */
#include "daemon/control/iface.h"

#include <net/if_arp.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "daemon/common/log.h"
#include "daemon/control/change.h"
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

/* --- names --- */

static uint32_t place_of(const char *name)
{
	return (uint32_t)hash_final(hash_bytes(HASH_SEED, name, strlen(name))) % IFACE_NAMES;
}

/* Of two interfaces that had a name one after the other the first has it. */
static void add_name(struct control_reconcile *r, const char *name, uint32_t slot)
{
	uint32_t i = place_of(name);

	if (!name[0])
		return;
	for (; r->names[i].name[0]; i = (i + 1) % IFACE_NAMES) {
		if (!strcmp(r->names[i].name, name))
			return;
	}
	memcpy(r->names[i].name, name, strlen(name) + 1);
	r->names[i].slot = slot;
}

static void add_names(struct control_reconcile *r, uint32_t slot)
{
	const struct rec_iface *f = &r->iface[slot];

	if (!f->used || f->deleted)
		return;
	add_name(r, f->name, slot);
	for (unsigned i = 0; i < NETIF_ALT_NAMES; i++)
		add_name(r, f->alt[i], slot);
}

void control_ifaces_index(struct control *c)
{
	memset(c->rec.names, 0, sizeof(c->rec.names));
	for (uint32_t i = 0; i < MCR_MAX_IFACES; i++)
		add_names(&c->rec, i);
}

uint32_t control_iface_slot(const struct control *c, const char *name)
{
	const struct iface_name *names = c->rec.names;
	uint32_t i = place_of(name);

	for (; names[i].name[0]; i = (i + 1) % IFACE_NAMES) {
		if (!strcmp(names[i].name, name))
			return names[i].slot;
	}
	return MCR_NO_SLOT;
}

const struct rec_iface *control_iface_at(const struct control *c, uint32_t slot)
{
	return slot == MCR_NO_SLOT ? NULL : &c->rec.iface[slot];
}

const struct rec_iface *control_iface_named(const struct control *c, const char *name)
{
	return control_iface_at(c, control_iface_slot(c, name));
}

/* --- settings --- */

static const struct config_iface *settings_of(const struct control *c, const struct rec_iface *f)
{
	const struct config_iface *s = config_find_iface(&c->settings, f->name);

	for (unsigned i = 0; !s && i < NETIF_ALT_NAMES && f->alt[i][0]; i++)
		s = config_find_iface(&c->settings, f->alt[i]);
	return s;
}

const struct config_iface *control_iface_settings(const struct control *c, const char *name)
{
	const struct rec_iface *f = control_iface_named(c, name);

	return f ? settings_of(c, f) : config_find_iface(&c->settings, name);
}

/*
 * Of the types that have none (dev_is_mac_header_xmit() of the kernel) those are left out whose
 * devices may want more of a frame than its IP packet: tunnels without a fixed peer.
 */
static enum kernel_path_header header_of(uint16_t type)
{
	switch (type) {
	case ARPHRD_ETHER:
		return KERNEL_PATH_HEADER_ETHERNET;
	case ARPHRD_NONE:
	case ARPHRD_RAWIP:
	case ARPHRD_PPP:
		return KERNEL_PATH_HEADER_NONE;
	}
	return KERNEL_PATH_HEADER_OTHER;
}

/* @s: may be NULL */
static uint64_t workers_of(const struct control *c, const struct config_iface *s, bool *found)
{
	uint64_t mask = 0;

	*found = true;
	if (!s || !s->n_cpus)
		return worker_mask_all(c->workers);
	for (unsigned w = 0; w < c->workers; w++) {
		for (unsigned i = 0; i < s->n_cpus; i++) {
			if (s->cpus[i] == c->worker[w].cpu)
				mask |= 1ull << w;
		}
	}
	*found = mask != 0;
	return mask ? mask : worker_mask_all(c->workers);
}

uint64_t control_iface_workers(const struct control *c, const char *name, bool *found)
{
	return workers_of(c, control_iface_settings(c, name), found);
}

/* --- links --- */

/* Take over the state of a link; a change that matters to workers is published. */
static void iface_update(struct control *c, struct rec_iface *f, const struct netif_link *l)
{
	const struct config_iface *s;
	uint32_t mtu = link_mtu(l);
	bool found;

	if (f->mtu != mtu || f->up != l->up || strcmp(f->name, l->name) != 0 ||
	    memcmp(f->alt, l->alt, sizeof(f->alt)) != 0)
		control_publish_due(c);
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
	f->header = header_of(l->type);
	f->is_port = l->wire.master != 0;
	memcpy(f->mac, l->mac, sizeof(f->mac));
	memcpy(f->name, l->name, sizeof(f->name));
	memcpy(f->alt, l->alt, sizeof(f->alt));
	s = settings_of(c, f);
	f->workers = workers_of(c, s, &found);
	f->steering = s ? s->steering : STEER_RULE;
}

void control_ifaces_update(struct control *c)
{
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++) {
		struct rec_iface *f = &c->rec.iface[i];
		const struct netif_link *l;

		f->inputs = f->outputs = 0;
		if (!f->used)
			continue;
		l = control_netif_by_index(&c->netif, f->ifindex);
		if (l && f->serial && l->serial != f->serial) {
			/* It is another interface by now, without the memberships of the first. */
			control_memberships_leave_link(c, f->ifindex);
			l = NULL;
		}
		if (l && !f->deleted) {
			iface_update(c, f, l);
		} else if (!f->deleted) {
			log_burst(&c->log_ifaces, monotonic_ns(), SEV_NOTICE, FAC_NETWORK,
				  "interface %s does not exist any more", f->name);
			f->deleted = true;
			control_publish_due(c);
		}
	}
	control_ifaces_index(c);
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
		control_retry_later(c);
		return NULL;
	}
	c->rec.iface[slot] = (struct rec_iface){.used = true};
	iface_update(c, &c->rec.iface[slot], l);
	add_names(&c->rec, slot);
	log_burst(&c->log_ifaces, monotonic_ns(), SEV_INFO, FAC_NETWORK,
		  "interface %s is ifindex %u", name, l->ifindex);
	return &c->rec.iface[slot];
}
