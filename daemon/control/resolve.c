// SPDX-License-Identifier: MIT
/* resolve.c - look-ups of names, once for each rule */
#include "daemon/control/resolve.h"

#include <errno.h>
#include <string.h>

#include "core/rules/ruleset.h"
#include "daemon/control/assign.h"
#include "daemon/control/egress_socket.h"
#include "daemon/control/iface.h"
#include "daemon/control/join.h"
#include "daemon/control/kernel_fit.h"
#include "daemon/control/output.h"
#include "daemon/control/reach.h"
#include "daemon/control/state.h"

static uint32_t slot_of(const struct control *c, const struct rec_iface *f)
{
	return f ? (uint32_t)(f - c->rec.iface) : MCR_NO_SLOT;
}

/*
 * @in: its input; without one no datagram comes, and all workers hold the rule.  Of a rule that is
 * disabled nothing is open.
 */
static int resolve_output(struct control *c, const struct ruleset_entry *e, unsigned i,
			  const struct rec_iface *in)
{
	struct resolved_rule *v = &c->resolved.rule[e->slot];
	const struct rule_output *o = &e->rule.outputs[i];
	struct rec_iface *out = e->rule.disabled ? NULL : control_iface_need(c, o->interface);
	struct reach_key key;

	c->resolved.out_slot[e->output_slots[i]] = slot_of(c, out);
	control_egress_socket_want(c, in ? out : NULL, e, i, v->workers);
	if (!out)
		return 0;
	out->outputs++;
	if (control_output_dest(out, o, &key)) {
		v->asks = true;
		if (reach_need(&c->reach, &key, out->arp) < 0)
			return -ENOMEM;
	}
	return control_kernel_fit_need(c, out, &e->rule, o);
}

static int resolve_input(struct control *c, const struct ruleset_entry *e, struct rec_iface *in)
{
	struct ipc_join key;
	struct control_join *join;

	if (!in)
		return 0;
	key = control_join_key(in->ifindex, &e->rule.input);
	join = control_join_get(&c->rec.joins, &key);
	if (!join)
		return -ENOMEM;
	join->users++;
	in->inputs++;
	return 0;
}

static int resolve_outputs(struct control *c, const struct ruleset_entry *e,
			   const struct rec_iface *in)
{
	int ret = 0;

	for (unsigned i = 0; i < e->rule.n_outputs && ret == 0; i++)
		ret = resolve_output(c, e, i, in);
	return ret;
}

int control_resolve_outputs(struct control *c, const struct ruleset_entry *e)
{
	struct resolved_rule *v = &c->resolved.rule[e->slot];

	v->entry = e;
	v->asks = false;
	return resolve_outputs(c, e, control_iface_at(c, v->in_slot));
}

int control_resolve(struct control *c, const struct ruleset_entry *e)
{
	struct rec_iface *in =
		e->rule.disabled ? NULL : control_iface_need(c, e->rule.input.interface);
	int ret;

	c->resolved.rule[e->slot] = (struct resolved_rule){
		.entry = e,
		.incarnation = e->incarnation,
		.workers = control_rule_workers_on(c, &e->rule, in),
		.in_slot = slot_of(c, in),
	};
	ret = resolve_outputs(c, e, in);
	return ret < 0 ? ret : resolve_input(c, e, in);
}

int control_resolve_all(struct control *c)
{
	int ret = 0;

	memset(c->resolved.rule, 0, sizeof(c->resolved.rule));
	control_ifaces_update(c);
	control_joins_unmark(&c->rec.joins);
	reach_unmark(&c->reach);
	control_egress_sockets_begin(c);
	for (unsigned i = 0; i < c->n_interfaces; i++) {
		struct rec_iface *f = control_iface_need(c, c->interfaces[i]);

		if (f)
			f->inputs++;
	}
	for (size_t i = 0; i < ruleset_count(c->rules) && ret == 0; i++)
		ret = control_resolve(c, ruleset_at(c->rules, i));
	reach_sweep(&c->reach);
	return ret;
}

void control_resolve_workers(struct control *c)
{
	for (size_t i = 0; i < ruleset_count(c->rules); i++) {
		const struct ruleset_entry *e = ruleset_at(c->rules, i);
		struct resolved_rule *v = &c->resolved.rule[e->slot];

		v->workers = control_rule_workers_on(c, &e->rule, control_iface_at(c, v->in_slot));
	}
}

bool control_is_resolved(const struct control *c, const struct ruleset_entry *e)
{
	const struct resolved_rule *v = &c->resolved.rule[e->slot];

	return v->entry && v->incarnation == e->incarnation;
}
