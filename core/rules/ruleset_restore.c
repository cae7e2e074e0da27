// SPDX-License-Identifier: MIT
/*
 * ruleset_restore.c - rules back into the slots that a snapshot says they had
 *
 * A rule is added like any other, which checks it, and then moved to its place.  The
 * pools of free slots are wrong meanwhile; ruleset_restored() makes them anew.
 */
#include "core/rules/ruleset_restore.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/rules/ruleset.h"
#include "core/rules/ruleset_state.h"

int ruleset_restore(struct ruleset *s, const struct rule *rule, uint32_t slot, uint64_t incarnation,
		    const uint32_t *output_slots, const uint64_t *output_incarnations)
{
	const struct ruleset_entry *added;
	struct ruleset_entry *e;
	int ret;

	if (slot >= MCR_MAX_RULES || incarnation == 0)
		return -ERANGE;
	for (unsigned i = 0; i < rule->n_outputs; i++) {
		if (output_slots[i] >= MCR_MAX_OUTPUTS || output_incarnations[i] == 0)
			return -ERANGE;
	}
	ret = ruleset_put(s, rule, false, &added, NULL);
	if (ret != RULESET_ADDED)
		return ret < 0 ? ret : -EEXIST;
	e = &s->order[s->count - 1]->entry;
	e->slot = slot;
	e->incarnation = incarnation;
	memcpy(e->output_slots, output_slots, rule->n_outputs * sizeof(*output_slots));
	memcpy(e->output_incarnations, output_incarnations,
	       rule->n_outputs * sizeof(*output_incarnations));
	return 0;
}

static void mark(uint8_t *used, uint32_t *fresh, uint32_t slot)
{
	used[slot / 8] |= (uint8_t)(1u << slot % 8);
	if (slot >= *fresh)
		*fresh = slot + 1;
}

/* Slots below the greatest one in use that nobody has are free, the rest is fresh. */
static void rebuild(struct slot_pool *p, const uint8_t *used, uint32_t fresh)
{
	p->fresh = fresh;
	p->oldest = 0;
	p->n_freed = 0;
	for (uint32_t i = 0; i < fresh; i++) {
		if (!(used[i / 8] >> i % 8 & 1))
			slot_pool_put(p, i);
	}
}

void ruleset_restored(struct ruleset *s, uint64_t incarnation)
{
	uint8_t rules[MCR_MAX_RULES / 8] = {0}, outputs[MCR_MAX_OUTPUTS / 8] = {0};
	uint32_t fresh_rule = 0, fresh_output = 0;

	s->last_incarnation = incarnation;
	s->revision = incarnation;
	for (size_t i = 0; i < s->count; i++) {
		const struct ruleset_entry *e = &s->order[i]->entry;

		if (e->incarnation > s->last_incarnation)
			s->last_incarnation = e->incarnation;
		mark(rules, &fresh_rule, e->slot);
		for (unsigned k = 0; k < e->rule.n_outputs; k++) {
			mark(outputs, &fresh_output, e->output_slots[k]);
			if (e->output_incarnations[k] > s->last_incarnation)
				s->last_incarnation = e->output_incarnations[k];
		}
	}
	rebuild(&s->rule_slots, rules, fresh_rule);
	rebuild(&s->output_slots, outputs, fresh_output);
}
