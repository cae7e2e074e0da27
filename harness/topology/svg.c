// SPDX-License-Identifier: MIT
/*
 * svg.c - a topology as SVG
 *
 * Nodes stand in columns by their distance from the first node, so that traffic flows from left to
 * right in the labs that have a direction, and every other shape is still readable.  A column's
 * nodes are spread over the height.  A link is a line, curved when both ends are in one column;
 * names and addresses stand beside the ends.
 */
#include "harness/topology/svg.h"

#include <stdio.h>
#include <string.h>

#include "harness/topology/state.h"

#define BOX_WIDTH   110
#define BOX_HEIGHT  36
#define COLUMN_STEP 330
#define ROW_STEP    110
#define MARGIN      40
#define TITLE       30
#define FAR         TOPO_MAX_NODES

struct layout {
	unsigned column[TOPO_MAX_NODES];
	unsigned row[TOPO_MAX_NODES];
	unsigned height[TOPO_MAX_NODES]; /* nodes in each column */
	unsigned n_columns;
	unsigned n_rows;
};

struct point {
	unsigned x;
	unsigned y;
};

/* One step of distance along every link, until nothing changes. */
static void spread(const struct topology *topo, unsigned column[static TOPO_MAX_NODES])
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (unsigned i = 0; i < topo->n_links * 2; i++) {
			unsigned from = topo->links[i / 2].ends[i % 2].node;
			unsigned to = topo->links[i / 2].ends[1 - i % 2].node;

			if (column[from] != FAR && column[to] > column[from] + 1) {
				column[to] = column[from] + 1;
				changed = true;
			}
		}
	}
}

static void place(const struct topology *topo, struct layout *layout)
{
	*layout = (struct layout){0};
	for (unsigned i = 0; i < topo->n_nodes; i++)
		layout->column[i] = FAR;
	/* A node that no link leads to starts a picture of its own in the first column. */
	for (unsigned i = 0; i < topo->n_nodes; i++)
		if (layout->column[i] == FAR) {
			layout->column[i] = 0;
			spread(topo, layout->column);
		}
	for (unsigned i = 0; i < topo->n_nodes; i++) {
		unsigned column = layout->column[i];

		layout->row[i] = layout->height[column]++;
		if (layout->height[column] > layout->n_rows)
			layout->n_rows = layout->height[column];
		if (column >= layout->n_columns)
			layout->n_columns = column + 1;
	}
}

/* The top left corner of a node's box. */
static struct point corner(const struct layout *layout, unsigned node)
{
	unsigned column = layout->column[node];
	unsigned free_rows = layout->n_rows - layout->height[column];

	return (struct point){
		.x = MARGIN + column * COLUMN_STEP,
		.y = MARGIN + TITLE + layout->row[node] * ROW_STEP + free_rows * ROW_STEP / 2,
	};
}

static void print_escaped(const char *text)
{
	for (; *text; text++) {
		if (*text == '&')
			fputs("&amp;", stdout);
		else if (*text == '<')
			fputs("&lt;", stdout);
		else
			putchar(*text);
	}
}

static void print_end(const struct topo_interface *iface, struct point at, const char *anchor)
{
	printf("<text x=\"%u\" y=\"%u\" text-anchor=\"%s\" class=\"end\">%s", at.x, at.y, anchor,
	       iface->name);
	for (unsigned i = 0; i < iface->n_addresses; i++)
		printf(" %s", iface->addresses[i].text);
	puts("</text>");
}

static void print_settings(const struct topo_link *link, struct point at)
{
	const struct topo_interface *ends = link->ends;

	printf("<text x=\"%u\" y=\"%u\" text-anchor=\"middle\" class=\"note\">", at.x, at.y);
	if (link->kind == TOPO_TUN)
		fputs("tun ", stdout);
	if (link->wire)
		fputs("wire ", stdout);
	if (ends[0].mtu_bytes != ends[1].mtu_bytes)
		printf("mtu %u | %u ", ends[0].mtu_bytes, ends[1].mtu_bytes);
	else if (ends[0].mtu_bytes != 1500)
		printf("mtu %u ", ends[0].mtu_bytes);
	if (ends[0].gro || ends[1].gro)
		fputs("gro ", stdout);
	if (ends[0].uso || ends[1].uso)
		fputs("uso ", stdout);
	puts("</text>");
}

