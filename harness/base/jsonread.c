// SPDX-License-Identifier: MIT
/* jsonread.c - typed members, each checked once */
#include "harness/base/jsonread.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int report(struct jsonread *r, size_t offset, const char *reason)
{
	r->error->line = jsonpath_line(r->text, offset);
	snprintf(r->error->text, sizeof(r->error->text), "%s:%u: %s%s%s", r->file, r->error->line,
		 r->error->field, *r->error->field ? ": " : "", reason);
	/* Names and values are quoted as they stand in the file; an error is one line all the same.
	 */
	for (char *p = r->error->text; *p; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
	return -EINVAL;
}

int jsonread_fail(struct jsonread *r, const char *format, ...)
{
	char reason[256];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	jsonpath_print(&r->path, r->error->field, sizeof(r->error->field));
	return report(r, jsonpath_offset(r->text, &r->path), reason);
}

void jsonread_enter_key(struct jsonread *r, const char *key)
{
	r->path.steps[r->path.depth++] = (struct jsonpath_step){.key = key};
}

void jsonread_enter_index(struct jsonread *r, unsigned index)
{
	r->path.steps[r->path.depth++] = (struct jsonpath_step){.index = index};
}

void jsonread_leave(struct jsonread *r)
{
	r->path.depth--;
}

int jsonread_object(struct jsonread *r, const cJSON *object, const char *const *allowed)
{
	const cJSON *member;

	if (!cJSON_IsObject(object))
		return jsonread_fail(r, "must be an object");
	cJSON_ArrayForEach(member, object) {
		const char *const *name = allowed;

		while (*name && strcmp(*name, member->string))
			name++;
		jsonread_enter_key(r, member->string);
		if (!*name)
			return jsonread_fail(r, "there is no such field here");
		if (cJSON_GetObjectItemCaseSensitive(object, member->string) != member)
			return jsonread_fail(r, "given twice");
		jsonread_leave(r);
	}
	return 0;
}

int jsonread_bool(struct jsonread *r, const cJSON *object, const char *key, bool *value)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	if (!item)
		return 0;
	jsonread_enter_key(r, key);
	if (!cJSON_IsBool(item))
		return jsonread_fail(r, "must be true or false");
	*value = cJSON_IsTrue(item);
	jsonread_leave(r);
	return 0;
}

int jsonread_number(struct jsonread *r, const cJSON *object, const char *key, uint32_t low,
		    uint32_t high, uint32_t *value)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	if (!item)
		return 0;
	jsonread_enter_key(r, key);
	if (!cJSON_IsNumber(item) || item->valuedouble < low || item->valuedouble > high ||
	    item->valuedouble != (double)(uint32_t)item->valuedouble)
		return jsonread_fail(r, "must be a whole number from %u to %u", low, high);
	*value = (uint32_t)item->valuedouble;
	jsonread_leave(r);
	return 0;
}

/* Leaves *text alone when the member is absent. */
int jsonread_text(struct jsonread *r, const cJSON *object, const char *key, const char **text)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	if (!item)
		return 0;
	jsonread_enter_key(r, key);
	if (!cJSON_IsString(item) || strlen(item->valuestring) >= JSONREAD_TEXT_SIZE)
		return jsonread_fail(r, "must be a text of less than %d characters",
				     JSONREAD_TEXT_SIZE);
	*text = item->valuestring;
	jsonread_leave(r);
	return 0;
}

int jsonread_array(struct jsonread *r, const cJSON *object, const char *key, unsigned limit,
		   jsonread_item *read, void *target)
{
	const cJSON *array = cJSON_GetObjectItemCaseSensitive(object, key);
	const cJSON *item;
	unsigned i = 0;

	if (!array)
		return 0;
	jsonread_enter_key(r, key);
	if (!cJSON_IsArray(array))
		return jsonread_fail(r, "must be an array");
	cJSON_ArrayForEach(item, array) {
		int ret;

		jsonread_enter_index(r, i);
		if (i == limit)
			return jsonread_fail(r, "more than %u", limit);
		ret = read(r, item, target, i++);
		if (ret < 0)
			return ret;
		jsonread_leave(r);
	}
	jsonread_leave(r);
	return 0;
}

int jsonread_syntax(struct jsonread *r, size_t offset)
{
	r->error->field[0] = '\0';
	return report(r, offset, "this is not JSON");
}
