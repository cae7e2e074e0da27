// SPDX-License-Identifier: MIT
/*
 * fuzz_harness_topology.c - any text as a topology is refused with a place inside it, or complete
 *
 * Links: harness/topology/topology.c harness/topology/find.c harness/base/jsonread.c
 * Links: harness/base/jsonpath.c harness/base/decimal.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/jsonread.h"
#include "harness/topology/find.h"
#include "harness/topology/topology.h"

#include "tests/fuzz/fuzz.h"

static void check_complete(const struct topology *topo)
{
	for (unsigned i = 0; i < topo->n_links; i++)
		for (unsigned end = 0; end < 2; end++) {
			const struct topo_interface *iface = &topo->links[i].ends[end];

			if (iface->node >= topo->n_nodes ||
			    topology_interface(topo, iface->node, iface->name) != iface)
				abort();
		}
	for (unsigned i = 0; i < topo->n_bridges; i++)
		for (unsigned port = 0; port < topo->bridges[i].n_ports; port++)
			if (!topology_interface(topo, topo->bridges[i].self.node,
						topo->bridges[i].ports[port]))
				abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct topology topo;
	static struct json_error error;
	char *text = malloc(size + 1);
	unsigned lines = 1;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	if (topology_parse(&topo, text, "fuzz", &error) == 0)
		check_complete(&topo);
	else if (error.line < 1 || error.line > lines || !*error.text)
		abort();
	free(text);
	return 0;
}
