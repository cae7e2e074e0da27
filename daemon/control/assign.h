/* SPDX-License-Identifier: MIT */
/*
 * assign.h - which workers serve a rule, its state, and what is amiss with it
 */
#ifndef DAEMON_CONTROL_ASSIGN_H
#define DAEMON_CONTROL_ASSIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/rules/rule.h"

struct control;
struct output_status;
struct rec_iface;

/**
 * control_rule_state() - the state of a rule
 * @reason: filled with why it is not active, "" when it is; NULL: not wanted
 *
 * First the input's: unresolved when its interface is missing, failed when the supervisor
 * refused it, paused when it is down (not IFF_UP and IFF_RUNNING).  Then the outputs':
 * active when all are, degraded when some are, else that of the best of them.
 */
enum rule_state control_rule_state(const struct control *c, const struct rule *r, char *reason);

/**
 * control_rule_state_from() - the same when its interface and the state of its outputs are known
 * @in:      of its input, NULL when it does not exist
 * @outputs: of its outputs
 */
enum rule_state control_rule_state_from(const struct control *c, const struct rule *r,
					const struct rec_iface *in,
					const struct output_status *outputs);

/* The workers that serve a rule, in the current state of links and settings. */
uint64_t control_rule_workers(const struct control *c, const struct rule *r);
/* The same with its interface; NULL when that does not exist. */
uint64_t control_rule_workers_on(const struct control *c, const struct rule *r,
				 const struct rec_iface *in);

/* Takes one warning.  Return: whether it wants more. */
typedef bool control_warn_fn(void *ctx, const char *text);

/**
 * control_rule_warnings() - what is amiss with a rule, in words, one after the other
 * @states: also why the input or an output does not work, which their states say as well
 */
void control_rule_warnings(const struct control *c, const struct rule *r, bool states,
			   control_warn_fn *fn, void *ctx);

#endif
