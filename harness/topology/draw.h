/* SPDX-License-Identifier: MIT */
/* draw.h - a topology in ASCII */
#ifndef HARNESS_TOPOLOGY_DRAW_H
#define HARNESS_TOPOLOGY_DRAW_H

struct topology;

/**
 * topology_draw() - print a topology to standard output
 * @topo: borrowed
 */
void topology_draw(const struct topology *topo);

#endif
