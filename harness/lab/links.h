/* SPDX-License-Identifier: MIT */
/* Links, bridges, addresses and routes of a lab: making them, and making a link once more. */
#ifndef HARNESS_LAB_LINKS_H
#define HARNESS_LAB_LINKS_H

#include "harness/lab/builder.h"

/** lablink_make() - make link @i with its offloads, both ends down. */
int lablink_make(struct labbuilder *b, unsigned int i);

/** lablink_make_bridge() - make bridge @i and give it its ports. */
int lablink_make_bridge(struct labbuilder *b, unsigned int i);

/** lablink_set_up() - give an interface its addresses and bring it up. */
int lablink_set_up(struct labbuilder *b, const struct topo_interface *iface);

/** lablink_wait_carrier() - wait until the interface has its carrier. */
int lablink_wait_carrier(struct labbuilder *b, const struct topo_interface *iface);

/** lablink_make_routes() - add the routes of a node. */
int lablink_make_routes(struct labbuilder *b, unsigned int node);

/**
 * lablink_recreate() - make a link that was deleted once more, with new interface indexes.
 * @link: its index in the topology
 *
 * For a child of its own: it moves from node to node.  Everything the topology says of the link's
 * two interfaces holds again: MTU, MAC, offloads, addresses, bridge, routes, wire.
 *
 * Return: 0 or negative errno with @error filled.
 */
int lablink_recreate(const struct lab *lab, unsigned int link, struct lab_error *error);

#endif
