// SPDX-License-Identifier: MIT
/*
 * add.c - mcrctl add: options to a rule object
 *
 * Numbers and addresses are checked here, so that an error names its option.  Conflicts and loops
 * are checked by the daemon, which alone knows the other rules.
 */
#include "daemon/mcrctl/add.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/addr.h"
#include "core/base/decimal.h"
#include "core/rules/rule.h"
#include "core/text/json_field.h"
#include "daemon/mcrctl/args.h"
#include "daemon/mcrctl/connect.h"
#include "daemon/mcrctl/output_text.h"
#include "daemon/mcrctl/place.h"
#include "daemon/mcrctl/result.h"

const struct ctl_option ctl_add_options[] = {
	{"--input-interface", "IF", true, "interface on which the stream arrives"},
	{"--input-group", "A", true, "multicast group, or an address of this host"},
	{"--input-port", "P", true, "UDP destination port"},
	{"--outputs", "A:P:IF[,A:P:IF...]", true,
	 "where the copies go; each may end in :ttl=N|decrement, :source=A, :sport=P, :dscp=N; "
	 "may be repeated",
	 true},
	{"--input-source", "A", false, "only from this source (source-specific multicast)"},
	{"--rule-id", "ID", false, "id of the rule instead of a generated one"},
	{"--name", "NAME", false, "name of the rule"},
	{"--description", "TEXT", false, "what it is for"},
	{"--disabled", NULL, false, "it takes nothing until it is enabled"},
	{"--replace", NULL, false, "replace the rule with this id or input"},
	{"--limit-pps", "N", false, "at most N datagrams per second; 10k, 2M, 1G"},
	{"--limit-bps", "N", false, "at most N payload bits per second; 10k, 2M, 1G"},
	{"--priority", "LEVEL", false, "high, normal (default) or low"},
	{"--path", "PATH", false,
	 "auto, kernel or user: who relays (default: as mcrd was started)"},
	{"--consume", NULL, false, "spare this host's IP stack what the rule takes"},
	{NULL},
};

static bool add_output(cJSON *array, const struct ctl *ctl, const char *text)
{
	cJSON *o = cJSON_CreateObject();

	return cJSON_AddItemToArray(array, o) && output_from_text(o, ctl, "--outputs", text);
}

/* @list: one value of the option */
static bool add_list(cJSON *array, const struct ctl *ctl, const char *list)
{
	char *copy = strdup(list), *rest = copy;
	const char *output;
	bool ok = copy != NULL;

	while (ok && (output = strsep(&rest, ",")))
		ok = add_output(array, ctl, output);
	free(copy);
	return ok;
}

static bool add_outputs(cJSON *rule, const struct ctl *ctl)
{
	cJSON *array = cJSON_AddArrayToObject(rule, "outputs");
	bool ok = add_list(array, ctl, ctl_value(ctl, "--outputs"));

	for (unsigned i = 0; i < ctl->n_repeated && ok; i++)
		ok = add_list(array, ctl, ctl->repeated[i]);
	return ok;
}

static bool add_input(cJSON *rule, const struct ctl *ctl)
{
	cJSON *o = cJSON_AddObjectToObject(rule, "input");
	struct place at = {.ctl = ctl, .option = "--input-interface"};
	const char *source = ctl_value(ctl, "--input-source");

	if (!place_add_interface(o, &at, ctl_value(ctl, at.option)))
		return false;
	at.option = "--input-group";
	if (!place_add_address(o, "group", &at, ctl_value(ctl, at.option)))
		return false;
	at.option = "--input-port";
	if (!place_add_number(o, "port", &at, ctl_value(ctl, at.option), 1, 65535))
		return false;
	at.option = "--input-source";
	return !source || place_add_address(o, "source", &at, source);
}

static bool add_limits(cJSON *rule, const struct ctl *ctl)
{
	static const char *const options[] = {"--limit-pps", "--limit-bps"};
	cJSON *o = NULL;

	for (int i = 0; i < 2; i++) {
		struct place at = {.ctl = ctl, .option = options[i]};
		const char *text = ctl_value(ctl, options[i]);

		if (text && !o)
			o = cJSON_AddObjectToObject(rule, "rate_limit");
		if (text && !place_add_large(o, i ? "bps" : "pps", &at, text))
			return false;
	}
	return true;
}

static bool add_path(cJSON *rule, const struct ctl *ctl)
{
	const struct place at = {.ctl = ctl, .option = "--path"};
	const char *path = ctl_value(ctl, "--path");

	if (path && rule_path_parse(path) < 0)
		return place_refuse(&at, "path", path, "one of auto, kernel, user");
	return !path || cJSON_AddStringToObject(rule, "path", path);
}

static bool add_texts(cJSON *rule, const struct ctl *ctl)
{
	const char *id = ctl_value(ctl, "--rule-id"), *name = ctl_value(ctl, "--name");
	const char *priority = ctl_value(ctl, "--priority");
	struct place at = {.ctl = ctl, .option = "--priority"};

	if (id)
		cJSON_AddStringToObject(rule, "id", id);
	if (name)
		cJSON_AddStringToObject(rule, "name", name);
	if (ctl_value(ctl, "--description"))
		cJSON_AddStringToObject(rule, "description", ctl_value(ctl, "--description"));
	if (ctl_value(ctl, "--disabled"))
		cJSON_AddFalseToObject(rule, "enabled");
	if (ctl_value(ctl, "--replace"))
		cJSON_AddTrueToObject(rule, "replace");
	if (ctl_value(ctl, "--consume"))
		cJSON_AddTrueToObject(rule, "consume");
	if (priority && rule_priority_parse(priority) < 0)
		return place_refuse(&at, "priority", priority, "one of high, normal, low");
	if (priority)
		cJSON_AddStringToObject(rule, "priority", priority);
	return true;
}

static void print_added(const struct ctl *ctl, const cJSON *result)
{
	printf("rule %s %s, %s\n", ctl_text(result, "rule_id"), ctl_text(result, "result"),
	       ctl_text(result, "state"));
	ctl_print_applied(result);
}

enum ctl_status ctl_add(const struct ctl *ctl)
{
	cJSON *rule = cJSON_CreateObject();

	if (!add_texts(rule, ctl) || !add_input(rule, ctl) || !add_outputs(rule, ctl) ||
	    !add_limits(rule, ctl) || !add_path(rule, ctl)) {
		cJSON_Delete(rule);
		return CTL_USAGE;
	}
	return ctl_run(ctl, "AddRule", rule, print_added);
}
