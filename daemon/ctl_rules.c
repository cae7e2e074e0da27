// SPDX-License-Identifier: MIT
/* ctl_rules.c - mcrctl remove, list and sync */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "daemon/ctl.h"
#include "daemon/ctl_columns.h"
#include "daemon/ctl_table.h"

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

/* The id that was given to the rule, or else the one it got. */
static void cell_id(struct table *t, const cJSON *rule, const char *member)
{
	const char *id = ctl_text(rule, member);

	table_cell(t, "%s", id[0] ? id : ctl_text(rule, "id"));
}

static void cell_state(struct table *t, const cJSON *rule, const char *member)
{
	table_cell(t, "%s%s", ctl_text(rule, member),
		   cJSON_GetArraySize(ctl_member(rule, "pending")) > 0 ? ", worker away" : "");
}

static void cell_input(struct table *t, const cJSON *rule, const char *member)
{
	const cJSON *input = ctl_member(rule, member);
	const char *source = ctl_text(input, "source");

	table_cell(t, "%s:%.0f %s%s%s", ctl_text(input, "group"), ctl_number(input, "port"),
		   ctl_text(input, "interface"), source[0] ? " from " : "", source);
}

static void cell_output(struct table *t, const cJSON *output, const char *member)
{
	const char *source = ctl_text(output, "source_ip");
	double dscp = ctl_number(output, "dscp");
	char dscp_text[32] = "";

	if (dscp != 0)
		snprintf(dscp_text, sizeof(dscp_text), " dscp %.0f", dscp);
	table_cell(t, "%s:%.0f %s%s%s%s", ctl_text(output, member), ctl_number(output, "port"),
		   ctl_text(output, "interface"), source[0] ? " as " : "", source, dscp_text);
}

static void cell_ttl(struct table *t, const cJSON *output, const char *member)
{
	table_cell(t, "%.0f%s", ctl_number(output, member),
		   cJSON_IsTrue(ctl_member(output, "ttl_default")) ? " (default)" : "");
}

static void print_list(const cJSON *result)
{
	static const struct ctl_column of_rule[] = {
		{"ID", "rule_id", cell_id},
		{"NAME", "name", cell_text},
		{"STATE", "state", cell_state},
		{"INPUT", "input", cell_input},
		{NULL},
	};
	static const struct ctl_column of_output[] = {
		{"OUTPUT", "group", cell_output},           {"TTL", "ttl", cell_ttl},
		{">MATCHED", "matched", cell_number},       {">SENT", "sent", cell_number},
		{"SEND DROPS", "send_drops", cell_nonzero}, {NULL},
	};

	columns_print_outputs(ctl_member(result, "rules"), of_rule, of_output);
}

enum ctl_status ctl_list(const struct ctl *ctl)
{
	return ctl_run_pages(ctl, "ListRules", print_list);
}
