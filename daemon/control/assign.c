// SPDX-License-Identifier: MIT
/* assign.c - masks of workers, states with their reasons, warnings */
#include "daemon/control/assign.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/rules/ruleset_index.h"
#include "core/rules/steer.h"
#include "daemon/control/iface.h"
#include "daemon/control/join.h"
#include "daemon/control/netif.h"
#include "daemon/control/output.h"
#include "daemon/control/state.h"

/* The k-th set bit of a mask, from the lowest. */
static uint64_t nth_bit(uint64_t mask, unsigned k)
{
	while (k--)
		mask &= mask - 1;
	return mask & -mask;
}

static uint64_t steered_to(const struct rule *r, enum steering steering, uint64_t mask)
{
	if (steering == STEER_CPU)
		return mask;
	return nth_bit(mask, steer_worker(ntohl(addr_ipv4_be(&r->input.group)), r->input.port,
					  (unsigned)__builtin_popcountll(mask)));
}

/* A stand-in has the rules of its worker, beside that worker itself. */
static uint64_t with_stand_ins(const struct control *c, uint64_t mask)
{
	uint64_t all = mask;

	for (; mask; mask &= mask - 1)
		all |= c->worker[__builtin_ctzll(mask)].lent_to;
	return all;
}

uint64_t control_rule_workers_on(const struct control *c, const struct rule *r,
				 const struct rec_iface *in)
{
	uint64_t mask;

	/* Without its interface a rule has no steering yet: any worker may hold it. */
	if (!in)
		return worker_mask_all(c->workers);
	mask = steered_to(r, in->steering, in->workers);
	if (in->handover_ns)
		mask |= steered_to(r, (enum steering)in->before.steering, in->before.worker_mask);
	return with_stand_ins(c, mask);
}

uint64_t control_rule_workers(const struct control *c, const struct rule *r)
{
	return control_rule_workers_on(c, r, control_iface_named(c, r->input.interface));
}

