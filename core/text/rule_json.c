// SPDX-License-Identifier: MIT
/* rule_json.c - a rule as a JSON object, as it stands in configurations and in AddRule */
#include "core/text/rule_json.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/addr.h"
#include "core/base/complaint.h"
#include "core/rules/rule.h"
#include "core/text/json_field.h"
#include "core/text/json_text.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static int get_addr(const struct json_object *o, const char *name, enum json_need need,
		    struct addr *out)
{
	char word[JSON_WORD_MAX];
	const char *text;
	int ret = json_get_text(o, name, need, &text);

	if (ret <= 0)
		return ret;
	ret = addr_parse(text, out);
	json_word(text, word);
	if (ret == -EAFNOSUPPORT)
		return json_refuse(o, name, "\"%s\" is an IPv6 address, rules match IPv4", word);
	if (ret < 0)
		return json_refuse(o, name, "\"%s\" is not an IPv4 address", word);
	return 1;
}

/* The members that inputs and outputs have in common. */
static int get_endpoint(const struct json_object *o, char interface[static MCR_IFNAME_MAX],
			struct addr *group, uint16_t *port)
{
	uint64_t number;
	int ret;

	ret = json_get_string(o, "interface", JSON_REQUIRED, interface, MCR_IFNAME_MAX);
	if (ret < 0)
		return ret;
	ret = get_addr(o, "group", JSON_REQUIRED, group);
	if (ret < 0)
		return ret;
	ret = json_get_integer(o, "port", JSON_REQUIRED, 1, 65535, &number);
	if (ret < 0)
		return ret;
	*port = (uint16_t)number;
	return 0;
}

static int get_input(const struct json_object *rule, struct rule_input *in)
{
	static const char *const names[] = {"interface", "group", "port", "source"};
	struct json_object o;
	int ret;

	ret = json_get_object(rule, "input", JSON_REQUIRED, &o);
	if (ret < 0)
		return ret;
	ret = json_object_only(&o, names, N(names));
	if (ret < 0)
		return ret;
	ret = get_endpoint(&o, in->interface, &in->group, &in->port);
	if (ret < 0)
		return ret;
	ret = get_addr(&o, "source", JSON_OPTIONAL, &in->source);
	return ret < 0 ? ret : 0;
}

/* A number, or "decrement". */
static int get_ttl(const struct json_object *o, struct rule_output *out)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o->json, "ttl");
	char word[JSON_WORD_MAX];
	uint64_t ttl = 0;
	int ret;

	if (cJSON_IsString(item)) {
		if (strcmp(item->valuestring, "decrement") != 0)
			return json_refuse(o, "ttl",
					   "must be a number from 1 to 255 or \"decrement\", not "
					   "\"%s\"",
					   json_word(item->valuestring, word));
		out->ttl_decrement = true;
		return 0;
	}
	ret = json_get_integer(o, "ttl", JSON_OPTIONAL, 1, 255, &ttl);
	out->ttl = (uint8_t)ttl;
	return ret;
}

static int get_output(const struct json_object *o, struct rule_output *out)
{
	static const char *const names[] = {"interface", "group",     "port",       "ttl",
					    "dscp",      "source_ip", "source_port"};
	uint64_t dscp = 0, source_port = 0;
	int ret;

	ret = json_object_only(o, names, N(names));
	if (ret < 0)
		return ret;
	ret = get_endpoint(o, out->interface, &out->group, &out->port);
	if (ret < 0)
		return ret;
	ret = get_ttl(o, out);
	if (ret < 0)
		return ret;
	ret = json_get_integer(o, "dscp", JSON_OPTIONAL, 0, 63, &dscp);
	if (ret < 0)
		return ret;
	out->dscp = (uint8_t)dscp;
	ret = json_get_integer(o, "source_port", JSON_OPTIONAL, 1, 65535, &source_port);
	if (ret < 0)
		return ret;
	out->source_port = (uint16_t)source_port;
	ret = get_addr(o, "source_ip", JSON_OPTIONAL, &out->source);
	return ret < 0 ? ret : 0;
}

int rule_output_from_json(const cJSON *json, const char *path, struct rule_output *out,
			  struct complaint *c)
{
	struct json_object o;
	int ret = json_object_open(&o, json, path, c);

	memset(out, 0, sizeof(*out));
	return ret < 0 ? ret : get_output(&o, out);
}