/* Between two columns: from the right side of the one to the left side of the other. */
static void print_straight(const struct topo_interface *left, struct point a,
			   const struct topo_interface *right, struct point b)
{
	struct point from = {a.x + BOX_WIDTH, a.y + BOX_HEIGHT / 2};
	struct point to = {b.x, b.y + BOX_HEIGHT / 2};

	printf("<path d=\"M%u %uL%u %u\"/>\n", from.x, from.y, to.x, to.y);
	/* Further down the line the steeper it is, so that several from one box do not collide. */
	from.y = from.y < to.y ? from.y + (to.y - from.y) / 8 : from.y - (from.y - to.y) / 8;
	to.y = a.y < b.y ? to.y - (to.y - a.y) / 8 : to.y + (a.y - b.y) / 8;
	print_end(left, (struct point){from.x + 6, from.y - 5}, "start");
	print_end(right, (struct point){to.x - 6, to.y + 14}, "end");
}

static void print_curve(const struct topo_interface *a, struct point from,
			const struct topo_interface *b, struct point to)
{
	unsigned x = from.x + BOX_WIDTH / 2;
	unsigned bulge = x + BOX_WIDTH;

	printf("<path d=\"M%u %uQ%u %u %u %u\"/>\n", x, from.y + BOX_HEIGHT / 2, bulge,
	       (from.y + to.y + BOX_HEIGHT) / 2, x, to.y + BOX_HEIGHT / 2);
	print_end(a, (struct point){x + 8, from.y < to.y ? from.y + BOX_HEIGHT + 14 : from.y - 6},
		  "start");
	print_end(b, (struct point){x + 8, from.y < to.y ? to.y - 6 : to.y + BOX_HEIGHT + 14},
		  "start");
}

static void print_link(const struct layout *layout, const struct topo_link *link)
{
	const struct topo_interface *a = &link->ends[0];
	const struct topo_interface *b = &link->ends[1];
	struct point from = corner(layout, a->node);
	struct point to = corner(layout, b->node);

	if (from.x == to.x)
		print_curve(a, from, b, to);
	else if (from.x < to.x)
		print_straight(a, from, b, to);
	else
		print_straight(b, to, a, from);
	print_settings(link, (struct point){(from.x + to.x + BOX_WIDTH) / 2,
					    (from.y + to.y + BOX_HEIGHT) / 2 - 16});
}

static void print_node(const struct topology *topo, const struct layout *layout, unsigned node)
{
	struct point at = corner(layout, node);

	printf("<rect x=\"%u\" y=\"%u\" width=\"%d\" height=\"%d\" rx=\"5\"/>\n"
	       "<text x=\"%u\" y=\"%u\" text-anchor=\"middle\" class=\"node\">%s",
	       at.x, at.y, BOX_WIDTH, BOX_HEIGHT, at.x + BOX_WIDTH / 2, at.y + BOX_HEIGHT / 2 + 5,
	       topo->nodes[node].name);
	for (unsigned i = 0; i < topo->n_bridges; i++)
		if (topo->bridges[i].self.node == node)
			printf(" %s", topo->bridges[i].self.name);
	puts("</text>");
}

void topology_draw_svg(const struct topology *topo)
{
	struct layout layout;

	place(topo, &layout);
	printf("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %u %u\">\n"
	       "<style>rect{fill:#eef;stroke:#336}path{fill:none;stroke:#336}"
	       "text{font-family:sans-serif;font-size:14px}.end,.note{font-size:11px}"
	       ".note{fill:#933}</style>\n<text x=\"%d\" y=\"%d\">%s",
	       2 * MARGIN + (layout.n_columns - 1) * COLUMN_STEP + BOX_WIDTH + MARGIN,
	       2 * MARGIN + TITLE + layout.n_rows * ROW_STEP, MARGIN, MARGIN, topo->name);
	if (*topo->description)
		fputs(": ", stdout);
	print_escaped(topo->description);
	puts("</text>");
	for (unsigned i = 0; i < topo->n_links; i++)
		print_link(&layout, &topo->links[i]);
	for (unsigned i = 0; i < topo->n_nodes; i++)
		print_node(topo, &layout, i);
	puts("</svg>");
}
