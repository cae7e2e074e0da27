// SPDX-License-Identifier: MIT
/* json_field.c - checks of type and range, and complaints that name the member */
#include "core/text/json_field.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/text/json_text.h"

const char *json_kind(const cJSON *json)
{
	if (cJSON_IsString(json))
		return "a string";
	if (cJSON_IsNumber(json))
		return "a number";
	if (cJSON_IsBool(json))
		return "true or false";
	if (cJSON_IsObject(json))
		return "an object";
	if (cJSON_IsArray(json))
		return "an array";
	return "null";
}

/* Path of a member, for complaints; cut if it is too long. */
static const char *member_path(const struct json_object *o, const char *name,
			       char buf[static COMPLAINT_FIELD_MAX])
{
	const char *dot = o->path[0] && name[0] ? "." : "";

	if (snprintf(buf, COMPLAINT_FIELD_MAX, "%s%s%s", o->path, dot, name) >= COMPLAINT_FIELD_MAX)
		memcpy(buf + COMPLAINT_FIELD_MAX - 4, "...", 4);
	return buf;
}

int json_refuse(const struct json_object *o, const char *name, const char *fmt, ...)
{
	char path[COMPLAINT_FIELD_MAX], reason[COMPLAINT_REASON_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	complain(o->c, member_path(o, name, path), "%s", reason);
	return -EINVAL;
}

int json_object_open(struct json_object *o, const cJSON *json, const char *path,
		     struct complaint *c)
{
	o->json = json;
	o->c = c;
	snprintf(o->path, sizeof(o->path), "%s", path);
	if (!cJSON_IsObject(json))
		return json_refuse(o, "", "must be an object, not %s", json_kind(json));
	return 0;
}

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

int json_object_only(const struct json_object *o, const char *const *names, size_t n)
{
	char word[JSON_WORD_MAX], known[COMPLAINT_REASON_MAX / 2] = "";
	const cJSON *item;
	size_t used = 0;

	cJSON_ArrayForEach(item, o->json) {
		if (is_one_of(item->string, names, n))
			continue;
		for (size_t i = 0; i < n && used < sizeof(known); i++)
			used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s",
						 i ? ", " : "", names[i]);
		return json_refuse(o, json_word(item->string, word), "unknown field; known: %s",
				   n ? known : "none");
	}
	return 0;
}

/* The member, or NULL with *ret set to what the caller returns. */
static const cJSON *member(const struct json_object *o, const char *name, enum json_need need,
			   int *ret)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(o->json, name);

	*ret = 0;
	if (!item && need == JSON_REQUIRED)
		*ret = json_refuse(o, name, "is missing");
	return item;
}

int json_get_text(const struct json_object *o, const char *name, enum json_need need,
		  const char **text)
{
	int ret;
	const cJSON *item = member(o, name, need, &ret);

	if (!item)
		return ret;
	if (!cJSON_IsString(item))
		return json_refuse(o, name, "must be a string, not %s", json_kind(item));
	*text = item->valuestring;
	return 1;
}

int json_get_string(const struct json_object *o, const char *name, enum json_need need, char *buf,
		    size_t size)
{
	const char *text;
	size_t n;
	int ret = json_get_text(o, name, need, &text);

	if (ret <= 0)
		return ret;
	n = strlen(text);
	if (n >= size)
		return json_refuse(o, name, "is %zu bytes long, the longest is %zu", n, size - 1);
	memcpy(buf, text, n + 1);
	return 1;
}

int json_get_integer(const struct json_object *o, const char *name, enum json_need need,
		     uint64_t min, uint64_t max, uint64_t *value)
{
	int ret;
	const cJSON *item = member(o, name, need, &ret);
	double d;

	if (!item)
		return ret;
	if (!cJSON_IsNumber(item))
		return json_refuse(o, name,
				   "must be an integer from %" PRIu64 " to %" PRIu64 ", not %s",
				   min, max, json_kind(item));
	d = item->valuedouble;
	/* Written so that a NaN would be refused. */
	if (!(d >= (double)min && d <= (double)max) || d != (double)(uint64_t)d)
		return json_refuse(o, name,
				   "must be an integer from %" PRIu64 " to %" PRIu64 ", not %.15g",
				   min, max, d);
	*value = (uint64_t)d;
	return 1;
}

int json_get_bool(const struct json_object *o, const char *name, bool *value)
{
	int ret;
	const cJSON *item = member(o, name, JSON_OPTIONAL, &ret);

	if (!item)
		return ret;
	if (!cJSON_IsBool(item))
		return json_refuse(o, name, "must be true or false, not %s", json_kind(item));
	*value = cJSON_IsTrue(item);
	return 1;
}

int json_get_array(const struct json_object *o, const char *name, enum json_need need,
		   const cJSON **array)
{
	int ret;
	const cJSON *item = member(o, name, need, &ret);

	if (!item)
		return ret;
	if (!cJSON_IsArray(item))
		return json_refuse(o, name, "must be an array, not %s", json_kind(item));
	*array = item;
	return 1;
}

int json_get_object(const struct json_object *o, const char *name, enum json_need need,
		    struct json_object *child)
{
	char path[COMPLAINT_FIELD_MAX];
	int ret;
	const cJSON *item = member(o, name, need, &ret);

	if (!item)
		return ret;
	ret = json_object_open(child, item, member_path(o, name, path), o->c);
	return ret < 0 ? ret : 1;
}
