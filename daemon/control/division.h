/* SPDX-License-Identifier: MIT */
/*
 * division.h - rules of which both paths have outputs: which number the maps may have
 *
 * A number is made when a rule needs one, and goes to the workers with the next publication.  When
 * all of them have it, it is written into the maps.  Until then the maps keep an earlier number
 * whose outputs all fit, or workers have the whole rule.
 */
#ifndef DAEMON_CONTROL_DIVISION_H
#define DAEMON_CONTROL_DIVISION_H

#include <stdbool.h>
#include <stdint.h>

struct control;
struct division;
struct ruleset_entry;

/**
 * control_division_choose() - the number under which the kernel may have outputs of a rule now
 * @set: by output: it fits the kernel path; some do not
 *
 * Return: NULL: none; workers have the whole rule.
 */
const struct division *control_division_choose(const struct control *c,
					       const struct ruleset_entry *e, const bool *set);

/**
 * control_division_need() - the rule is to have a number for its set
 * @number: that the maps have for it by now, 0: none
 *
 * If that is an earlier one, one for the set is made, or waited for.
 */
void control_division_need(struct control *c, const struct ruleset_entry *e, const bool *set,
			   uint32_t number, uint64_t now_ns);

/* The maps are about to change for the rule, and have changed: @number is in them now, 0: none. */
void control_division_leaves(struct control *c, const struct ruleset_entry *e, uint64_t now_ns);
void control_division_written(struct control *c, const struct ruleset_entry *e, uint32_t number);

/* Takes over the numbers in the maps, which frames may bear.  Called when links are known. */
void control_division_adopt(struct control *c, uint64_t now_ns);

/* Once a second: numbers of inputs that have no rule any more. */
void control_division_forget(struct control *c, uint64_t now_ns);

#endif
