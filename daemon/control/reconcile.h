/* SPDX-License-Identifier: MIT */
/*
 * reconcile.h - make what is equal to what should be
 *
 * Should be: what rules, settings and links ask for.  Is: what the supervisor was
 * asked for and did not refuse.  reconcile() sends the difference, in this order,
 * which serves additions and removals alike:
 *
 *   open sockets, publish, filters, join and bind | leave and unbind, close sockets
 *
 * Egress sockets of single outputs (egress_socket.h) are opened and closed with them.
 *
 * so that a new rule's packets are let in when the workers know it, and an old
 * rule's sockets go when no worker uses them any more.  A second run sends nothing.
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
#include <stddef.h>
#include <stdint.h>

#include "core/base/clock.h"
#include "core/base/ipc.h"
#include "core/rules/rule.h"
#include "core/rules/steer.h"
#include "daemon/control/join.h"
#include "daemon/control/netif.h"
#include "daemon/control/output.h"

struct control;
struct ruleset_entry;

/**
 * struct rec_iface - an interface that is or was needed; its place is its slot
 * @gone:       the link vanished; what is open is to be closed
 * @has_addr:   it has an IPv4 address
 * @serial:     of the link, 0: taken from a snapshot, not known yet
 * @alt:        its alternative names
 * @in_as:      how the input was opened
 * @changing:   it is to be another way, once the workers know the rules for it
 * @before:     until @handover_ns, not 0: how it was, so that workers keep the rules of what
 *              lies in their queues
 * @in_error, @out_error, @filter_error: 0, or why the supervisor refused, negative
 * @gro_refused: GRO was asked for and is not on
 * @wants:      what the filter that was set lets in, sorted
 * @coarse:     the exact filter was too long for the kernel
 */
struct rec_iface {
	bool used, gone, up, supers, arp;
	bool want_in, want_out;
	bool has_addr;
	bool in_open, out_open, filter_set;
	bool gro_refused, coarse;
	enum link_layer link;
	uint64_t serial;
	uint32_t ifindex;
	uint32_t mtu;
	char name[MCR_IFNAME_MAX];
	char alt[NETIF_ALT_NAMES][MCR_IFNAME_MAX];
	bool changing;
	struct ipc_iface in_as, before;
	uint64_t handover_ns;
	int in_error, out_error, filter_error;
	struct steer_want *wants;
	size_t n_wants;
};

/**
 * struct control_reconcile - what is
 * @publish: what the workers should know has changed
 * @failed:  something was refused and is to be tried again
 * @holds:   hash of the outputs that are held, as they were published last
 */
struct control_reconcile {
	bool publish;
	bool failed;
	uint64_t holds;
	struct rec_iface iface[MCR_MAX_IFACES];
	struct control_joins joins;
};

#define HANDOVER_NS (2 * NS_PER_S)

/* Is some handover over, of an input or from a stand-in, so that reconcile() is due? */
bool control_handover_due(const struct control *c, uint64_t now_ns);

/* Return: 0; -ENOMEM, nothing was changed then. */
int control_reconcile(struct control *c, uint64_t now_ns);

void control_reconcile_fini(struct control_reconcile *r);

/*
 * Ask whether the kernel still has all that was asked for.  What it has not is dropped, and
 * the next reconcile asks for everything, as a restarted control does.
 */
void control_verify(struct control *c);

/* Ask the supervisor to leave or unbind; the answer changes nothing. */
void control_join_leave(struct control *c, const struct control_join *e);

/**
 * control_rule_state() - the state of a rule
 * @reason: filled with why it is not active, "" when it is; NULL: not wanted
 *
 * First the input's: unresolved when its interface is missing, failed when the supervisor
 * refused it, paused when it is down (not IFF_UP and IFF_RUNNING).  Then the outputs':
 * active when all are, degraded when some are, else that of the best of them.
 */
enum rule_state control_rule_state(const struct control *c, const struct rule *r, char *reason);

/* The workers that serve a rule, in the current state of links and settings. */
uint64_t control_rule_workers(const struct control *c, const struct rule *r);

/* The workers that serve an interface; @found: false when its pinning names no worker's CPU. */
uint64_t control_iface_workers(const struct control *c, const char *name, bool *found);

#define WARNING_MAX REASON_MAX

/* Takes one warning.  Return: whether it wants more. */
typedef bool control_warn_fn(void *ctx, const char *text);

/**
 * control_rule_warnings() - what is amiss with a rule, in words, one after the other
 * @states: also why the input or an output does not work, which their states say as well
 */
void control_rule_warnings(const struct control *c, const struct rule *r, bool states,
			   control_warn_fn *fn, void *ctx);

#endif
