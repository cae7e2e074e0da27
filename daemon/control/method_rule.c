// SPDX-License-Identifier: MIT
/* method_rule.c - AddRule, RemoveRule, RemoveRuleByName, SyncRules, ListRules */
#include "daemon/control/method_rule.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/complaint.h"
#include "core/rules/ruleset.h"
#include "core/rules/ruleset_index.h"
#include "core/text/rule_json.h"
#include "daemon/common/log.h"
#include "daemon/control/assign.h"
#include "daemon/control/call.h"
#include "daemon/control/change.h"
#include "daemon/control/egress_socket.h"
#include "daemon/control/kernel_fit.h"
#include "daemon/control/kernel_path.h"
#include "daemon/control/loop.h"
#include "daemon/control/output.h"
#include "daemon/control/page.h"
#include "daemon/control/reconcile.h"
#include "daemon/control/result.h"
#include "daemon/control/rule_change.h"
#include "daemon/control/state.h"
#include "daemon/control/stats.h"
#include "daemon/control/wait.h"
#include "daemon/control/wiring.h"

/* --- ListRules --- */

static void show_path(const struct ruleset_entry *e, enum kernel_path_reason why, cJSON *o)
{
	cJSON_AddStringToObject(o, "path", why == KERNEL_PATH_FITS ? "kernel" : "user");
	cJSON_AddStringToObject(
		o, "path_reason",
		kernel_path_is_no_news(&e->rule, why) ? "" : kernel_path_reason_text(why));
}

static void show_rule_outputs(const struct control *c, const struct ruleset_entry *e, cJSON *json)
{
	cJSON *outputs = cJSON_GetObjectItemCaseSensitive(json, "outputs");
	enum kernel_path_reason path[MCR_MAX_RULE_OUTPUTS];
	cJSON *o = outputs ? outputs->child : NULL;

	control_kernel_path_reasons(c, e, path);
	for (unsigned i = 0; i < e->rule.n_outputs && o; i++, o = o->next) {
		const struct rule_output *out = &e->rule.outputs[i];
		struct egress_counters n;
		char reason[REASON_MAX];
		uint8_t kind;

		control_stats_output(c, e, i, &n);
		cJSON_AddStringToObject(
			o, "state", output_state_name(control_output_status(c, out, reason).state));
		cJSON_AddStringToObject(o, "reason", reason);
		cJSON_DeleteItemFromObjectCaseSensitive(o, "ttl");
		if (out->ttl_decrement)
			cJSON_AddStringToObject(o, "ttl", "decrement");
		else
			cJSON_AddNumberToObject(o, "ttl", rule_output_ttl(out));
		cJSON_AddBoolToObject(o, "ttl_default", out->ttl == 0 && !out->ttl_decrement);
		control_result_u64(o, "matched", n.matched);
		control_result_u64(o, "sent", n.sent);
		control_result_u64(o, "bytes", n.bytes);
		control_result_u64(o, "fragmented", n.fragmented);
		control_result_send_drops(o, &n, false);
		control_egress_socket_of(c, e->output_slots[i], &kind);
		cJSON_AddStringToObject(o, "socket", egress_socket_kind_name(kind));
		show_path(e, path[i], o);
	}
}

/* Workers that should serve the rule and do not run: an active rule may relay nothing. */
static void show_rule_pending(const struct control *c, uint64_t mask, cJSON *json)
{
	cJSON *pending = cJSON_AddArrayToObject(json, "pending");

	for (; mask; mask &= mask - 1) {
		const unsigned w = (unsigned)__builtin_ctzll(mask);
		cJSON *o;

		if (c->worker[w].running)
			continue;
		o = cJSON_CreateObject();
		cJSON_AddNumberToObject(o, "worker", w);
		cJSON_AddStringToObject(o, "reason", "worker not running");
		cJSON_AddItemToArray(pending, o);
	}
}

