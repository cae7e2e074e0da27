/* SPDX-License-Identifier: MIT */
/*
 * json_field.h - typed members of a JSON object
 *
 * The parsers of rules, configurations and requests take every member through one
 * of these, which check type and range and name the field when they refuse it.
 * All return 1 when the member was there, 0 when it is absent and may be, -EINVAL
 * when it was refused; what they fill is untouched unless they return 1.
 */
#ifndef CORE_TEXT_JSON_FIELD_H
#define CORE_TEXT_JSON_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/complaint.h"

struct cJSON;

/*
 * Largest integer taken.  RFC 8259 section 6 says 2^53 - 1, but cJSON prints a shorter
 * number when it differs by no more than one part in 2^52.
 */
#define JSON_INTEGER_MAX ((UINT64_C(1) << 52) - 1)

enum json_need { JSON_OPTIONAL, JSON_REQUIRED };

/**
 * struct json_object - an object that is being read
 * @json: borrowed
 * @c:    where complaints go; may be NULL
 * @path: of the object itself, "" for the whole text
 */
struct json_object {
	const struct cJSON *json;
	struct complaint *c;
	char path[COMPLAINT_FIELD_MAX];
};

/* Return: 0; -EINVAL when @json is no object. */
int json_object_open(struct json_object *o, const struct cJSON *json, const char *path,
		     struct complaint *c);

/* Refuses members other than @names[0..n-1]. */
int json_object_only(const struct json_object *o, const char *const *names, size_t n);

/* A complaint about one member ("" for the object itself).  Return: -EINVAL. */
int json_refuse(const struct json_object *o, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* @size: of @buf; longer text is refused. */
int json_get_string(const struct json_object *o, const char *name, enum json_need need, char *buf,
		    size_t size);

/* The text itself, borrowed from the tree. */
int json_get_text(const struct json_object *o, const char *name, enum json_need need,
		  const char **text);

/* @min, @max: what is allowed, at most JSON_INTEGER_MAX. */
int json_get_integer(const struct json_object *o, const char *name, enum json_need need,
		     uint64_t min, uint64_t max, uint64_t *value);

int json_get_bool(const struct json_object *o, const char *name, bool *value);
int json_get_array(const struct json_object *o, const char *name, enum json_need need,
		   const struct cJSON **array);
int json_get_object(const struct json_object *o, const char *name, enum json_need need,
		    struct json_object *child);

/* "a string", "a number" ... for complaints. */
const char *json_kind(const struct cJSON *json);

#endif
