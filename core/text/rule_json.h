/* SPDX-License-Identifier: MIT */
/* rule_json.h - rules as JSON objects */
#ifndef CORE_TEXT_RULE_JSON_H
#define CORE_TEXT_RULE_JSON_H

struct cJSON;
struct complaint;
struct rule;
struct rule_output;

/**
 * rule_from_json() - a rule from its JSON object, as in "rules" and in AddRule
 * @json: {"id"?, "name"?, "description"?, "enabled"?, "input":
 * {"interface","group","port","source"?}, "outputs":
 * [{"interface","group","port","ttl"?,"source_ip"?,"source_port"?, "dscp"?}], "rate_limit"?:
 * {"pps"?,"bps"?}, "priority"?: "high"|"normal"|"low", "path"?: "auto"|"kernel"|"user", "consume"?:
 * bool}
 * @path: prefix of field names in complaints, "" or "rules[3]"
 * @out:  filled, to be released with rule_fini(); on failure there is nothing to release
 *
 * Return: 0; -EINVAL; -ELOOP when an output equals the rule's own input; -ENOMEM.
 */
int rule_from_json(const struct cJSON *json, const char *path, struct rule *out,
		   struct complaint *c);

/*
 * An output from its JSON object, without the checks of rule_check().
 * Return: 0 or -EINVAL.
 */
int rule_output_from_json(const struct cJSON *json, const char *path, struct rule_output *out,
			  struct complaint *c);

/* The JSON object of a rule, in the same form.  NULL: out of memory. */
struct cJSON *rule_to_json(const struct rule *r);

#endif
