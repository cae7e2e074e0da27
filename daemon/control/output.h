/* SPDX-License-Identifier: MIT */
/*
 * output.h - how an output is, and why
 *
 * Everything that keeps datagrams from going out and that control can know: the
 * interface, its addresses, the route, the neighbour.  A worker gets the short form
 * (enum output_hold), an operator the state with its reason.
 */
#ifndef DAEMON_CONTROL_OUTPUT_H
#define DAEMON_CONTROL_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/rules/snapshot.h"
#include "daemon/control/state.h"

struct complaint;

/* From the best to the worst: the order in which a rule takes the state of its outputs. */
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
 * @state: for people
 * @hold:  for workers; one without interface has none, its slot says it
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

/* Names an oddity of an output that is active.  Return: @buf, or NULL: nothing. */
const char *control_output_warning(const struct control *c, const struct rule_output *o,
				   char buf[static REASON_MAX]);

/* Which destination it is; false when nothing needs to be known of one. */
bool control_output_dest(const struct rec_iface *f, const struct rule_output *o,
			 struct reach_key *key);

/* Is the state of one of the rule's outputs about to be known? */
bool control_outputs_settling(const struct control *c, const struct rule *r, uint64_t now_ns);

/**
 * control_check_outputs() - refuse what the host's addresses say can never work
 * @cpl: filled when refused, fields relative to the rule
 *
 * Return: 0; -EINVAL for a broadcast address of the output's interface.
 */
int control_check_outputs(const struct control *c, const struct rule *r, struct complaint *cpl);

#endif