static int get_texts(const struct json_object *rule, struct rule *r)
{
	int ret = json_get_string(rule, "id", JSON_OPTIONAL, r->id, sizeof(r->id));

	if (ret < 0)
		return ret;
	ret = json_get_string(rule, "name", JSON_OPTIONAL, r->name, sizeof(r->name));
	if (ret < 0)
		return ret;
	return json_get_string(rule, "description", JSON_OPTIONAL, r->description,
			       sizeof(r->description));
}

/* "enabled" is true unless it is said. */
static int get_disabled(const struct json_object *rule, struct rule *r)
{
	bool enabled = true;
	int ret = json_get_bool(rule, "enabled", &enabled);

	r->disabled = !enabled;
	return ret;
}

static int get_outputs(const struct json_object *rule, struct rule *r)
{
	char path[COMPLAINT_FIELD_MAX + 32];
	const cJSON *array, *item;
	size_t n;
	int ret;

	ret = json_get_array(rule, "outputs", JSON_REQUIRED, &array);
	if (ret < 0)
		return ret;
	n = (size_t)cJSON_GetArraySize(array);
	if (n < 1 || n > MCR_MAX_RULE_OUTPUTS)
		return json_refuse(rule, "outputs", "must have 1 to %d outputs, not %zu",
				   MCR_MAX_RULE_OUTPUTS, n);
	r->outputs = calloc(n, sizeof(*r->outputs));
	if (!r->outputs)
		return -ENOMEM;
	cJSON_ArrayForEach(item, array) {
		snprintf(path, sizeof(path), "%s%soutputs[%u]", rule->path,
			 rule->path[0] ? "." : "", r->n_outputs);
		ret = rule_output_from_json(item, path, &r->outputs[r->n_outputs++], rule->c);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int get_limits(const struct json_object *rule, struct rule *r)
{
	static const char *const names[] = {"pps", "bps"};
	struct json_object o;
	int ret;

	ret = json_get_object(rule, "rate_limit", JSON_OPTIONAL, &o);
	if (ret <= 0)
		return ret;
	ret = json_object_only(&o, names, N(names));
	if (ret < 0)
		return ret;
	ret = json_get_integer(&o, "pps", JSON_OPTIONAL, 0, JSON_INTEGER_MAX, &r->limit_pps);
	if (ret < 0)
		return ret;
	ret = json_get_integer(&o, "bps", JSON_OPTIONAL, 0, JSON_INTEGER_MAX, &r->limit_bps);
	return ret < 0 ? ret : 0;
}

static int get_priority(const struct json_object *rule, struct rule *r)
{
	char word[JSON_WORD_MAX];
	const char *text;
	int ret;

	r->priority = RULE_PRIORITY_NORMAL;
	ret = json_get_text(rule, "priority", JSON_OPTIONAL, &text);
	if (ret <= 0)
		return ret;
	ret = rule_priority_parse(text);
	if (ret < 0)
		return json_refuse(rule, "priority",
				   "must be \"high\", \"normal\" or \"low\", not \"%s\"",
				   json_word(text, word));
	r->priority = (enum rule_priority)ret;
	return 0;
}

static int get_path(const struct json_object *rule, struct rule *r)
{
	char word[JSON_WORD_MAX];
	const char *text;
	int ret = json_get_text(rule, "path", JSON_OPTIONAL, &text);

	if (ret <= 0)
		return ret;
	ret = rule_path_parse(text);
	if (ret < 0)
		return json_refuse(rule, "path",
				   "must be \"auto\", \"kernel\" or \"user\", not \"%s\"",
				   json_word(text, word));
	r->path = (enum rule_path)ret;
	return 0;
}

/* Checks the fields against each other, and puts @path in front of the complaint's field. */
static int check(const struct rule *r, const char *path, struct complaint *c)
{
	struct complaint inner = {0};
	int ret = rule_check(r, &inner);

	if (ret < 0) {
		json_prefix_field(&inner, path);
		complain(c, inner.field, "%s", inner.reason);
	}
	return ret;
}

int rule_from_json(const cJSON *json, const char *path, struct rule *out, struct complaint *c)
{
	static const char *const names[] = {"id",    "name",    "description", "enabled",
					    "input", "outputs", "rate_limit",  "priority",
					    "path",  "consume"};
	struct json_object o;
	int ret;

	memset(out, 0, sizeof(*out));
	ret = json_object_open(&o, json, path, c);
	if (ret < 0)
		return ret;
	ret = json_object_only(&o, names, N(names));
	if (ret < 0)
		goto out;
	ret = get_texts(&o, out);
	if (ret < 0)
		goto out;
	ret = get_disabled(&o, out);
	if (ret < 0)
		goto out;
	ret = get_input(&o, &out->input);
	if (ret < 0)
		goto out;
	ret = get_outputs(&o, out);
	if (ret < 0)
		goto out;
	ret = get_limits(&o, out);
	if (ret < 0)
		goto out;
	ret = get_priority(&o, out);
	if (ret < 0)
		goto out;
	ret = get_path(&o, out);
	if (ret < 0)
		goto out;
	ret = json_get_bool(&o, "consume", &out->consume);
	if (ret < 0)
		goto out;
	ret = check(out, path, c);
out:
	if (ret == -ENOMEM)
		complain(c, "", "out of memory");
	if (ret < 0)
		rule_fini(out);
	return ret;
}

static bool add_addr(cJSON *to, const char *name, const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	return !addr_is_set(a) || cJSON_AddStringToObject(to, name, addr_format(a, text));
}

static bool add_endpoint(cJSON *to, const char *interface, const struct addr *group, uint16_t port)
{
	return cJSON_AddStringToObject(to, "interface", interface) &&
	       add_addr(to, "group", group) && cJSON_AddNumberToObject(to, "port", port);
}

static bool add_output(cJSON *array, const struct rule_output *out)
{
	cJSON *o = cJSON_CreateObject();

	if (!o || !cJSON_AddItemToArray(array, o)) {
		cJSON_Delete(o);
		return false;
	}
	return add_endpoint(o, out->interface, &out->group, out->port) &&
	       (!out->ttl || cJSON_AddNumberToObject(o, "ttl", out->ttl)) &&
	       (!out->ttl_decrement || cJSON_AddStringToObject(o, "ttl", "decrement")) &&
	       add_addr(o, "source_ip", &out->source) &&
	       (!out->source_port || cJSON_AddNumberToObject(o, "source_port", out->source_port)) &&
	       (!out->dscp || cJSON_AddNumberToObject(o, "dscp", out->dscp));
}

static bool add_limits(cJSON *to, const struct rule *r)
{
	cJSON *limit;

	if (!r->limit_pps && !r->limit_bps)
		return true;
	limit = cJSON_AddObjectToObject(to, "rate_limit");
	return limit &&
	       (!r->limit_pps || cJSON_AddNumberToObject(limit, "pps", (double)r->limit_pps)) &&
	       (!r->limit_bps || cJSON_AddNumberToObject(limit, "bps", (double)r->limit_bps));
}

static bool fill(cJSON *o, const struct rule *r)
{
	cJSON *input, *outputs;

	if (r->id[0] && !cJSON_AddStringToObject(o, "id", r->id))
		return false;
	if (r->name[0] && !cJSON_AddStringToObject(o, "name", r->name))
		return false;
	if (r->description[0] && !cJSON_AddStringToObject(o, "description", r->description))
		return false;
	if (r->disabled && !cJSON_AddFalseToObject(o, "enabled"))
		return false;
	input = cJSON_AddObjectToObject(o, "input");
	if (!input || !add_endpoint(input, r->input.interface, &r->input.group, r->input.port) ||
	    !add_addr(input, "source", &r->input.source))
		return false;
	outputs = cJSON_AddArrayToObject(o, "outputs");
	for (unsigned i = 0; outputs && i < r->n_outputs; i++)
		if (!add_output(outputs, &r->outputs[i]))
			return false;
	if (!outputs || !add_limits(o, r))
		return false;
	if (r->priority != RULE_PRIORITY_NORMAL &&
	    !cJSON_AddStringToObject(o, "priority", rule_priority_name(r->priority)))
		return false;
	if (r->path != RULE_PATH_UNSET &&
	    !cJSON_AddStringToObject(o, "path", rule_path_name(r->path)))
		return false;
	return !r->consume || cJSON_AddTrueToObject(o, "consume");
}

cJSON *rule_to_json(const struct rule *r)
{
	cJSON *o = cJSON_CreateObject();

	if (o && !fill(o, r)) {
		cJSON_Delete(o);
		o = NULL;
	}
	return o;
}
