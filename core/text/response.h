/* SPDX-License-Identifier: MIT */
/* response.h - responses, as lines */
#ifndef CORE_TEXT_RESPONSE_H
#define CORE_TEXT_RESPONSE_H

struct cJSON;
struct complaint;

/**
 * response_result() - a response line, newline included
 * @id:     borrowed, NULL writes null
 * @result: taken (freed), also on failure
 * Return: malloc()ed NUL-terminated text, NULL when out of memory.
 */
char *response_result(const struct cJSON *id, struct cJSON *result);

/*
 * response_error() - a line with an error: {"code", "message": "FIELD: REASON", "data": {"field",
 * "reason", "line"?, "column"?}}.
 */
char *response_error(const struct cJSON *id, int code, const struct complaint *c);

#endif
