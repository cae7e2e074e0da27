// SPDX-License-Identifier: MIT
/* wires.c - links with a stretch of wire between their ends */
#include "harness/topology/wires.h"

#include "harness/topology/state.h"

void topology_add_wires(struct topology *topo)
{
	for (unsigned i = 0; i < topo->n_links; i++)
		topo->links[i].wire = topo->links[i].kind == TOPO_VETH;
}

bool topology_has_wires(const struct topology *topo)
{
	for (unsigned i = 0; i < topo->n_links; i++)
		if (topo->links[i].wire)
			return true;
	return false;
}
