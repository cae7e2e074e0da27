/* SPDX-License-Identifier: MIT */
/*
 * Reading JSON into typed structs, with errors that say where.
 *
 * The reader keeps the path to the value it is at; a function that finds something wrong leaves
 * the path there, so the first error is also the place.  Nothing is read after an error.
 */
#ifndef HARNESS_BASE_JSONREAD_H
#define HARNESS_BASE_JSONREAD_H

#include <cjson/cJSON.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "harness/base/jsonpath.h"

#define JSONREAD_TEXT_SIZE 160 /* no text may be longer, with its NUL */

/* What is wrong, and where; text is "file:line: field: reason". */
struct json_error {
	unsigned int line; /* from 1; 0 when the file could not be read at all */
	char field[128];
	char text[PATH_MAX + 512];
};

struct jsonread {
	const char *text;
	const char *file;
	struct json_error *error;
	struct jsonpath path;
};

/* Reads item @index of an array into @target.  Return: 0 or -EINVAL from jsonread_fail(). */
typedef int jsonread_item(struct jsonread *r, const cJSON *item, void *target, unsigned int index);

/** jsonread_fail() - note that the value at the reader's path is wrong.  Return: -EINVAL. */
int jsonread_fail(struct jsonread *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** jsonread_syntax() - note that byte @offset of the text is not JSON.  Return: -EINVAL. */
int jsonread_syntax(struct jsonread *r, size_t offset);

/** jsonread_enter_key() - step into a member; jsonread_leave() is due. */
void jsonread_enter_key(struct jsonread *r, const char *key);

/** jsonread_enter_index() - step into an item; jsonread_leave() is due. */
void jsonread_enter_index(struct jsonread *r, unsigned int index);

/** jsonread_leave() - step back out. */
void jsonread_leave(struct jsonread *r);

/**
 * jsonread_object() - require an object without members of other names or given twice.
 * @allowed: names, NULL at the end
 */
int jsonread_object(struct jsonread *r, const cJSON *object, const char *const *allowed);

/*
 * Each of these reads one optional member and leaves its target alone when it is absent.
 * Return: 0, or -EINVAL with the error noted.
 */
int jsonread_bool(struct jsonread *r, const cJSON *object, const char *key, bool *value);
int jsonread_number(struct jsonread *r, const cJSON *object, const char *key, uint32_t low,
		    uint32_t high, uint32_t *value);
int jsonread_text(struct jsonread *r, const cJSON *object, const char *key, const char **text);
int jsonread_array(struct jsonread *r, const cJSON *object, const char *key, unsigned int limit,
		   jsonread_item *read, void *target);

#endif
