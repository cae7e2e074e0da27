/* SPDX-License-Identifier: MIT */
/* kernel_map_rule.h - a rule as the program of the kernel path reads it */
#ifndef DAEMON_CONTROL_KERNEL_MAP_RULE_H
#define DAEMON_CONTROL_KERNEL_MAP_RULE_H

#include <stdint.h>

#include "core/rules/kernel_path_map.h"

/**
 * struct kernel_map_rule - a rule as the program reads it
 * @key:    its ifindex is 0 while the input interface does not exist; only the user path then
 * @slot:   rule slot
 * @output: n_outputs of them, borrowed; the slots are output slots
 * @output_incarnation: of each of them, for its counters
 */
struct kernel_map_rule {
	struct kernel_path_key key;
	uint64_t incarnation;
	uint32_t slot;
	uint32_t iface;
	uint32_t mtu;
	uint32_t division;
	uint32_t watch;
	uint32_t flags; /* KERNEL_PATH_BLOCK_* */
	uint32_t n_outputs;
	const struct kernel_path_output *output;
	const uint64_t *output_incarnation;
};

#endif
