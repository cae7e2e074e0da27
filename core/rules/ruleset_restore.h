/* SPDX-License-Identifier: MIT */
/* ruleset_restore.h - the rule set that a snapshot holds */
#ifndef CORE_RULES_RULESET_RESTORE_H
#define CORE_RULES_RULESET_RESTORE_H

#include <stdint.h>

struct rule;
struct ruleset;

/**
 * ruleset_restore() - put back a rule that a snapshot holds, in the place it had
 * @s:            a set that was new and has seen only ruleset_restore()
 * @rule:         borrowed, copied
 * @slot:         its rule slot, which no other restored rule has
 * @incarnation:  not 0
 * @output_slots: rule->n_outputs of them, which no other restored output has
 * @output_incarnations: of each output, none 0
 *
 * The set may be changed otherwise only after ruleset_restored().
 *
 * Return: 0; what ruleset_add() refuses; -ERANGE for a slot or incarnation that cannot be.
 */
int ruleset_restore(struct ruleset *s, const struct rule *rule, uint32_t slot, uint64_t incarnation,
		    const uint32_t *output_slots, const uint64_t *output_incarnations);

/* All rules are back.  @incarnation: later rules get greater ones than this and than any restored.
 */
void ruleset_restored(struct ruleset *s, uint64_t incarnation);

#endif