static enum rule_state with_reason(enum rule_state state, char *reason, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static enum rule_state with_reason(enum rule_state state, char *reason, const char *fmt, ...)
{
	va_list ap;

	if (reason) {
		va_start(ap, fmt);
		vsnprintf(reason, REASON_MAX, fmt, ap);
		va_end(ap);
	}
	return state;
}

static enum rule_state input_state(const struct control *c, const struct rule *r,
				   const struct rec_iface *f, char *reason)
{
	const struct control_join *e;
	char text[ADDR_TEXT_MAX];
	struct ipc_join key;

	if (!f)
		return with_reason(RULE_UNRESOLVED, reason, "input interface %s does not exist",
				   r->input.interface);
	if (!f->up)
		return with_reason(RULE_PAUSED, reason, "%s is down", f->name);
	if (f->in_error)
		return with_reason(RULE_FAILED, reason, "input interface %s cannot be opened: %s",
				   f->name, strerror(-f->in_error));
	if (f->filter_error)
		return with_reason(RULE_FAILED, reason, "the filter of %s cannot be set: %s",
				   f->name, strerror(-f->filter_error));
	key = control_join_key(f->ifindex, &r->input);
	e = control_join_find(&c->rec.joins, &key);
	if (e && e->error)
		return with_reason(RULE_FAILED, reason, "%s %s on %s: %s",
				   e->entry.bind ? "cannot bind" : "cannot join",
				   addr_format(&r->input.group, text), f->name,
				   strerror(-e->error));
	return with_reason(RULE_ACTIVE, reason, "%s", "");
}

static enum rule_state of_outputs(enum output_state best)
{
	switch (best) {
	case OUTPUT_ACTIVE:
		return RULE_ACTIVE;
	case OUTPUT_UNREACHABLE:
		return RULE_UNREACHABLE;
	case OUTPUT_FAILED:
		return RULE_FAILED;
	case OUTPUT_PAUSED:
		return RULE_PAUSED;
	case OUTPUT_UNRESOLVED:
	case OUTPUT_STATES:
		break;
	}
	return RULE_UNRESOLVED;
}

static bool is_stopped(enum rule_state input)
{
	return input == RULE_PAUSED || input == RULE_UNRESOLVED || input == RULE_FAILED ||
	       input == RULE_DISABLED;
}

enum rule_state control_rule_state_from(const struct control *c, const struct rule *r,
					const struct rec_iface *in,
					const struct output_status *outputs)
{
	const enum rule_state input = r->disabled ? RULE_DISABLED : input_state(c, r, in, NULL);
	enum output_state best = OUTPUT_STATES;
	unsigned active = 0;

	if (is_stopped(input))
		return input;
	for (unsigned i = 0; i < r->n_outputs; i++) {
		active += outputs[i].state == OUTPUT_ACTIVE;
		if (outputs[i].state < best)
			best = outputs[i].state;
	}
	return active && active < r->n_outputs ? RULE_DEGRADED : of_outputs(best);
}

enum rule_state control_rule_state(const struct control *c, const struct rule *r, char *reason)
{
	enum rule_state state =
		r->disabled ? with_reason(RULE_DISABLED, reason, "%s", "")
			    : input_state(c, r, control_iface_named(c, r->input.interface), reason);
	enum output_state best = OUTPUT_STATES;
	const struct rule_output *first = NULL;
	char why[REASON_MAX];
	unsigned active = 0;

	if (is_stopped(state))
		return state;
	for (unsigned i = 0; i < r->n_outputs; i++) {
		const enum output_state s = control_output_status(c, &r->outputs[i], NULL).state;

		active += s == OUTPUT_ACTIVE;
		/* The reason is that of the best, and of several the first. */
		if (s != OUTPUT_ACTIVE && (!first || (best != OUTPUT_ACTIVE && s < best)))
			first = &r->outputs[i];
		if (s < best)
			best = s;
	}
	state = active && active < r->n_outputs ? RULE_DEGRADED : of_outputs(best);
	if (!first || !reason)
		return state;
	control_output_status(c, first, why);
	if (r->n_outputs > 1)
		return with_reason(state, reason, "%u of %u outputs: %.200s", r->n_outputs - active,
				   r->n_outputs, why);
	return with_reason(state, reason, "%.240s", why);
}

/* Where warnings go; @on: the receiver wants more. */
struct warner {
	control_warn_fn *fn;
	void *ctx;
	bool on;
};

static void warn(struct warner *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void warn(struct warner *w, const char *fmt, ...)
{
	char text[REASON_MAX];
	va_list ap;

	if (!w->on)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	w->on = w->fn(w->ctx, text);
}

/* Two names of one interface make two inputs for the rule set, and one for the worker. */
static void warn_other_name(const struct control *c, const struct rule *r,
			    const struct rec_iface *f, struct warner *w)
{
	struct rule_input in = r->input;

	for (unsigned i = 0; i <= NETIF_ALT_NAMES; i++) {
		const char *name = i == NETIF_ALT_NAMES ? f->name : f->alt[i];
		const struct ruleset_entry *e;

		if (!name[0] || !strcmp(name, r->input.interface))
			continue;
		memcpy(in.interface, name, sizeof(in.interface));
		e = ruleset_find_input(c->rules, &in);
		if (e)
			warn(w, "%s and %s are one interface: rule %s takes the same input",
			     r->input.interface, name, e->rule.id);
	}
}

static void warn_input(const struct control *c, const struct rule *r, struct warner *w)
{
	const struct rec_iface *f = control_iface_named(c, r->input.interface);
	char text[ADDR_TEXT_MAX];
	bool found;

	addr_format(&r->input.group, text);
	if (addr_is_source_specific(&r->input.group) && !addr_is_set(&r->input.source))
		warn(w,
		     "%s is of the source-specific range 232.0.0.0/8: routers ignore a join "
		     "without a source (RFC 4607)",
		     text);
	if (!f)
		return;
	if (f->gro_refused)
		warn(w, "GRO could not be switched on for %s", f->name);
	warn_other_name(c, r, f, w);
	control_iface_workers(c, f->name, &found);
	if (!found)
		warn(w, "no worker runs on a CPU that %s is pinned to: all workers serve it",
		     f->name);
	if (!addr_is_multicast(&r->input.group) &&
	    !control_netif_has_addr(&c->netif, 0, &r->input.group))
		warn(w, "%s is not an address of this host", text);
}

void control_rule_warnings(const struct control *c, const struct rule *r, bool states,
			   control_warn_fn *fn, void *ctx)
{
	struct warner w = {.fn = fn, .ctx = ctx, .on = !r->disabled};
	char text[REASON_MAX];

	/* Down is no more than a state: it will come up.  All else needs somebody to act. */
	if (states) {
		const enum rule_state s =
			input_state(c, r, control_iface_named(c, r->input.interface), text);

		if (s != RULE_ACTIVE && s != RULE_PAUSED)
			warn(&w, "%s", text);
	}
	warn_input(c, r, &w);
	for (unsigned i = 0; i < r->n_outputs && w.on; i++) {
		const struct rule_output *o = &r->outputs[i];
		const enum output_state s = control_output_status(c, o, text).state;

		if (states && s != OUTPUT_ACTIVE && s != OUTPUT_PAUSED)
			warn(&w, "%s", text);
		if (control_output_warning(c, o, text))
			warn(&w, "%s", text);
	}
}
