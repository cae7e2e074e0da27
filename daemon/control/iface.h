/* SPDX-License-Identifier: MIT */
/*
 * iface.h - which interfaces there are, and their slots
 *
 * An interface gets a slot when a rule first names it and it exists, and keeps it as
 * long as its ifindex lives, also under another name.  Deleted and created again it
 * is another interface: the new one gets another slot before the old one is closed.
 * Rules and settings use an interface's name or one of its alternative names.
 */
#ifndef DAEMON_CONTROL_IFACE_H
#define DAEMON_CONTROL_IFACE_H

#include <stdbool.h>
#include <stdint.h>

struct config_iface;
struct control;
struct rec_iface;

/*
 * Take over the present state of every link, and begin with no wants.  Memberships of a deleted
 * interface are left; the new one with its name starts without any.
 */
void control_ifaces_update(struct control *c);

/* The interface of that name, with a slot; NULL when it does not exist or no slot is left. */
struct rec_iface *control_iface_need(struct control *c, const char *name);

/* The slot of the interface of that name; MCR_NO_SLOT when it does not exist. */
uint32_t control_iface_slot(const struct control *c, const char *name);

/* The interface of a slot or of a name; NULL for MCR_NO_SLOT, or when it does not exist. */
const struct rec_iface *control_iface_at(const struct control *c, uint32_t slot);
const struct rec_iface *control_iface_named(const struct control *c, const char *name);

/* Interfaces have been put into slots, or taken out, other than by the functions above. */
void control_ifaces_index(struct control *c);

/* The workers that serve an interface; @found: false when its pinning names no worker's CPU. */
uint64_t control_iface_workers(const struct control *c, const char *name, bool *found);

/* The settings of the interface of that name, by any of its names. */
const struct config_iface *control_iface_settings(const struct control *c, const char *name);

#endif
