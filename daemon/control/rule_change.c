// SPDX-License-Identifier: MIT
/* rule_change.c - the steps of a reconcile for single rules */
#include "daemon/control/rule_change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/rules/ruleset.h"
#include "core/rules/ruleset_index.h"
#include "daemon/control/change.h"
#include "daemon/control/egress_socket.h"
#include "daemon/control/filter.h"
#include "daemon/control/iface.h"
#include "daemon/control/join.h"
#include "daemon/control/kernel_fit.h"
#include "daemon/control/kernel_path.h"
#include "daemon/control/loop.h"
#include "daemon/control/membership.h"
#include "daemon/control/output.h"
#include "daemon/control/publish.h"
#include "daemon/control/reach.h"
#include "daemon/control/reach_netlink.h"
#include "daemon/control/resolve.h"
#include "daemon/control/state.h"

static bool is_open_for(const struct rec_iface *f, bool input)
{
	if (!f || f->in_error || f->out_error)
		return false;
	return input ? f->in_open && f->inputs : f->out_open && f->outputs;
}

/* Is every interface of the rule open already? */
static bool fits_in(const struct control *c, const struct rule *r)
{
	if (!is_open_for(control_iface_named(c, r->input.interface), true))
		return false;
	for (unsigned i = 0; i < r->n_outputs; i++) {
		if (!is_open_for(control_iface_named(c, r->outputs[i].interface), false))
			return false;
	}
	return true;
}

void control_rule_added(struct control *c, const struct ruleset_entry *e)
{
	const bool publish = c->rec.publish;
	struct rec_iface *in;

	if (c->dirty || e->rule.disabled || !fits_in(c, &e->rule) || control_resolve(c, e) < 0) {
		control_rules_changed(c);
		return;
	}
	c->rec.publish = publish; /* its egress sockets are new, but it is itself */
	in = &c->rec.iface[c->resolved.rule[e->slot].in_slot];
	if (control_filter_add(in, &e->rule.input) < 0)
		control_rules_changed(c);
	control_rule_note(c, e->slot);
}

/* --- a rule goes --- */

static void leave_input(struct control *c, const struct ruleset_entry *e)
{
	struct control_rule_changes *ch = &c->changes;
	const uint32_t slot = c->resolved.rule[e->slot].in_slot;
	struct rec_iface *in;
	struct ipc_join key;
	struct control_join *join;

	if (slot == MCR_NO_SLOT)
		return;
	in = &c->rec.iface[slot];
	key = control_join_key(in->ifindex, &e->rule.input);
	join = control_join_find(&c->rec.joins, &key);
	control_filter_remove(in, &e->rule.input);
	if (!join || !join->users || !in->inputs || --in->inputs == 0 ||
	    ch->n_left == RULE_CHANGES_MAX) {
		control_rules_changed(c);
		return;
	}
	if (--join->users == 0)
		ch->left[ch->n_left++] = key;
}

/* @slot: of its interface */
static void release_output(struct control *c, uint32_t slot, const struct rule *r, unsigned i)
{
	struct rec_iface *out = slot == MCR_NO_SLOT ? NULL : &c->rec.iface[slot];
	struct reach_key key;

	if (!out)
		return;
	control_kernel_fit_release(c, out, r, &r->outputs[i]);
	if (control_output_dest(out, &r->outputs[i], &key))
		reach_release(&c->reach, &key);
	if (!out->outputs || --out->outputs == 0)
		control_rules_changed(c);
}

static void leave_output(struct control *c, const struct ruleset_entry *e, unsigned i)
{
	struct control_rule_changes *ch = &c->changes;
	const uint32_t slot = c->resolved.out_slot[e->output_slots[i]];
	const uint32_t id = control_egress_socket_leave(c, e->output_slots[i]);

	if (ch->n_closed == RULE_CHANGES_MAX)
		control_rules_changed(c);
	else if (id)
		ch->closed[ch->n_closed++] = id - 1;
	release_output(c, slot, &e->rule, i);
}

void control_rule_removed(struct control *c, const struct ruleset_entry *e)
{
	if (c->dirty || !control_is_resolved(c, e)) {
		control_rules_changed(c);
		return;
	}
	leave_input(c, e);
	for (unsigned i = 0; i < e->rule.n_outputs; i++)
		leave_output(c, e, i);
	c->resolved.rule[e->slot] = (struct resolved_rule){0};
	control_rule_note(c, e->slot);
}

/* --- a rule is replaced --- */

void control_rule_remember(const struct control *c, const struct rule *r, struct rule_before *b)
{
	const struct ruleset_entry *e = ruleset_find_id(c->rules, r->id);

	*b = (struct rule_before){0};
	if (!e)
		e = ruleset_find_input(c->rules, &r->input);
	if (!e || rule_copy(&b->entry.rule, &e->rule) < 0)
		return;
	b->entry.slot = e->slot;
	b->entry.incarnation = e->incarnation;
	b->entry.output_slots = calloc(e->rule.n_outputs, sizeof(*e->output_slots));
	if (!b->entry.output_slots)
		return;
	memcpy(b->entry.output_slots, e->output_slots,
	       e->rule.n_outputs * sizeof(*e->output_slots));
	b->there = true;
}

void control_rule_forget(struct rule_before *b)
{
	rule_fini(&b->entry.rule);
	free(b->entry.output_slots);
	*b = (struct rule_before){0};
}

