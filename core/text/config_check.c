// SPDX-License-Identifier: MIT
/*
 * config_check.c - read, put something good in the place of what is wrong, and read again
 *
 * A member that may be absent is deleted; one that may not, and an element of an array, is replaced
 * by something that is right and equal to nothing else.  So the places of all other errors are
 * still those of the text.
 */
#include "core/text/config_check.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/base/complaint.h"
#include "core/text/config.h"
#include "core/text/json_text.h"

#define DUMMY_INTERFACE "mcr-check"

/**
 * struct repair - the tree that is being repaired
 * @next: number of the next group that no rule has
 */
struct repair {
	cJSON *json;
	unsigned next;
};

/* --- good values --- */

static cJSON *dummy_group(struct repair *r)
{
	char text[24];

	snprintf(text, sizeof(text), "239.255.%u.%u", 254 - r->next / 250 % 250, r->next % 250 + 1);
	r->next++;
	return cJSON_CreateString(text);
}

static cJSON *dummy_endpoint(struct repair *r)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "interface", DUMMY_INTERFACE);
	cJSON_AddItemToObject(o, "group", dummy_group(r));
	cJSON_AddNumberToObject(o, "port", 9);
	return o;
}

static cJSON *dummy_outputs(struct repair *r)
{
	cJSON *array = cJSON_CreateArray();

	cJSON_AddItemToArray(array, dummy_endpoint(r));
	return array;
}

static cJSON *dummy_rule(struct repair *r)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddItemToObject(o, "input", dummy_endpoint(r));
	cJSON_AddItemToObject(o, "outputs", dummy_outputs(r));
	return o;
}

/* Of a member that a rule must have; NULL: it need not. */
static cJSON *dummy_member(struct repair *r, const char *name)
{
	if (strcmp(name, "interface") == 0)
		return cJSON_CreateString(DUMMY_INTERFACE);
	if (strcmp(name, "group") == 0)
		return dummy_group(r);
	if (strcmp(name, "port") == 0)
		return cJSON_CreateNumber(9);
	if (strcmp(name, "input") == 0)
		return dummy_endpoint(r);
	return strcmp(name, "outputs") == 0 ? dummy_outputs(r) : NULL;
}

/* --- places --- */

/* Where a complaint points: a member @name of @parent, or its element @index. */
struct spot {
	cJSON *parent;
	const char *name;
	int index;
	cJSON *item; /* NULL: it is missing */
};

/* Length of the name with which @path goes on at @child, 0: it does not. */
static size_t goes_on(const char *path, const cJSON *child)
{
	char word[JSON_WORD_MAX];
	size_t len;

	json_word(child->string, word);
	len = strlen(word);
	return len && strncmp(path, word, len) == 0 && strchr(".[", path[len]) ? len : 0;
}

/* Names may have dots in them: the longest that fits counts.  Return: what follows it. */
static const char *step_into(struct spot *s, const char *path)
{
	size_t longest = 0;

	s->name = path;
	s->item = NULL;
	for (cJSON *child = s->parent->child; child; child = child->next) {
		const size_t len = goes_on(path, child);

		if (len > longest) {
			longest = len;
			s->item = child;
		}
	}
	return path + (longest ? longest : strlen(path));
}

static const char *step_to(struct spot *s, const char *path)
{
	int used = 0;

	s->name = NULL;
	if (sscanf(path, "[%d]%n", &s->index, &used) != 1 || !used)
		return NULL;
	s->item = cJSON_GetArrayItem(s->parent, s->index);
	return s->item ? path + used : NULL;
}

/* Return: false: there is no such place. */
static bool find(struct repair *r, const char *path, struct spot *s)
{
	cJSON *at = r->json;

	if (!*path)
		return false;
	while (path && *path) {
		*s = (struct spot){.parent = at, .index = -1};
		if (*path == '.')
			path++;
		if (cJSON_IsArray(at))
			path = step_to(s, path);
		else if (cJSON_IsObject(at))
			path = step_into(s, path);
		else
			return false;
		at = s->item;
		if (path && *path && !at)
			return false;
	}
	return path != NULL;
}

/* --- repairs --- */

static cJSON *good_element(struct repair *r, const cJSON *array)
{
	return array->string && strcmp(array->string, "rules") == 0 ? dummy_rule(r)
								    : dummy_endpoint(r);
}

/* Return: false: this error cannot be repaired. */
static bool repair(struct repair *r, const char *path)
{
	struct spot s;
	cJSON *good;

	if (!find(r, path, &s))
		return false;
	if (!s.name) {
		good = good_element(r, s.parent);
		return cJSON_ReplaceItemViaPointer(s.parent, s.item, good);
	}
	good = dummy_member(r, s.item ? s.item->string : s.name);
	/* A name that is taken, an unknown member, a setting out of range. */
	if (s.item)
		cJSON_Delete(cJSON_DetachItemViaPointer(s.parent, s.item));
	else if (!good)
		return false;
	return !good || cJSON_AddItemToObject(s.parent, s.name, good);
}

/* Return: were there errors? */
static unsigned read_on(struct repair *r, const char *text, size_t len, config_error_fn *fn,
			void *ctx, struct config *out)
{
	unsigned n = 0;

	while (n < CONFIG_ERRORS_MAX) {
		struct complaint c = {0};

		if (config_from_json(r->json, out, &c) == 0) {
			if (n)
				config_fini(out);
			return n;
		}
		n++;
		json_text_locate(text, len, &c);
		fn(ctx, &c);
		if (!repair(r, c.field))
			break;
	}
	return n;
}

unsigned config_check(const char *text, size_t len, config_error_fn *fn, void *ctx,
		      struct config *out)
{
	struct repair r = {0};
	struct complaint c = {0};
	unsigned n;

	memset(out, 0, sizeof(*out));
	if (config_text_parse(text, len, &r.json, &c) < 0) {
		fn(ctx, &c);
		return 1;
	}
	n = read_on(&r, text, len, fn, ctx, out);
	cJSON_Delete(r.json);
	return n;
}
