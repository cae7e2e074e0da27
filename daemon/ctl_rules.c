// SPDX-License-Identifier: MIT
/* ctl_rules.c - mcrctl remove, list and sync */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "daemon/ctl.h"
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

static void input_cell(struct table *t, const cJSON *input)
{
	const char *source = ctl_text(input, "source");

	table_cell(t, "%s:%.0f %s%s%s", ctl_text(input, "group"), ctl_number(input, "port"),
		   ctl_text(input, "interface"), source[0] ? " from " : "", source);
}

static void output_cells(struct table *t, const cJSON *output)
{
	const char *source = ctl_text(output, "source_ip");
	double dscp = ctl_number(output, "dscp");
	char dscp_text[32] = "";

	if (dscp != 0)
		snprintf(dscp_text, sizeof(dscp_text), " dscp %.0f", dscp);
	table_cell(t, "%s:%.0f %s%s%s%s", ctl_text(output, "group"), ctl_number(output, "port"),
		   ctl_text(output, "interface"), source[0] ? " as " : "", source, dscp_text);
	table_cell(t, "%.0f%s", ctl_number(output, "ttl"),
		   cJSON_IsTrue(ctl_member(output, "ttl_default")) ? " (default)" : "");
	table_cell(t, "%.0f", ctl_number(output, "matched"));
	table_cell(t, "%.0f", ctl_number(output, "sent"));
}

/* One row per output; the rule's own columns only in the first. */
static void rule_rows(struct table *t, const cJSON *rule)
{
	const char *id = ctl_text(rule, "rule_id");
	const cJSON *output;
	char drops[CTL_LIST_MAX];
	bool first = true;

	cJSON_ArrayForEach(output, ctl_member(rule, "outputs")) {
		table_cell(t, "%s", first ? id[0] ? id : ctl_text(rule, "id") : "");
		table_cell(t, "%s", first ? ctl_text(rule, "name") : "");
		table_cell(t, "%s%s", first ? ctl_text(rule, "state") : "",
			   first && cJSON_GetArraySize(ctl_member(rule, "pending")) > 0
				   ? ", worker away"
				   : "");
		if (first)
			input_cell(t, ctl_member(rule, "input"));
		else
			table_cell(t, "%s", "");
		output_cells(t, output);
		table_cell(t, "%s", ctl_nonzero(ctl_member(output, "send_drops"), drops));
		table_end_row(t);
		first = false;
	}
}

static void print_list(const cJSON *result)
{
	static const char *const headers[] = {"ID",  "NAME",     "STATE", "INPUT",     "OUTPUT",
					      "TTL", ">MATCHED", ">SENT", "SEND DROPS"};
	const cJSON *rule;
	struct table t;

	table_init(&t, headers, sizeof(headers) / sizeof(headers[0]));
	cJSON_ArrayForEach(rule, ctl_member(result, "rules"))
		rule_rows(&t, rule);
	table_print(&t, "no rules");
}

enum ctl_status ctl_list(const struct ctl *ctl)
{
	return ctl_run(ctl, "ListRules", NULL, print_list);
}
