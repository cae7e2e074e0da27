/* SPDX-License-Identifier: MIT */
/* wires.h - which links of a topology have a wire */
#ifndef HARNESS_TOPOLOGY_WIRES_H
#define HARNESS_TOPOLOGY_WIRES_H

#include <stdbool.h>

struct topology;

/**
 * topology_add_wires() - give a wire to every link that can have one
 * @topo: changed
 */
void topology_add_wires(struct topology *topo);

/**
 * topology_has_wires() - has any link a wire?
 * @topo: borrowed
 */
bool topology_has_wires(const struct topology *topo);

#endif
