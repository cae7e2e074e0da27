/* SPDX-License-Identifier: MIT */
/*
 * jsonread.h - JSON read into typed structs, with errors that say where
 *
 * The reader keeps the path to the current value.  A function that finds an error leaves the path
 * there, so the first error is also the place.  Nothing is read after an error.
 */
#ifndef HARNESS_BASE_JSONREAD_H
#define HARNESS_BASE_JSONREAD_H

#include <cjson/cJSON.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "harness/base/jsonpath.h"

#define JSONREAD_TEXT_SIZE 160 /* no text may be longer, with its NUL */

/* The first error, and its place; text is "file:line: field: reason". */
struct json_error {
	unsigned line; /* from 1; 0 when the file could not be read at all */
	char field[128];
	char text[PATH_MAX + 512];
};

struct jsonread {
	const char *text; /* the whole document; borrowed */
	const char *file; /* its name in errors; borrowed */
	struct json_error *error;
	struct jsonpath path;
};

/**
 * jsonread_item - read an item of an array
 * @r:      at the item
 * @item:   borrowed
 * @target: of jsonread_array()
 * @index:  from 0
 *
 * Return: 0, or -EINVAL from jsonread_fail().
 */
typedef int jsonread_item(struct jsonread *r, const cJSON *item, void *target, unsigned index);

/**
 * jsonread_fail() - report that the value at the reader's path is wrong
 * @r:      its error is filled
 * @format: the reason, as printf()
 *
 * Return: -EINVAL.
 */
int jsonread_fail(struct jsonread *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * jsonread_syntax() - report that the text is not JSON
 * @r:      its error is filled
 * @offset: of the byte at which the parser stopped
 *
 * Return: -EINVAL.
 */
int jsonread_syntax(struct jsonread *r, size_t offset);

/**
 * jsonread_enter_key() - step into a member
 * @r:   jsonread_leave() is due
 * @key: borrowed until then
 */
void jsonread_enter_key(struct jsonread *r, const char *key);

/**
 * jsonread_enter_index() - step into an item
 * @r:     jsonread_leave() is due
 * @index: from 0
 */
void jsonread_enter_index(struct jsonread *r, unsigned index);

/**
 * jsonread_leave() - undo the last step
 * @r: at least one step deep
 */
void jsonread_leave(struct jsonread *r);

/**
 * jsonread_object() - require an object without members of other names or given twice
 * @r:       at @object
 * @object:  borrowed
 * @allowed: names, NULL at the end
 *
 * Return: 0, or -EINVAL with the error filled.
 */
int jsonread_object(struct jsonread *r, const cJSON *object, const char *const *allowed);

/**
 * jsonread_bool() - read an optional boolean
 * @r:      at @object
 * @object: borrowed
 * @key:    the member
 * @value:  filled; left alone when the member is absent
 *
 * Return: 0, or -EINVAL with the error filled.
 */
int jsonread_bool(struct jsonread *r, const cJSON *object, const char *key, bool *value);

/**
 * jsonread_number() - read an optional whole number
 * @r:      at @object
 * @object: borrowed
 * @key:    the member
 * @low:    smallest number allowed
 * @high:   largest number allowed
 * @value:  filled; left alone when the member is absent
 *
 * Return: 0, or -EINVAL with the error filled.
 */
int jsonread_number(struct jsonread *r, const cJSON *object, const char *key, uint32_t low,
		    uint32_t high, uint32_t *value);

/**
 * jsonread_text() - read an optional text of less than JSONREAD_TEXT_SIZE bytes
 * @r:      at @object
 * @object: borrowed
 * @key:    the member
 * @text:   filled with a pointer into @object; left alone when the member is absent
 *
 * Return: 0, or -EINVAL with the error filled.
 */
int jsonread_text(struct jsonread *r, const cJSON *object, const char *key, const char **text);

/**
 * jsonread_array() - read an optional array
 * @r:      at @object
 * @object: borrowed
 * @key:    the member
 * @limit:  most items
 * @read:   called for each item
 * @target: handed to @read
 *
 * Return: 0, or -EINVAL with the error filled.
 */
int jsonread_array(struct jsonread *r, const cJSON *object, const char *key, unsigned limit,
		   jsonread_item *read, void *target);

#endif
