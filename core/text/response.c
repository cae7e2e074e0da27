// SPDX-License-Identifier: MIT
/* response.c - JSON-RPC 2.0 responses as lines */
#include "core/text/response.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/complaint.h"
#include "core/text/json_scan.h"

/* Takes @taken also on failure. */
static bool add_item(cJSON *to, const char *name, cJSON *taken)
{
	if (taken && cJSON_AddItemToObject(to, name, taken))
		return true;
	cJSON_Delete(taken);
	return false;
}

static cJSON *new_response(const cJSON *id)
{
	cJSON *o = cJSON_CreateObject();

	if (o && cJSON_AddStringToObject(o, "jsonrpc", "2.0") &&
	    add_item(o, "id", id ? cJSON_Duplicate(id, true) : cJSON_CreateNull()))
		return o;
	cJSON_Delete(o);
	return NULL;
}

/* The line of @taken, which may be NULL. */
static char *print_line(cJSON *taken)
{
	char *text = taken ? cJSON_PrintUnformatted(taken) : NULL, *line = NULL;
	size_t len;

	cJSON_Delete(taken);
	if (!text)
		return NULL;
	len = strlen(text);
	line = malloc(len + 2);
	if (line) {
		memcpy(line, text, len);
		memcpy(line + len, "\n", 2);
	}
	cJSON_free(text);
	return line;
}

char *response_result(const cJSON *id, cJSON *result)
{
	cJSON *o = new_response(id);

	if (!add_item(o, "result", result)) {
		cJSON_Delete(o);
		o = NULL;
	}
	return print_line(o);
}

/* Words may have been cut inside a UTF-8 sequence; the line must be valid JSON all the same. */
static bool add_words(cJSON *to, const char *name, const char *words)
{
	char clean[COMPLAINT_FIELD_MAX + COMPLAINT_REASON_MAX + 2];
	size_t len, n;

	snprintf(clean, sizeof(clean), "%s", words);
	len = strlen(clean);
	for (size_t i = 0; i < len; i += n) {
		n = json_utf8_length(clean + i, len - i);
		if (!n) {
			clean[i] = '?';
			n = 1;
		}
	}
	return cJSON_AddStringToObject(to, name, clean);
}

static bool fill_error(cJSON *error, int code, const struct complaint *c)
{
	char message[COMPLAINT_FIELD_MAX + COMPLAINT_REASON_MAX + 2];
	cJSON *data;

	snprintf(message, sizeof(message), "%s%s%s", c->field, c->field[0] ? ": " : "", c->reason);
	if (!cJSON_AddNumberToObject(error, "code", code) || !add_words(error, "message", message))
		return false;
	data = cJSON_AddObjectToObject(error, "data");
	if (!data || !add_words(data, "field", c->field) || !add_words(data, "reason", c->reason))
		return false;
	return !c->line || (cJSON_AddNumberToObject(data, "line", c->line) &&
			    cJSON_AddNumberToObject(data, "column", c->column));
}

char *response_error(const cJSON *id, int code, const struct complaint *c)
{
	cJSON *o = new_response(id), *error = cJSON_AddObjectToObject(o, "error");

	if (!error || !fill_error(error, code, c)) {
		cJSON_Delete(o);
		o = NULL;
	}
	return print_line(o);
}
