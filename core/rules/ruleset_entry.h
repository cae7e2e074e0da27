/* SPDX-License-Identifier: MIT */
/* ruleset_entry.h - a rule in the set, and its place there */
#ifndef CORE_RULES_RULESET_ENTRY_H
#define CORE_RULES_RULESET_ENTRY_H

#include <stdint.h>

#include "core/rules/rule.h"

/**
 * struct ruleset_entry - a rule and its place
 * @rule:         owned by the set
 * @slot:         0..MCR_MAX_RULES-1
 * @incarnation:  unique for the lifetime of the set, never 0; it stays as long as the input does
 * @output_slots: rule.n_outputs values 0..MCR_MAX_OUTPUTS-1
 * @output_incarnations: of each output, never 0: that of the rule, or a greater one of an
 *                output that came later
 */
struct ruleset_entry {
	struct rule rule;
	uint32_t slot;
	uint64_t incarnation;
	uint32_t *output_slots;
	uint64_t *output_incarnations;
};

#endif
