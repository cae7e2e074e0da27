// SPDX-License-Identifier: MIT
/*
 * config_write.c - writing a configuration that config_parse() reads back to the same
 *
 * One rule per line: ten thousand of them stay readable and diff well.
 */
#include "core/text/config_write.h"

#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text/config.h"
#include "core/text/rule_json.h"

/* An id that rule_make_id() would give again is left out. */
static cJSON *rule_object(const struct rule *r)
{
	cJSON *o = rule_to_json(r);
	struct rule made = *r;

	rule_make_id(&made);
	if (o && strcmp(made.id, r->id) == 0)
		cJSON_DeleteItemFromObjectCaseSensitive(o, "id");
	return o;
}

static bool write_json(FILE *f, cJSON *taken)
{
	char *text = taken ? cJSON_PrintUnformatted(taken) : NULL;

	if (text)
		fputs(text, f);
	cJSON_Delete(taken);
	cJSON_free(text);
	return text != NULL;
}

static const char *steering_name(enum steering s)
{
	switch (s) {
	case STEER_RULE:
		return "rule";
	case STEER_CPU:
		return "cpu";
	case STEERINGS:
		break;
	}
	return "rule";
}

/* @o, if the last addition worked; else NULL, and @o is deleted. */
static cJSON *if_added(cJSON *o, bool added)
{
	if (o && !added) {
		cJSON_Delete(o);
		return NULL;
	}
	return o;
}

/* Names every interface, also those with default settings: the text that was read named them. */
static cJSON *steering_object(const struct config *c)
{
	cJSON *o = cJSON_CreateObject();

	for (size_t i = 0; o && i < c->n_ifaces; i++)
		o = if_added(o, cJSON_AddStringToObject(o, c->ifaces[i].name,
							steering_name(c->ifaces[i].steering)));
	return o;
}

static cJSON *gro_object(const struct config *c)
{
	cJSON *o = cJSON_CreateObject();

	for (size_t i = 0; o && i < c->n_ifaces; i++)
		if (c->ifaces[i].gro != GRO_LEAVE)
			o = if_added(o, cJSON_AddBoolToObject(o, c->ifaces[i].name,
							      c->ifaces[i].gro == GRO_ON));
	return o;
}

static cJSON *defrag_object(const struct config *c)
{
	cJSON *o = cJSON_CreateObject();

	for (size_t i = 0; o && i < c->n_ifaces; i++)
		if (c->ifaces[i].defrag)
			o = if_added(o, cJSON_AddTrueToObject(o, c->ifaces[i].name));
	return o;
}

static bool add_cpus(cJSON *o, const struct config_iface *i)
{
	cJSON *cpus = cJSON_CreateIntArray(i->cpus, (int)i->n_cpus);

	if (cpus && cJSON_AddItemToObject(o, i->name, cpus))
		return true;
	cJSON_Delete(cpus);
	return false;
}

static cJSON *pinning_object(const struct config *c)
{
	cJSON *o = cJSON_CreateObject();

	for (size_t i = 0; o && i < c->n_ifaces; i++)
		if (c->ifaces[i].n_cpus)
			o = if_added(o, add_cpus(o, &c->ifaces[i]));
	return o;
}

/* A member of the top object, unless it is empty.  Takes @object. */
static bool write_member(FILE *f, const char *name, cJSON *object)
{
	bool ok;

	if (!object)
		return false;
	if (!object->child) {
		cJSON_Delete(object);
		return true;
	}
	fprintf(f, "\t\"%s\": ", name);
	ok = write_json(f, object);
	fputs(",\n", f);
	return ok;
}

/* "rules" always comes last, so that every member before it ends in a comma. */
static bool write_settings(FILE *f, const struct config *c)
{
	fputs("{\n", f);
	if (c->workers)
		fprintf(f, "\t\"workers\": %u,\n", c->workers);
	if (c->per_packet)
		fputs("\t\"per_packet\": true,\n", f);
	if (c->busy_poll_us)
		fprintf(f, "\t\"busy_poll_us\": %u,\n", c->busy_poll_us);
	if (!write_member(f, "steering", steering_object(c)) ||
	    !write_member(f, "gro", gro_object(c)) ||
	    !write_member(f, "defrag", defrag_object(c)) ||
	    !write_member(f, "pinning", pinning_object(c)))
		return false;
	fputs("\t\"rules\": [", f);
	return true;
}

static bool write_part(FILE *f, const struct config *c, size_t first, size_t bytes, size_t *next)
{
	size_t i = first;

	if (!first && !write_settings(f, c))
		return false;
	while (i < c->n_rules && (i == first || (size_t)ftell(f) < bytes)) {
		fputs(i ? ",\n\t\t" : "\n\t\t", f);
		if (!write_json(f, rule_object(&c->rules[i++])))
			return false;
	}
	*next = i;
	if (i < c->n_rules)
		return true;
	fputs(c->n_rules ? "\n\t]\n}\n" : "]\n}\n", f);
	*next = c->n_rules + 1;
	return true;
}

char *config_format_part(const struct config *c, size_t first, size_t bytes, size_t *next)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	bool ok;

	if (!f)
		return NULL;
	ok = write_part(f, c, first, bytes, next) && !ferror(f);
	if (fclose(f) != 0 || !ok) {
		free(text);
		return NULL;
	}
	return text;
}

char *config_format(const struct config *c)
{
	size_t next;

	return config_format_part(c, 0, SIZE_MAX, &next);
}
