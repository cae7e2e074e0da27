// SPDX-License-Identifier: MIT
/*
 * method_change.c - AddOutput, RemoveOutput, SetOutput, RenameRule, EnableRule, DisableRule
 *
 * Each puts a copy of the rule with one difference in the place of the rule.  The rule set sees
 * to it that what is the same keeps its slots and incarnations (ruleset_add()).
 */
#include "daemon/control/method_change.h"

#include <stdlib.h>
#include <string.h>

#include "core/rules/ruleset.h"
#include "core/rules/ruleset_index.h"
#include "daemon/control/call.h"
#include "daemon/control/method_rule.h"
#include "daemon/control/state.h"

/* A rule by its id, else by its name.  Return: false, and it was refused. */
static bool find_rule(struct call *call, const struct rule **r)
{
	const char *text = call->req.change.rule;
	const struct ruleset_entry *e = ruleset_find(call->c->rules, text);

	if (!e) {
		call_refuse(call, RPC_NOT_FOUND, "params.rule", "no rule has the id or name %s",
			    text);
		return false;
	}
	*r = &e->rule;
	return true;
}

/* The place of the output that the request names.  Return: false, and it was refused. */
static bool find_output(struct call *call, const struct rule *r, int *at)
{
	const struct rule_output *o = &call->req.change.output;
	char text[ADDR_TEXT_MAX];

	*at = rule_find_output(r, o);
	if (*at < 0)
		call_refuse(call, RPC_NOT_FOUND, "params.output", "rule %s has no output %s:%u:%s",
			    r->id, addr_format(&o->group, text), o->port, o->interface);
	return *at >= 0;
}

void method_add_output(struct call *call)
{
	struct rule want;
	const struct rule *r;

	if (!find_rule(call, &r))
		return;
	want = *r;
	if (r->n_outputs == MCR_MAX_RULE_OUTPUTS) {
		call_refuse(call, RPC_LIMIT, "params.output", "rule %s has %u outputs, the most",
			    r->id, r->n_outputs);
		return;
	}
	want.outputs = calloc(r->n_outputs + 1, sizeof(*want.outputs));
	if (!want.outputs) {
		call_refuse(call, RPC_INTERNAL_ERROR, "", "out of memory");
		return;
	}
	memcpy(want.outputs, r->outputs, r->n_outputs * sizeof(*want.outputs));
	want.outputs[want.n_outputs++] = call->req.change.output;
	method_put_rule(call, &want, true, (int)r->n_outputs);
	free(want.outputs);
}

/*
 * @want: filled: a copy of the rule that is to change, with its outputs in @outputs
 * @at:   filled: the place of the output that the request names
 *
 * Return: false: the call has been refused.
 */
static bool copy_rule_with(struct call *call, struct rule_output *outputs, struct rule *want,
			   int *at)
{
	const struct rule *r;

	if (!find_rule(call, &r) || !find_output(call, r, at))
		return false;
	*want = *r;
	want->outputs = outputs;
	memcpy(outputs, r->outputs, r->n_outputs * sizeof(*outputs));
	return true;
}

void method_remove_output(struct call *call)
{
	struct rule_output outputs[MCR_MAX_RULE_OUTPUTS];
	struct rule want;
	int at;

	if (!copy_rule_with(call, outputs, &want, &at))
		return;
	if (want.n_outputs == 1) {
		call_refuse(call, RPC_CONFLICT, "params.output",
			    "it is the only output of rule %s: disable or remove the rule",
			    want.id);
		return;
	}
	want.n_outputs--;
	memmove(&outputs[at], &outputs[at + 1],
		(want.n_outputs - (unsigned)at) * sizeof(outputs[0]));
	method_put_rule(call, &want, true, -1);
}

void method_set_output(struct call *call)
{
	struct rule_output outputs[MCR_MAX_RULE_OUTPUTS];
	struct rule want;
	int at;

	if (!copy_rule_with(call, outputs, &want, &at))
		return;
	outputs[at] = call->req.change.output;
	method_put_rule(call, &want, true, at);
}

void method_rename_rule(struct call *call)
{
	const struct rule *r;
	struct rule want;

	if (!find_rule(call, &r))
		return;
	want = *r;
	memcpy(want.name, call->req.change.name, sizeof(want.name));
	method_put_rule(call, &want, true, -1);
}

static void set_disabled(struct call *call, bool disabled)
{
	const struct rule *r;
	struct rule want;

	if (!find_rule(call, &r))
		return;
	want = *r;
	want.disabled = disabled;
	method_put_rule(call, &want, true, -1);
}

void method_enable_rule(struct call *call)
{
	set_disabled(call, false);
}

void method_disable_rule(struct call *call)
{
	set_disabled(call, true);
}
