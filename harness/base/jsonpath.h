/* SPDX-License-Identifier: MIT */
/*
 * Where in a JSON text a value stands.
 *
 * cJSON does not keep positions.  When a value turns out to be wrong, the text, which is known to
 * be well-formed by then, is walked once more along the path to that value.
 */
#ifndef HARNESS_BASE_JSONPATH_H
#define HARNESS_BASE_JSONPATH_H

#include <stddef.h>

#define JSONPATH_MAX_DEPTH 8

/* One step into an object (key) or, with key NULL, into an array (index). */
struct jsonpath_step {
	const char *key;
	unsigned int index;
};

struct jsonpath {
	struct jsonpath_step steps[JSONPATH_MAX_DEPTH];
	unsigned int depth;
};

/**
 * jsonpath_offset() - the byte offset of the value at @path in @text.
 *
 * For the last step into an object the offset is that of the key.  A path that leads nowhere gives
 * the offset of the last value that exists on it.
 */
size_t jsonpath_offset(const char *text, const struct jsonpath *path);

/** jsonpath_print() - write @path as people do, such as links[2].ends[0].mtu. */
void jsonpath_print(const struct jsonpath *path, char *out, size_t size);

/** jsonpath_line() - the line, counted from 1, that byte @offset of @text is on. */
unsigned int jsonpath_line(const char *text, size_t offset);

#endif
