// SPDX-License-Identifier: MIT
/* find.c - find nodes, interfaces and links of a topology */
#include "harness/topology/find.h"

#include <errno.h>
#include <string.h>

int topology_node(const struct topology *topo, const char *name)
{
	for (unsigned i = 0; i < topo->n_nodes; i++)
		if (!strcmp(topo->nodes[i].name, name))
			return (int)i;
	return -ENOENT;
}

static bool is_interface(const struct topo_interface *iface, unsigned node, const char *name)
{
	return iface->node == node && !strcmp(iface->name, name);
}

int topology_link(const struct topology *topo, unsigned node, const char *name, unsigned *end)
{
	for (unsigned i = 0; i < topo->n_links; i++)
		for (*end = 0; *end < 2; ++*end)
			if (is_interface(&topo->links[i].ends[*end], node, name))
				return (int)i;
	return -ENOENT;
}

const struct topo_interface *topology_interface(const struct topology *topo, unsigned node,
						const char *name)
{
	unsigned end;
	int link = topology_link(topo, node, name, &end);

	if (link >= 0)
		return &topo->links[link].ends[end];
	for (unsigned i = 0; i < topo->n_bridges; i++)
		if (is_interface(&topo->bridges[i].self, node, name))
			return &topo->bridges[i].self;
	return NULL;
}
