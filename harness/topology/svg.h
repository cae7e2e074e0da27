/* SPDX-License-Identifier: MIT */
/* svg.h - a topology as an SVG picture */
#ifndef HARNESS_TOPOLOGY_SVG_H
#define HARNESS_TOPOLOGY_SVG_H

struct topology;

/**
 * topology_draw_svg() - print a topology to standard output
 * @topo: borrowed
 */
void topology_draw_svg(const struct topology *topo);

#endif