/* Counts the needs of its outputs once more, so that nothing is given up meanwhile. */
static int keep_output(struct control *c, const struct ruleset_entry *e, unsigned i)
{
	const uint32_t slot = c->resolved.out_slot[e->output_slots[i]];
	struct rec_iface *out = slot == MCR_NO_SLOT ? NULL : &c->rec.iface[slot];
	struct reach_key key;

	if (!out)
		return 0;
	out->outputs++;
	if (control_output_dest(out, &e->rule.outputs[i], &key) &&
	    reach_need(&c->reach, &key, out->arp) < 0)
		return -ENOMEM;
	return control_kernel_fit_need(c, out, &e->rule, &e->rule.outputs[i]);
}

static bool is_change_of_outputs(const struct control *c, const struct rule_before *b,
				 const struct ruleset_entry *e)
{
	return b->there && b->entry.slot == e->slot && control_is_resolved(c, &b->entry) &&
	       c->resolved.rule[e->slot].in_slot != MCR_NO_SLOT &&
	       rule_same_input(&b->entry.rule.input, &e->rule.input) && !b->entry.rule.disabled &&
	       !e->rule.disabled && fits_in(c, &b->entry.rule) && fits_in(c, &e->rule);
}

void control_rule_replaced(struct control *c, const struct rule_before *b,
			   const struct ruleset_entry *e)
{
	const bool publish = c->rec.publish;
	uint32_t slots[MCR_MAX_RULE_OUTPUTS];
	int ret = 0;

	if (c->dirty || !is_change_of_outputs(c, b, e)) {
		control_rules_changed(c);
		return;
	}
	for (unsigned i = 0; i < b->entry.rule.n_outputs; i++) {
		slots[i] = c->resolved.out_slot[b->entry.output_slots[i]];
		ret = ret < 0 ? ret : keep_output(c, &b->entry, i);
	}
	for (unsigned i = 0; i < b->entry.rule.n_outputs; i++)
		leave_output(c, &b->entry, i);
	ret = ret < 0 ? ret : control_resolve_outputs(c, e);
	for (unsigned i = 0; i < b->entry.rule.n_outputs; i++)
		release_output(c, slots[i], &b->entry.rule, i);
	c->rec.publish = c->dirty || publish;
	if (ret < 0)
		control_rules_changed(c);
	control_rule_note(c, e->slot);
}

/* --- holds --- */

void control_holds_changed(struct control *c)
{
	c->changes.holds = true;
}

static void find_holds(struct control *c)
{
	for (size_t i = 0; i < ruleset_count(c->rules) && !c->dirty; i++) {
		const struct ruleset_entry *e = ruleset_at(c->rules, i);

		if (c->resolved.rule[e->slot].asks && control_outputs_held_otherwise(c, e))
			control_rule_note(c, e->slot);
	}
}

/* --- the steps --- */

bool control_rule_changes_due(const struct control *c)
{
	return c->changes.n_slots || c->changes.holds;
}

/* A circle may have ended with a rule. */
static bool concerns_others(struct control *c)
{
	control_loop_update(c);
	return c->dirty || c->rec.publish || c->loop.n_circles;
}

static void open_egress_sockets(struct control *c, uint64_t now_ns)
{
	const struct control_rule_changes *ch = &c->changes;

	for (unsigned i = 0; i < ch->n_slots; i++) {
		const struct ruleset_entry *e = c->resolved.rule[ch->slots[i]].entry;

		for (unsigned k = 0; e && k < e->rule.n_outputs; k++) {
			const uint32_t id = c->egress_sockets.of[e->output_slots[k]];

			if (id)
				control_egress_socket_open(c, id - 1, now_ns);
		}
	}
}

static void join_and_leave(struct control *c)
{
	const struct control_rule_changes *ch = &c->changes;

	for (unsigned i = 0; i < ch->n_slots; i++) {
		const struct resolved_rule *v = &c->resolved.rule[ch->slots[i]];

		if (v->entry && v->in_slot != MCR_NO_SLOT)
			control_membership_join(c, c->rec.iface[v->in_slot].ifindex,
						&v->entry->rule.input);
	}
	for (unsigned i = 0; i < ch->n_left; i++)
		control_membership_leave(c, &ch->left[i]);
	/* Sockets that became free are for outputs that share one: a full run gives them. */
	for (unsigned i = 0; i < ch->n_closed; i++) {
		if (control_egress_socket_close(c, ch->closed[i]))
			control_retry_later(c);
	}
}

/* The last step: what it notes is for the next round. */
static void update_kernel_path(struct control *c, uint64_t now_ns)
{
	const struct control_rule_changes done = c->changes;

	c->changes.n_slots = c->changes.n_left = c->changes.n_closed = 0;
	c->changes.holds = false;
	/* A source address may have become known, which any rule can have waited for. */
	if (done.holds)
		control_kernel_path_update(c, now_ns);
	else
		control_kernel_path_update_slots(c, done.slots, done.n_slots, now_ns);
}

int control_rule_changes(struct control *c, uint64_t now_ns)
{
	struct control_rule_changes *ch = &c->changes;
	int ret = 0;

	/* An error of the socket shows at the next read. */
	reach_ask(&c->reach, now_ns);
	if (ch->holds) {
		reach_acted(&c->reach);
		find_holds(c);
	}
	if (concerns_others(c)) {
		control_rules_changed(c);
		return 0;
	}
	open_egress_sockets(c, now_ns);
	if (ch->n_slots)
		ret = control_publish_slots(c, ch->slots, ch->n_slots, now_ns);
	if (ret == 0)
		ret = control_filter_send(c);
	if (ret < 0) {
		control_rules_changed(c);
		return ret;
	}
	join_and_leave(c);
	update_kernel_path(c, now_ns);
	return 0;
}
