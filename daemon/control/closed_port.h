/* SPDX-License-Identifier: MIT */
/*
 * closed_port.h - receivers that have no socket for what an output sends
 *
 * The kernel reports an ICMP port unreachable at a later send, which then counts as
 * port_unreachable; a host sends about one such message a second, so most datagrams count as
 * sent.  Workers go on sending: nothing else can tell that the port is open again.
 *
 *   open ---- the count grows --------------------------> closed
 *   closed -- sends are taken, and it has not grown
 *             for wait_ns: 5 s, doubled each time up to a minute -> open
 *
 * A port that has stayed open for a minute begins with 5 s again.
 */
#ifndef DAEMON_CONTROL_CLOSED_PORT_H
#define DAEMON_CONTROL_CLOSED_PORT_H

#include <stdbool.h>
#include <stdint.h>

struct control;
struct egress_counters;
struct rule_output;
struct ruleset_entry;

/* Is the destination of a unicast output known to have no socket? */
bool control_port_is_closed(const struct control *c, const struct rule_output *o);

/*
 * The port_unreachable of an output has grown to what @now says.
 * Return: has its state changed?
 */
bool control_port_refused(struct control *c, const struct ruleset_entry *e, unsigned i,
			  const struct egress_counters *now, uint64_t now_ns);

/* Reads the counters of an output, as control_stats_output() does. */
typedef void control_counters_fn(const struct control *c, const struct ruleset_entry *e, unsigned i,
				 struct egress_counters *out);

/* Once a second.  Return: has the state of an output changed? */
bool control_ports_check(struct control *c, control_counters_fn *read, uint64_t now_ns);

#endif
