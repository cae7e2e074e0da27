// SPDX-License-Identifier: MIT
/*
 * config.c - reading the configuration file
 *
 * Rules are put into a rule set of their own as they are read: it finds ids, names and inputs
 * that stand twice, and circles through several rules.  So a text that parses can be loaded.
 */
#include "core/text/config.h"

#include "core/text/rule_json.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/complaint.h"
#include "core/rules/ruleset.h"
#include "core/rules/ruleset_cycle.h"
#include "core/text/json_field.h"
#include "core/text/json_text.h"

void config_fini(struct config *c)
{
	for (size_t i = 0; i < c->n_rules; i++)
		rule_fini(&c->rules[i]);
	free(c->rules);
	free(c->ifaces);
	memset(c, 0, sizeof(*c));
}

const struct config_iface *config_find_iface(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_ifaces; i++)
		if (strcmp(c->ifaces[i].name, name) == 0)
			return &c->ifaces[i];
	return NULL;
}

/* The names that the kernel allows (dev_valid_name() in net/core/dev.c). */
static bool is_iface_name(const char *name)
{
	size_t n = strlen(name);

	if (n < 1 || n >= MCR_IFNAME_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (name[i] <= ' ' || name[i] >= 0x7f || name[i] == '/' || name[i] == ':')
			return false;
	return true;
}

/* The settings of @name, made when it is new.  NULL: refused. */
static struct config_iface *iface(const struct json_object *o, struct config *config,
				  const char *name)
{
	struct config_iface *i = (struct config_iface *)config_find_iface(config, name);
	char word[JSON_WORD_MAX];

	if (i)
		return i;
	if (!is_iface_name(name)) {
		json_refuse(o, json_word(name, word), "is not a possible interface name");
		return NULL;
	}
	if (config->n_ifaces == MCR_MAX_IFACES) {
		json_refuse(o, name, "more than %d interfaces", MCR_MAX_IFACES);
		return NULL;
	}
	i = &config->ifaces[config->n_ifaces++];
	memset(i, 0, sizeof(*i));
	memcpy(i->name, name, strlen(name));
	return i;
}

static int read_steering(const struct json_object *o, const char *name, struct config_iface *i)
{
	char word[JSON_WORD_MAX];
	const char *text;
	int ret = json_get_text(o, name, JSON_REQUIRED, &text);

	if (ret < 0)
		return ret;
	if (strcmp(text, "rule") == 0)
		i->steering = STEER_RULE;
	else if (strcmp(text, "cpu") == 0)
		i->steering = STEER_CPU;
	else
		return json_refuse(o, name, "must be \"rule\" or \"cpu\", not \"%s\"",
				   json_word(text, word));
	return 0;
}

static int read_gro(const struct json_object *o, const char *name, struct config_iface *i)
{
	bool on;
	int ret = json_get_bool(o, name, &on);

	if (ret < 0)
		return ret;
	i->gro = on ? GRO_ON : GRO_OFF;
	return 0;
}

static int read_defrag(const struct json_object *o, const char *name, struct config_iface *i)
{
	return json_get_bool(o, name, &i->defrag);
}

static int read_pinning(const struct json_object *o, const char *name, struct config_iface *i)
{
	const cJSON *array, *item;
	int ret = json_get_array(o, name, JSON_REQUIRED, &array);

	if (ret < 0)
		return ret;
	i->n_cpus = 0;
	cJSON_ArrayForEach(item, array) {
		if (!cJSON_IsNumber(item) || item->valuedouble != (double)item->valueint ||
		    item->valueint < 0 || item->valueint >= CPU_SETSIZE)
			return json_refuse(o, name, "must hold CPU numbers from 0 to %d",
					   CPU_SETSIZE - 1);
		for (unsigned k = 0; k < i->n_cpus; k++)
			if (i->cpus[k] == item->valueint)
				return json_refuse(o, name, "names CPU %d twice", item->valueint);
		if (i->n_cpus == MCR_MAX_WORKERS)
			return json_refuse(o, name, "names more than %d CPUs", MCR_MAX_WORKERS);
		i->cpus[i->n_cpus++] = item->valueint;
	}
	return 0;
}

/* "steering", "gro", "defrag" and "pinning": an object with one member per interface. */
static int read_ifaces(const struct json_object *top, const char *name, struct config *config,
		       int (*read)(const struct json_object *, const char *, struct config_iface *))
{
	struct config_iface *i;
	struct json_object o;
	const cJSON *item;
	int ret = json_get_object(top, name, JSON_OPTIONAL, &o);

	if (ret <= 0)
		return ret;
	cJSON_ArrayForEach(item, o.json) {
		i = iface(&o, config, item->string);
		if (!i)
			return -EINVAL;
		ret = read(&o, item->string, i);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int read_rule(const struct json_object *top, const cJSON *json, struct ruleset *set,
		     struct config *config)
{
	struct rule *r = &config->rules[config->n_rules];
	struct complaint inner = {0};
	char path[64];
	int ret;

	snprintf(path, sizeof(path), "rules[%zu]", config->n_rules);
	ret = rule_from_json(json, path, r, top->c);
	if (ret < 0)
		return ret;
	config->n_rules++;
	if (!r->id[0])
		rule_make_id(r);
	ret = ruleset_put(set, r, false, NULL, &inner);
	if (ret == RULESET_ADDED)
		return 0;
	if (ret == -ENOMEM)
		return ret;
	if (ret >= 0)
		return json_refuse(top, path, "the same rule stands twice");
	json_prefix_field(&inner, path);
	return json_refuse(top, inner.field, "%s", inner.reason);
}

/* Which of the rules an entry of their set is. */
static size_t index_of(const struct config *config, const struct ruleset_entry *e)
{
	size_t i = 0;

	while (i < config->n_rules && strcmp(config->rules[i].id, e->rule.id) != 0)
		i++;
	return i;
}

/* Once for all rules: for each rule it would cost as much as there is downstream of it. */
static int check_circles(const struct json_object *top, struct ruleset *set,
			 const struct config *config)
{
	const struct ruleset_entry *newest;
	struct complaint inner = {0};
	char path[64];

	if (ruleset_check_circles(set, &newest, &inner) == 0)
		return 0;
	snprintf(path, sizeof(path), "rules[%zu]", index_of(config, newest));
	json_prefix_field(&inner, path);
	return json_refuse(top, inner.field, "%s", inner.reason);
}

static int read_rules(const struct json_object *top, struct config *config)
{
	const cJSON *array, *item;
	struct ruleset *set;
	size_t n;
	int ret = json_get_array(top, "rules", JSON_OPTIONAL, &array);

	if (ret <= 0)
		return ret;
	n = (size_t)cJSON_GetArraySize(array);
	if (n > MCR_MAX_RULES)
		return json_refuse(top, "rules", "has %zu rules, the most is %d", n, MCR_MAX_RULES);
	if (!n)
		return 0;
	config->rules = calloc(n, sizeof(*config->rules));
	set = ruleset_new();
	ret = config->rules && set ? 0 : -ENOMEM;
	cJSON_ArrayForEach(item, array) {
		if (ret < 0)
			break;
		ret = read_rule(top, item, set, config);
	}
	if (ret == 0)
		ret = check_circles(top, set, config);
	ruleset_free(set);
	return ret;
}

static int read_top(const cJSON *json, struct config *config, struct complaint *c)
{
	static const char *const names[] = {"workers", "per_packet", "busy_poll_us", "steering",
					    "gro",     "defrag",     "pinning",      "rules"};
	struct json_object top;
	uint64_t workers = 0, busy_poll_us = 0;
	int ret;

	ret = json_object_open(&top, json, "", c);
	if (ret < 0)
		return ret;
	ret = json_object_only(&top, names, sizeof(names) / sizeof(names[0]));
	if (ret < 0)
		return ret;
	ret = json_get_integer(&top, "workers", JSON_OPTIONAL, 1, MCR_MAX_WORKERS, &workers);
	if (ret < 0)
		return ret;
	config->workers = (unsigned)workers;
	ret = json_get_bool(&top, "per_packet", &config->per_packet);
	if (ret < 0)
		return ret;
	ret = json_get_integer(&top, "busy_poll_us", JSON_OPTIONAL, 0, MCR_BUSY_POLL_MAX_US,
			       &busy_poll_us);
	if (ret < 0)
		return ret;
	config->busy_poll_us = (unsigned)busy_poll_us;
	config->ifaces = calloc(MCR_MAX_IFACES, sizeof(*config->ifaces));
	if (!config->ifaces)
		return -ENOMEM;
	ret = read_ifaces(&top, "steering", config, read_steering);
	if (ret < 0)
		return ret;
	ret = read_ifaces(&top, "gro", config, read_gro);
	if (ret < 0)
		return ret;
	ret = read_ifaces(&top, "defrag", config, read_defrag);
	if (ret < 0)
		return ret;
	ret = read_ifaces(&top, "pinning", config, read_pinning);
	if (ret < 0)
		return ret;
	return read_rules(&top, config);
}

int config_text_parse(const char *text, size_t len, cJSON **json, struct complaint *c)
{
	if (len > CONFIG_TEXT_MAX) {
		complain(c, "", "is %zu bytes long, the longest is %u", len, CONFIG_TEXT_MAX);
		return -E2BIG;
	}
	return json_text_parse(text, len, JSON_RELAXED, json, c);
}

int config_from_json(const cJSON *json, struct config *out, struct complaint *c)
{
	int ret;

	memset(out, 0, sizeof(*out));
	ret = read_top(json, out, c);
	if (ret == -ENOMEM)
		complain(c, "", "out of memory");
	if (ret < 0)
		config_fini(out);
	return ret == -ELOOP ? -EINVAL : ret < 0 ? ret : 0;
}

int config_parse(const char *text, size_t len, struct config *out, struct complaint *c)
{
	cJSON *json = NULL;
	int ret;

	memset(out, 0, sizeof(*out));
	ret = config_text_parse(text, len, &json, c);
	if (ret < 0)
		return ret;
	ret = config_from_json(json, out, c);
	if (ret < 0 && ret != -ENOMEM)
		json_text_locate(text, len, c);
	cJSON_Delete(json);
	return ret;
}