static cJSON *show_rule(const struct control *c, const struct ruleset_entry *e)
{
	cJSON *json = rule_to_json(&e->rule);
	uint64_t mask = control_rule_workers(c, &e->rule);
	cJSON *workers, *warnings;
	struct rule_counters n;
	char text[REASON_MAX];

	if (!json)
		return NULL;
	control_stats_rule(c, e, &n);
	cJSON_AddStringToObject(json, "rule_id", e->rule.id);
	cJSON_AddStringToObject(json, "state",
				rule_state_name(control_entry_state(c, e, monotonic_ns(), text)));
	cJSON_AddStringToObject(json, "reason", text);
	warnings = cJSON_AddArrayToObject(json, "warnings");
	control_rule_warnings(c, &e->rule, false, control_result_warning, warnings);
	if (n.fragments) {
		snprintf(text, sizeof(text),
			 "%llu IP fragments of its group have arrived on %s and were dropped: "
			 "\"defrag\": {\"%s\": true} has the kernel reassemble them",
			 (unsigned long long)n.fragments, e->rule.input.interface,
			 e->rule.input.interface);
		control_result_warning(warnings, text);
	}
	if (e->rule.consume)
		cJSON_AddStringToObject(
			json, "consume_reason",
			kernel_path_reason_text(control_kernel_fit_program(c, &e->rule)));
	show_rule_pending(c, mask, json);
	workers = cJSON_AddArrayToObject(json, "workers");
	for (; mask; mask &= mask - 1)
		cJSON_AddItemToArray(workers, cJSON_CreateNumber(__builtin_ctzll(mask)));
	control_result_u64(json, "matched", n.matched);
	control_result_u64(json, "bytes", n.bytes);
	show_rule_outputs(c, e, json);
	return json;
}

void method_list_rules(struct call *call)
{
	cJSON *result = cJSON_CreateObject();
	struct complaint cpl = {0};
	int error;

	control_result_u64(result, "generation", call->c->pub.generation);
	error = control_page_add(call->c, &call->req.page, show_rule, result, &cpl);
	call_finish_or_refuse(call, result, error, &cpl);
}

/* --- AddRule --- */

/* A receiver that is there answers within a millisecond or so, and then the rule is active. */
static bool add_is_settling(const struct control *c, const struct control_wait *w, uint64_t now_ns)
{
	const struct ruleset_entry *e = ruleset_find_id(c->rules, w->rule.id);

	return e && control_outputs_settling(c, e, now_ns);
}

/* Another client may have removed the rule meanwhile. */
static int add_result(const struct control *c, struct control_wait *w, uint64_t now_ns,
		      cJSON *result, struct complaint *cpl)
{
	const struct ruleset_entry *e = ruleset_find_id(c->rules, w->rule.id);
	char reason[REASON_MAX] = "the rule has been removed";
	enum rule_state state = RULE_UNRESOLVED;

	if (e)
		state = control_entry_state(c, e, now_ns, reason);
	cJSON_AddStringToObject(result, "rule_id", w->rule.id);
	cJSON_AddStringToObject(result, "result", w->rule.outcome);
	cJSON_AddStringToObject(result, "state", rule_state_name(state));
	cJSON_AddStringToObject(result, "reason", reason);
	control_wait_add_workers(c, w, result);
	if (e)
		control_rule_warnings(c, &e->rule, true, control_result_warning,
				      cJSON_AddArrayToObject(result, "warnings"));
	else
		cJSON_AddArrayToObject(result, "warnings");
	return 0;
}

static const struct wait_method wait_for_add = {
	.publishes = true,
	.is_settling = add_is_settling,
	.result = add_result,
};

/* The request has no list of outputs: "outputs[3].ttl" is its "output.ttl". */
static void name_output(struct complaint *cpl, int output)
{
	char prefix[24], field[COMPLAINT_FIELD_MAX];
	int len;

	if (output < 0)
		return;
	len = snprintf(prefix, sizeof(prefix), "outputs[%d]", output);
	if (strncmp(cpl->field, prefix, (size_t)len) != 0)
		return;
	snprintf(field, sizeof(field), "output%.100s", cpl->field + len);
	memcpy(cpl->field, field, sizeof(field));
}

