/* SPDX-License-Identifier: MIT */
/*
 * json_scan.h - the grammar of JSON, to the byte
 *
 * cJSON builds the trees, but it says neither where a text is wrong nor why, and it accepts texts
 * that RFC 8259 forbids ("01", control characters in strings) and that are of no use here (a NUL
 * by \u0000, any nesting).  This scanner walks the text first, without allocating, and names the
 * place of an error. cJSON accepts every text that it accepts.
 */
#ifndef CORE_TEXT_JSON_SCAN_H
#define CORE_TEXT_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

struct complaint;

#define JSON_MAX_DEPTH 64 /* objects and arrays inside one another */

/* Longest number, in bytes: cJSON copies numbers into a buffer of this size with a NUL. */
#define JSON_MAX_NUMBER 63

/*
 * Values in one text: cJSON takes 64 bytes for each and copies names.  The largest
 * configuration has 700,000.
 */
#define JSON_MAX_VALUES (1u << 20)

/* RFC 8259, or with comments and trailing commas. */
enum json_dialect { JSON_STRICT, JSON_RELAXED };

/**
 * struct json_scan - a place in a text
 * @text:    borrowed, need not be NUL-terminated
 * @len:     bytes
 * @pos:     next byte, 0..len
 * @depth:   objects and arrays that are open
 * @values:  values that began so far
 * @dialect: what is allowed
 * @blank:   a copy of the text in which comments and trailing commas are overwritten
 *           with spaces, so that byte offsets hold; NULL when nobody wants it
 * @c:       filled with line, column and reason on failure; may be NULL
 */
struct json_scan {
	const char *text;
	size_t len;
	size_t pos;
	unsigned depth;
	unsigned values;
	enum json_dialect dialect;
	char *blank;
	struct complaint *c;
};

/**
 * json_scan_text() - walk a whole text: one value, with white space around it
 * Return: 0, or -EINVAL.
 */
int json_scan_text(struct json_scan *s);

/* Each moves past the element that its name says.  Return: 0, or -EINVAL. */
int json_scan_space(struct json_scan *s);
int json_scan_string(struct json_scan *s);
int json_scan_value(struct json_scan *s);

/* Line and column, from 1, of the byte at @offset; columns count bytes. */
void json_position(const char *text, size_t offset, unsigned *line, unsigned *column);

/* Length of the UTF-8 sequence at @p (RFC 3629), 0 when it is none; @len is at least 1. */
size_t json_utf8_length(const char *p, size_t len);

#endif
