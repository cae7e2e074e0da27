/* SPDX-License-Identifier: MIT */
/*
 * links.h - make the links, bridges, addresses and routes of a lab, and make a link again
 *
 * Each function returns 0, or negative errno with the builder's error filled.
 */
#ifndef HARNESS_LAB_LINKS_H
#define HARNESS_LAB_LINKS_H

#include "harness/lab/builder.h"

/**
 * lab_link_make() - make a link with its offloads, both ends down
 * @b: open in both nodes
 * @i: index of the link
 */
int lab_link_make(struct lab_builder *b, unsigned i);

/**
 * lab_link_make_bridge() - make a bridge with its ports
 * @b: open in its node
 * @i: index of the bridge
 */
int lab_link_make_bridge(struct lab_builder *b, unsigned i);

/**
 * lab_link_set_up() - give an interface its addresses and bring it up
 * @b:     open in its node
 * @iface: of the topology
 */
int lab_link_set_up(struct lab_builder *b, const struct topo_interface *iface);

/**
 * lab_link_wait_carrier() - wait until an interface has its carrier
 * @b:     open in its node
 * @iface: of the topology
 */
int lab_link_wait_carrier(struct lab_builder *b, const struct topo_interface *iface);

/**
 * lab_link_make_routes() - add the routes of a node
 * @b:    open in the node
 * @node: its index
 */
int lab_link_make_routes(struct lab_builder *b, unsigned node);

/**
 * lab_link_recreate() - make a deleted link again, with new interface indexes
 * @lab:   borrowed
 * @link:  its index in the topology
 * @error: filled on failure
 *
 * For a child of its own: it moves from node to node.  Everything the topology says of the link's
 * two interfaces holds again: MTU, MAC, offloads, addresses, bridge, routes, wire.
 *
 * Return: 0, or negative errno with @error filled.
 */
int lab_link_recreate(const struct lab *lab, unsigned link, struct lab_error *error);

#endif
