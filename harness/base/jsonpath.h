/* SPDX-License-Identifier: MIT */
/*
 * jsonpath.h - the place of a value in a JSON text
 *
 * cJSON does not keep positions.  When a value turns out to be wrong, the text, which is known to
 * be well-formed by then, is walked again along the path to that value.
 */
#ifndef HARNESS_BASE_JSONPATH_H
#define HARNESS_BASE_JSONPATH_H

#include <stddef.h>

#define JSONPATH_MAX_DEPTH 8

/* One step into an object (key) or, with key NULL, into an array (index). */
struct jsonpath_step {
	const char *key;
	unsigned index;
};

struct jsonpath {
	struct jsonpath_step steps[JSONPATH_MAX_DEPTH];
	unsigned depth;
};

/**
 * jsonpath_offset() - find the value at a path
 * @text: well-formed JSON, NUL-terminated
 * @path: borrowed
 *
 * For the last step into an object this is the place of the key.  A path that does not exist gives
 * the place of the last value on it that exists.
 *
 * Return: byte offset into @text.
 */
size_t jsonpath_offset(const char *text, const struct jsonpath *path);

/**
 * jsonpath_print() - write a path as text, such as links[2].ends[0].mtu
 * @path: borrowed
 * @out:  filled, NUL-terminated; a longer path is cut
 * @size: room at @out in bytes
 */
void jsonpath_print(const struct jsonpath *path, char *out, size_t size);

/**
 * jsonpath_line() - count lines
 * @text:   NUL-terminated
 * @offset: of a byte in it
 *
 * Return: the line of that byte, from 1.
 */
unsigned jsonpath_line(const char *text, size_t offset);

#endif
