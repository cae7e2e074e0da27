/* SPDX-License-Identifier: MIT */
/*
 * reconcile.h - bring the actual state to the desired one
 *
 * The desired state is what rules, settings and links ask for.  The actual state is what the
 * supervisor was asked for and did not refuse.  control_reconcile() sends the difference, in
 * this order:
 *
 *   open sockets, publish, filters, join and bind | leave and unbind, close sockets
 *
 * So the workers know a new rule before its packets are let in, and the sockets of an old rule
 * go when no worker uses them any more.  Egress sockets of single outputs (egress_socket.h) are
 * opened and closed with the others.  A second run sends nothing.
 *
 * A change of one rule takes a shorter way (rule_change.h).
 *
 * An input that is open and is to be steered otherwise, by other workers or with other
 * buffers, is changed after the publication: its rules are then with the workers of before
 * and of after.  Those of before keep them for HANDOVER_NS, in which they empty their queues.
 *
 * Requests count as done when they are sent, because the supervisor works in order.
 * A refusal turns its object back to "not there", keeps the reason for answers, and
 * is tried again by the next run; nothing else is disturbed.
 *
 * A restarted control asks for everything once, and the supervisor drops what was not
 * asked for, so that nothing is left of changes that the last control had begun.
 */
#ifndef DAEMON_CONTROL_RECONCILE_H
#define DAEMON_CONTROL_RECONCILE_H

#include <stdbool.h>
#include <stdint.h>

struct control;
struct control_reconcile;

/* Is some handover over, of an input or from a stand-in, so that reconcile() is due? */
bool control_handover_due(const struct control *c, uint64_t now_ns);

/* Return: 0; -ENOMEM or an error of the memfd: the next run asks for the rest. */
int control_reconcile(struct control *c, uint64_t now_ns);

void control_reconcile_fini(struct control_reconcile *r);

/*
 * Ask the supervisor to compare its sockets and memberships with the kernel.  It drops those
 * that the kernel lost, and the next reconcile asks for everything, as after a restart.
 */
void control_verify(struct control *c);

#endif