/* Return: enum ruleset_result with the rule in the set; negative, and it was refused. */
static int put_rule(struct call *call, const struct rule *r, bool replace, int output,
		    const struct ruleset_entry **e)
{
	struct complaint cpl = {0};
	int ret = control_wiring_update(call->c, r, 1);

	if (ret == 0)
		ret = control_kernel_fit_refuse(call->c, r, &cpl);
	if (ret == 0)
		ret = control_check_outputs(call->c, r, &cpl);
	if (ret == 0)
		ret = ruleset_add(call->c->rules, r, replace, e, &cpl);
	if (ret == -EEXIST)
		call_offer_replace(&cpl, "puts the new rule in its place");
	if (ret < 0) {
		name_output(&cpl, output);
		call_refuse_rule(call, ret, "params", &cpl);
	}
	return ret;
}

void method_put_rule(struct call *call, const struct rule *r, bool replace, int output)
{
	static const char *const words[] = {
		[RULESET_UNCHANGED] = "unchanged",
		[RULESET_ADDED] = "added",
		[RULESET_REPLACED] = "replaced",
	};
	const struct ruleset_entry *e;
	struct control_wait *w;
	struct rule_before before;
	int ret;

	control_rule_remember(call->c, r, &before);
	ret = put_rule(call, r, replace, output, &e);
	if (ret == RULESET_ADDED)
		control_rule_added(call->c, e);
	else if (ret == RULESET_REPLACED)
		control_rule_replaced(call->c, &before, e);
	control_rule_forget(&before);
	if (ret < 0)
		return;
	if (ret != RULESET_UNCHANGED)
		log_burst(&call->c->log_changes, call->now_ns, SEV_INFO, FAC_RULE_DISPATCH,
			  "rule %s %s", e->rule.id, words[ret]);
	w = call_wait(call, &wait_for_add);
	if (!w)
		return;
	w->rule.outcome = words[ret];
	memcpy(w->rule.id, e->rule.id, sizeof(w->rule.id));
}

void method_add_rule(struct call *call)
{
	method_put_rule(call, &call->req.add_rule.rule, call->req.add_rule.replace, -1);
}

/* --- RemoveRule, RemoveRuleByName, SyncRules --- */

static int remove_result(const struct control *c, struct control_wait *w, uint64_t now_ns,
			 cJSON *result, struct complaint *cpl)
{
	cJSON_AddStringToObject(result, "rule_id", w->rule.id);
	control_wait_add_workers(c, w, result);
	return 0;
}

static const struct wait_method wait_for_remove = {.publishes = true, .result = remove_result};

static void remove_rule(struct call *call, const char *id)
{
	struct control_wait *w;
	char copy[MCR_ID_MAX];

	snprintf(copy, sizeof(copy), "%s", id);
	control_rule_removed(call->c, ruleset_find_id(call->c->rules, copy));
	ruleset_remove(call->c->rules, copy);
	log_burst(&call->c->log_changes, call->now_ns, SEV_INFO, FAC_RULE_DISPATCH,
		  "rule %s removed", copy);
	w = call_wait(call, &wait_for_remove);
	if (w)
		memcpy(w->rule.id, copy, sizeof(w->rule.id));
}

void method_remove_rule(struct call *call)
{
	const char *id = call->req.remove_rule.rule_id;

	if (!ruleset_find_id(call->c->rules, id))
		call_refuse(call, RPC_NOT_FOUND, "params.rule_id", "there is no rule %s", id);
	else
		remove_rule(call, id);
}

void method_remove_rule_by_name(struct call *call)
{
	const char *name = call->req.remove_rule_by_name.name;
	const struct ruleset_entry *e = ruleset_find_name(call->c->rules, name);

	if (!e)
		call_refuse(call, RPC_NOT_FOUND, "params.name", "there is no rule named \"%s\"",
			    name);
	else
		remove_rule(call, e->rule.id);
}

static int sync_result(const struct control *c, struct control_wait *w, uint64_t now_ns,
		       cJSON *result, struct complaint *cpl)
{
	control_wait_add_workers(c, w, result);
	control_result_u64(result, "rules", ruleset_count(c->rules));
	return 0;
}

static const struct wait_method wait_for_sync = {.publishes = true, .result = sync_result};

void method_sync_rules(struct call *call)
{
	control_verify(call->c);
	control_rules_republish(call->c);
	call_wait(call, &wait_for_sync);
}
