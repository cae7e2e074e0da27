// SPDX-License-Identifier: MIT
/* rules.c - mcrctl remove and sync */
#include "daemon/mcrctl/rules.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#include "daemon/mcrctl/args.h"
#include "daemon/mcrctl/connect.h"
#include "daemon/mcrctl/result.h"

const struct ctl_option ctl_remove_options[] = {
	{"--rule-id", "ID", false, "the rule with this id"},
	{"--name", "NAME", false, "the rule with this name"},
	{NULL},
};

static void print_removed(const cJSON *result)
{
	printf("rule %s removed\n", ctl_text(result, "rule_id"));
	ctl_print_applied(result);
}

enum ctl_status ctl_remove(const struct ctl *ctl)
{
	const char *id = ctl_value(ctl, "--rule-id"), *name = ctl_value(ctl, "--name");
	cJSON *params;

	if (!id == !name)
		return ctl_usage_error(ctl, "remove", "needs --rule-id or --name, and not both");
	params = cJSON_CreateObject();
	cJSON_AddStringToObject(params, id ? "rule_id" : "name", id ? id : name);
	return ctl_run(ctl, id ? "RemoveRule" : "RemoveRuleByName", params, print_removed);
}

static void print_published(const cJSON *result)
{
	printf("%.0f rules published again\n", ctl_number(result, "rules"));
	ctl_print_applied(result);
}

enum ctl_status ctl_sync(const struct ctl *ctl)
{
	return ctl_run(ctl, "SyncRules", NULL, print_published);
}
