// SPDX-License-Identifier: MIT
/* Topologies: finding nodes, interfaces and links in them. */
#include <errno.h>
#include <string.h>

#include "harness/topology/topology.h"

int topology_node(const struct topology *topo, const char *name)
{
	for (unsigned int i = 0; i < topo->n_nodes; i++)
		if (!strcmp(topo->nodes[i].name, name))
			return (int)i;
	return -ENOENT;
}

static bool is_interface(const struct topo_interface *iface, unsigned int node, const char *name)
{
	return iface->node == node && !strcmp(iface->name, name);
}

int topology_link(const struct topology *topo, unsigned int node, const char *name,
		  unsigned int *end)
{
	for (unsigned int i = 0; i < topo->n_links; i++)
		for (*end = 0; *end < 2; ++*end)
			if (is_interface(&topo->links[i].ends[*end], node, name))
				return (int)i;
	return -ENOENT;
}

const struct topo_interface *topology_interface(const struct topology *topo, unsigned int node,
						const char *name)
{
	unsigned int end;
	int link = topology_link(topo, node, name, &end);

	if (link >= 0)
		return &topo->links[link].ends[end];
	for (unsigned int i = 0; i < topo->n_bridges; i++)
		if (is_interface(&topo->bridges[i].self, node, name))
			return &topo->bridges[i].self;
	return NULL;
}
