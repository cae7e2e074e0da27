/* SPDX-License-Identifier: MIT */
/*
 * json_text.h - JSON text to a tree, and back from a field to its line
 *
 * A tree from here has no two fields of one object with the same name, is at most
 * JSON_MAX_DEPTH deep and holds valid UTF-8 without NUL.  cJSON keeps no positions,
 * so the line of a complaint is found by a second walk over the text, which only a complaint
 * costs.
 */
#ifndef CORE_TEXT_JSON_TEXT_H
#define CORE_TEXT_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/text/json_scan.h"

struct cJSON;
struct complaint;

/**
 * json_text_parse() - read a text
 * @text:    need not be NUL-terminated
 * @len:     bytes
 * @dialect: JSON_RELAXED allows comments and trailing commas
 * @out:     filled on success, for cJSON_Delete()
 * @c:       filled on failure, line and column included; the field only for a
 *           duplicate one
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int json_text_parse(const char *text, size_t len, enum json_dialect dialect, struct cJSON **out,
		    struct complaint *c);

/**
 * struct json_place - where something stands in a text, as byte offsets
 * @field: start of its name (member of an object) or of the value (array element)
 * @value: start of the value
 * @end:   first byte after the value
 */
struct json_place {
	size_t field;
	size_t value;
	size_t end;
};

/**
 * json_text_find() - where a field stands
 * @text: accepted by json_text_parse()
 * @path: as complaints write it: "rules[3].outputs[0].port", "" for the whole; of
 *        fields with the same name the last one counts
 * @out:  the place; of the innermost part of @path that exists when not all of it does
 *
 * Return: whether all of @path exists.
 */
bool json_text_find(const char *text, size_t len, const char *path, struct json_place *out);

/* Fills line and column of a complaint from its field, unless they are known. */
void json_text_locate(const char *text, size_t len, struct complaint *c);

#define JSON_WORD_MAX 48 /* bytes of a printable name, with its NUL */

/**
 * json_word() - a name or value out of somebody's text, fit for a complaint
 * @word: any text
 * @buf:  gets printable ASCII: other bytes become '?', a long word is cut
 *
 * Return: @buf.
 */
const char *json_word(const char *word, char buf[static JSON_WORD_MAX]);

/* Puts @path in front of the field of @c: "a.b" + "[2].c" or "c". */
void json_prefix_field(struct complaint *c, const char *path);

#endif
