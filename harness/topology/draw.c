// SPDX-License-Identifier: MIT
/*
 * draw.c - a line for each link, its ends in columns
 *
 * One line for each link, with its two ends in columns; it stays readable for any shape, where a
 * drawing with boxes does for chains only.
 */
#include "harness/topology/draw.h"

#include <stdio.h>
#include <string.h>

#include "harness/topology/state.h"

#define LABEL_SIZE 256

static void label(const struct topology *topo, const struct topo_interface *iface,
		  char out[static LABEL_SIZE])
{
	int used = snprintf(out, LABEL_SIZE, "[%s] %s", topo->nodes[iface->node].name, iface->name);

	for (unsigned i = 0; i < iface->n_addresses && used < LABEL_SIZE; i++)
		used += snprintf(out + used, LABEL_SIZE - (size_t)used, " %s",
				 iface->addresses[i].text);
}

static void settings(const struct topo_link *link, char out[static LABEL_SIZE])
{
	const struct topo_interface *a = &link->ends[0];
	const struct topo_interface *b = &link->ends[1];
	int used = 0;

	*out = '\0';
	if (a->mtu_bytes != b->mtu_bytes)
		used += snprintf(out, LABEL_SIZE, "  mtu %u | %u", a->mtu_bytes, b->mtu_bytes);
	else if (a->mtu_bytes != 1500)
		used += snprintf(out, LABEL_SIZE, "  mtu %u", a->mtu_bytes);
	if (a->gro || b->gro)
		used += snprintf(out + used, LABEL_SIZE - (size_t)used, "  gro %s",
				 a->gro && b->gro ? "both"
				 : a->gro         ? "left"
						  : "right");
	if (a->uso || b->uso)
		used += snprintf(out + used, LABEL_SIZE - (size_t)used, "  uso %s",
				 a->uso && b->uso ? "both"
				 : a->uso         ? "left"
						  : "right");
	if (link->kind == TOPO_TUN)
		used += snprintf(out + used, LABEL_SIZE - (size_t)used, "  tun");
	if (link->wire)
		snprintf(out + used, LABEL_SIZE - (size_t)used, "  wire");
}

static void draw_links(const struct topology *topo)
{
	char left[LABEL_SIZE];
	char right[LABEL_SIZE];
	char notes[LABEL_SIZE];
	int width[2] = {0, 0};

	for (unsigned i = 0; i < topo->n_links; i++) {
		label(topo, &topo->links[i].ends[0], left);
		label(topo, &topo->links[i].ends[1], right);
		if ((int)strlen(left) > width[0])
			width[0] = (int)strlen(left);
		if ((int)strlen(right) > width[1])
			width[1] = (int)strlen(right);
	}
	for (unsigned i = 0; i < topo->n_links; i++) {
		label(topo, &topo->links[i].ends[0], left);
		label(topo, &topo->links[i].ends[1], right);
		settings(&topo->links[i], notes);
		printf("  %-*s ------- %-*s%s\n", width[0], left, *notes ? width[1] : 0, right,
		       notes);
	}
}

static bool is_linked(const struct topology *topo, unsigned node)
{
	for (unsigned i = 0; i < topo->n_links; i++)
		if (topo->links[i].ends[0].node == node || topo->links[i].ends[1].node == node)
			return true;
	return false;
}

static void draw_node(const struct topo_node *node)
{
	if (node->rp_filter != 1)
		printf("  [%s] rp_filter %u\n", node->name, node->rp_filter);
	if (node->forwarding)
		printf("  [%s] forwarding\n", node->name);
	for (unsigned i = 0; i < node->n_routes; i++) {
		const struct topo_route *route = &node->routes[i];

		printf("  [%s] route %s%s%s%s%s\n", node->name, route->to.text,
		       route->has_via ? " via " : "", route->has_via ? route->via.text : "",
		       *route->interface ? " on " : "", route->interface);
	}
}

void topology_draw(const struct topology *topo)
{
	printf("%s%s%s\n", topo->name, *topo->description ? ": " : "", topo->description);
	draw_links(topo);
	for (unsigned i = 0; i < topo->n_bridges; i++) {
		const struct topo_bridge *bridge = &topo->bridges[i];
		char self[LABEL_SIZE];

		label(topo, &bridge->self, self);
		printf("  %s bridges", self);
		for (unsigned port = 0; port < bridge->n_ports; port++)
			printf(" %s", bridge->ports[port]);
		putchar('\n');
	}
	for (unsigned i = 0; i < topo->n_nodes; i++) {
		if (!is_linked(topo, i))
			printf("  [%s] without links\n", topo->nodes[i].name);
		draw_node(&topo->nodes[i]);
	}
}
