/* SPDX-License-Identifier: MIT */
/*
 * output.h - how an output is, and why
 *
 * Control knows the interface, its addresses, the route and the neighbour of each output.
 * Workers get the short form (enum output_hold), operators the state with its reason.
 */
#ifndef DAEMON_CONTROL_OUTPUT_H
#define DAEMON_CONTROL_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/rules/snapshot.h"
#include "daemon/control/state.h"

struct complaint;

/* From the best to the worst: a rule has the state of its best output. */
enum output_state {
	OUTPUT_ACTIVE,
	OUTPUT_UNREACHABLE, /* no route, or the next hop does not answer */
	OUTPUT_FAILED,      /* the supervisor or the kernel refuses it */
	OUTPUT_PAUSED,      /* its interface is down */
	OUTPUT_UNRESOLVED,  /* its interface or its source address does not exist */
	OUTPUT_STATES
};

const char *output_state_name(enum output_state s); /* "active" ... */

/**
 * struct output_status - how an output is
 * @state: for operators
 * @hold:  for workers; OUTPUT_HOLD_NONE without an interface: the missing slot says it
 */
struct output_status {
	enum output_state state;
	enum output_hold hold;
};

/**
 * control_output_status() - how an output is, from what control knows at this moment
 * @reason: filled with why it is not active, "" when it is; NULL: not wanted
 */
struct output_status control_output_status(const struct control *c, const struct rule_output *o,
					   char *reason);

/* The same with its interface; NULL when that does not exist. */
struct output_status control_output_status_on(const struct control *c, const struct rec_iface *f,
					      const struct rule_output *o, char *reason);

/* Warning about an output that is active.  Return: @buf; NULL: there is none. */
const char *control_output_warning(const struct control *c, const struct rule_output *o,
				   char buf[static REASON_MAX]);

/* The destination of an output.  Return: false when route and neighbour do not matter. */
bool control_output_dest(const struct rec_iface *f, const struct rule_output *o,
			 struct reach_key *key);

/* Is an output of the rule, which is resolved, held otherwise than it was published? */
bool control_outputs_held_otherwise(const struct control *c, const struct ruleset_entry *e);

/* Has the kernel still to answer about one of the rule's outputs? */
bool control_outputs_settling(const struct control *c, const struct ruleset_entry *e,
			      uint64_t now_ns);

/**
 * control_check_outputs() - refuse outputs that can never work with this host's addresses
 * @cpl: filled when refused, fields relative to the rule
 *
 * Return: 0; -EINVAL for a broadcast address of the output's interface.
 */
int control_check_outputs(const struct control *c, const struct rule *r, struct complaint *cpl);

#endif
