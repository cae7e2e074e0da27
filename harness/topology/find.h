/* SPDX-License-Identifier: MIT */
/* find.h - nodes, interfaces and links of a topology by name */
#ifndef HARNESS_TOPOLOGY_FIND_H
#define HARNESS_TOPOLOGY_FIND_H

#include "harness/topology/state.h"

/**
 * topology_node() - find a node
 * @topo: borrowed
 * @name: of the node
 *
 * Return: its index, or -ENOENT.
 */
int topology_node(const struct topology *topo, const char *name);

/**
 * topology_interface() - find an interface, bridges included
 * @topo: borrowed
 * @node: index of its node
 * @name: of the interface
 *
 * Return: the interface, owned by @topo; NULL when the node has none of that name.
 */
const struct topo_interface *topology_interface(const struct topology *topo, unsigned node,
						const char *name);

/**
 * topology_link() - find the link that ends at an interface
 * @topo: borrowed
 * @node: index of the interface's node
 * @name: of the interface
 * @end:  filled with 0 or 1
 *
 * Return: the link's index; -ENOENT for a bridge, or when there is no such interface.
 */
int topology_link(const struct topology *topo, unsigned node, const char *name, unsigned *end);

#endif
