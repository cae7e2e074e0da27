// SPDX-License-Identifier: MIT
/* jsonpath.c - walk a well-formed JSON text along a path */
#include "harness/base/jsonpath.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *skip_space(const char *p)
{
	while (isspace((unsigned char)*p))
		p++;
	return p;
}

/* @p is at the opening quote; returns what follows the closing one. */
static const char *skip_string(const char *p)
{
	for (p++; *p && *p != '"'; p++)
		if (*p == '\\' && p[1])
			p++;
	return *p ? p + 1 : p;
}

static const char *skip_value(const char *p)
{
	int depth = 0;

	do {
		if (*p == '"') {
			p = skip_string(p);
			continue;
		}
		if (*p == '{' || *p == '[')
			depth++;
		else if (*p == '}' || *p == ']')
			depth--;
		p++;
	} while (*p && (depth > 0 || !strchr(",]} \t\r\n", *p)));
	return p;
}

/* @quoted is a key as it stands in the text, where it may be written with escapes. */
static bool is_key(const char *quoted, size_t length, const char *key)
{
	cJSON *string;
	bool same;

	if (!memchr(quoted, '\\', length))
		return strlen(key) + 2 == length && !memcmp(quoted + 1, key, length - 2);
	string = cJSON_ParseWithLength(quoted, length);
	same = cJSON_IsString(string) && !strcmp(string->valuestring, key);
	cJSON_Delete(string);
	return same;
}

/* Return: the member's key, and in @value its value; NULL when the object has no such member. */
static const char *find_key(const char *p, const char *key, const char **value)
{
	for (p = skip_space(p + 1); *p == '"'; p = skip_space(p)) {
		const char *name = p;

		p = skip_string(p);
		*value = skip_space(skip_space(p) + 1);
		if (is_key(name, (size_t)(p - name), key))
			return name;
		p = skip_space(skip_value(*value));
		if (*p == ',')
			p++;
	}
	return NULL;
}

static const char *find_index(const char *p, unsigned index)
{
	p = skip_space(p + 1);
	while (index-- && *p && *p != ']') {
		p = skip_space(skip_value(p));
		if (*p == ',')
			p = skip_space(p + 1);
	}
	return *p && *p != ']' ? p : NULL;
}

size_t jsonpath_offset(const char *text, const struct jsonpath *path)
{
	const char *at = skip_space(text);
	const char *value = at;

	for (unsigned i = 0; i < path->depth; i++) {
		const struct jsonpath_step *step = &path->steps[i];
		const char *next = NULL;

		if (step->key && *value == '{')
			next = find_key(value, step->key, &value);
		else if (!step->key && *value == '[')
			next = value = find_index(value, step->index);
		if (!next)
			break;
		at = next;
	}
	return (size_t)(at - text);
}

void jsonpath_print(const struct jsonpath *path, char *out, size_t size)
{
	size_t used = 0;

	if (size)
		*out = '\0';
	for (unsigned i = 0; i < path->depth && used < size; i++) {
		const struct jsonpath_step *step = &path->steps[i];

		if (step->key)
			used += (size_t)snprintf(out + used, size - used, "%s%s", i ? "." : "",
						 step->key);
		else
			used += (size_t)snprintf(out + used, size - used, "[%u]", step->index);
	}
}

unsigned jsonpath_line(const char *text, size_t offset)
{
	unsigned line = 1;

	for (size_t i = 0; i < offset && text[i]; i++)
		line += text[i] == '\n';
	return line;
}
