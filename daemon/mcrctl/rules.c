// SPDX-License-Identifier: MIT
/* rules.c - mcrctl remove, output, rename, enable, disable and sync */
#include "daemon/mcrctl/rules.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "core/text/request.h"
#include "daemon/mcrctl/args.h"
#include "daemon/mcrctl/connect.h"
#include "daemon/mcrctl/output_text.h"
#include "daemon/mcrctl/result.h"

const struct ctl_option ctl_remove_options[] = {
	{"--rule-id", "ID", false, "the rule with this id"},
	{"--name", "NAME", false, "the rule with this name"},
	{NULL},
};

static void print_removed(const struct ctl *ctl, const cJSON *result)
{
	printf("rule %s removed\n", ctl_text(result, "rule_id"));
	ctl_print_applied(result);
}

/* An id goes before a name. */
static enum ctl_status remove_named(const struct ctl *ctl, const char *rule)
{
	cJSON *params = cJSON_CreateObject();
	struct ctl_reply reply;
	enum ctl_status ret;

	cJSON_AddStringToObject(params, "rule_id", rule);
	ret = ctl_call(ctl, "RemoveRule", params, &reply);
	if (ret == CTL_REFUSED && reply.code == RPC_NOT_FOUND) {
		ctl_reply_fini(&reply);
		params = cJSON_CreateObject();
		cJSON_AddStringToObject(params, "name", rule);
		ret = ctl_call(ctl, "RemoveRuleByName", params, &reply);
	}
	ctl_report(ctl, ret, &reply, print_removed);
	ctl_reply_fini(&reply);
	return ret;
}

enum ctl_status ctl_remove(const struct ctl *ctl)
{
	const char *id = ctl_value(ctl, "--rule-id"), *name = ctl_value(ctl, "--name");
	cJSON *params;

	if (!id + !name + !ctl->operands[0] != 2)
		return ctl_usage_error(ctl, "remove",
				       "needs a rule, or --rule-id, or --name, and only one");
	if (ctl->operands[0])
		return remove_named(ctl, ctl->operands[0]);
	params = cJSON_CreateObject();
	cJSON_AddStringToObject(params, id ? "rule_id" : "name", id ? id : name);
	return ctl_run(ctl, id ? "RemoveRule" : "RemoveRuleByName", params, print_removed);
}

const char ctl_rule_notes[] = "RULE is its id or its name.  No counter begins at zero.\n";
const char ctl_output_notes[] =
	"RULE is its id or its name, OUTPUT is A:P:IF, and behind it any of :ttl=N|decrement,\n"
	":source=A, :sport=P, :dscp=N.  Other outputs lose nothing, and count on.\n";

static void print_changed(const struct ctl *ctl, const cJSON *result)
{
	const char *outcome = ctl_text(result, "result");

	printf("rule %s %s, %s\n", ctl_text(result, "rule_id"),
	       strcmp(outcome, "replaced") == 0 ? "changed" : outcome, ctl_text(result, "state"));
	ctl_print_applied(result);
}

static cJSON *params_of_rule(const struct ctl *ctl)
{
	cJSON *params = cJSON_CreateObject();

	cJSON_AddStringToObject(params, "rule", ctl->operands[0]);
	return params;
}

static enum ctl_status change_output(const struct ctl *ctl, const char *method)
{
	cJSON *params = params_of_rule(ctl);

	if (output_from_text(cJSON_AddObjectToObject(params, "output"), ctl, "OUTPUT",
			     ctl->operands[1]))
		return ctl_run(ctl, method, params, print_changed);
	cJSON_Delete(params);
	return CTL_USAGE;
}

enum ctl_status ctl_output_add(const struct ctl *ctl)
{
	return change_output(ctl, "AddOutput");
}

enum ctl_status ctl_output_set(const struct ctl *ctl)
{
	return change_output(ctl, "SetOutput");
}

enum ctl_status ctl_output_remove(const struct ctl *ctl)
{
	return change_output(ctl, "RemoveOutput");
}

enum ctl_status ctl_rename(const struct ctl *ctl)
{
	cJSON *params = params_of_rule(ctl);

	cJSON_AddStringToObject(params, "name", ctl->operands[1]);
	return ctl_run(ctl, "RenameRule", params, print_changed);
}

enum ctl_status ctl_enable(const struct ctl *ctl)
{
	return ctl_run(ctl, "EnableRule", params_of_rule(ctl), print_changed);
}

enum ctl_status ctl_disable(const struct ctl *ctl)
{
	return ctl_run(ctl, "DisableRule", params_of_rule(ctl), print_changed);
}

static void print_published(const struct ctl *ctl, const cJSON *result)
{
	printf("%.0f rules published again\n", ctl_number(result, "rules"));
	ctl_print_applied(result);
}

enum ctl_status ctl_sync(const struct ctl *ctl)
{
	return ctl_run(ctl, "SyncRules", NULL, print_published);
}
