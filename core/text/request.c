// SPDX-License-Identifier: MIT
/*
 * request.c - a client's line to a typed request
 *
 * The id is taken first, so that the answer to a request with errors has it.
 */
#include "core/text/request.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/complaint.h"
#include "core/text/json_field.h"
#include "core/text/json_text.h"
#include "core/text/rule_json.h"

#define ID_TEXT_MAX 128 /* bytes of an id: it is echoed, and a client must not make it grow */

#define N(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *name;
	bool read_only;
} methods[] = {
	[METHOD_VERSION_CHECK] = {"VersionCheck", true},
	[METHOD_GET_VERSION] = {"GetVersion", true},
	[METHOD_PING] = {"Ping", true},
	[METHOD_ADD_RULE] = {"AddRule", false},
	[METHOD_REMOVE_RULE] = {"RemoveRule", false},
	[METHOD_REMOVE_RULE_BY_NAME] = {"RemoveRuleByName", false},
	[METHOD_ADD_OUTPUT] = {"AddOutput", false},
	[METHOD_REMOVE_OUTPUT] = {"RemoveOutput", false},
	[METHOD_SET_OUTPUT] = {"SetOutput", false},
	[METHOD_RENAME_RULE] = {"RenameRule", false},
	[METHOD_ENABLE_RULE] = {"EnableRule", false},
	[METHOD_DISABLE_RULE] = {"DisableRule", false},
	[METHOD_LIST_RULES] = {"ListRules", true},
	[METHOD_GET_STATS] = {"GetStats", true},
	[METHOD_LIST_WORKERS] = {"ListWorkers", true},
	[METHOD_SYNC_RULES] = {"SyncRules", false},
	[METHOD_GET_CONFIG] = {"GetConfig", true},
	[METHOD_UPLOAD_CONFIG] = {"UploadConfig", false},
	[METHOD_CHECK_CONFIG] = {"CheckConfig", true},
	[METHOD_DIFF_CONFIG] = {"DiffConfig", true},
	[METHOD_LOAD_CONFIG] = {"LoadConfig", false},
	[METHOD_UPGRADE] = {"Upgrade", false},
};
static_assert(N(methods) == METHODS, "every method needs a name");

const char *method_name(enum method m)
{
	return (unsigned)m < METHODS ? methods[m].name : "?";
}

bool method_read_only(enum method m)
{
	return (unsigned)m < METHODS && methods[m].read_only;
}

void request_fini(struct request *r)
{
	cJSON_Delete(r->id);
	switch (r->method) {
	case METHOD_ADD_RULE:
		rule_fini(&r->add_rule.rule);
		break;
	case METHOD_UPLOAD_CONFIG:
		free(r->upload.text);
		break;
	case METHOD_CHECK_CONFIG:
	case METHOD_DIFF_CONFIG:
	case METHOD_LOAD_CONFIG:
		config_fini(&r->config.config);
		break;
	case METHOD_VERSION_CHECK:
	case METHOD_GET_VERSION:
	case METHOD_PING:
	case METHOD_REMOVE_RULE:
	case METHOD_REMOVE_RULE_BY_NAME:
	case METHOD_ADD_OUTPUT:
	case METHOD_REMOVE_OUTPUT:
	case METHOD_SET_OUTPUT:
	case METHOD_RENAME_RULE:
	case METHOD_ENABLE_RULE:
	case METHOD_DISABLE_RULE:
	case METHOD_LIST_RULES:
	case METHOD_GET_STATS:
	case METHOD_LIST_WORKERS:
	case METHOD_SYNC_RULES:
	case METHOD_GET_CONFIG:
	case METHOD_UPGRADE:
	case METHODS:
		break;
	}
	memset(r, 0, sizeof(*r));
}

static int rpc_error(int ret)
{
	if (ret == -ENOMEM)
		return RPC_INTERNAL_ERROR;
	return ret == -ELOOP ? RPC_CONFLICT : ret < 0 ? RPC_INVALID_PARAMS : 0;
}

/* Detaches the id, when it is one that can be echoed. */
static int take_id(struct json_object *o, cJSON *json, struct request *out)
{
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(json, "id");
	bool usable;

	if (!id)
		return 0;
	if (cJSON_IsString(id))
		usable = strlen(id->valuestring) < ID_TEXT_MAX;
	else if (cJSON_IsNumber(id))
		usable = id->valuedouble >= -(double)JSON_INTEGER_MAX &&
			 id->valuedouble <= (double)JSON_INTEGER_MAX &&
			 id->valuedouble == (double)(int64_t)id->valuedouble;
	else
		usable = cJSON_IsNull(id);
	if (!usable)
		return json_refuse(o, "id",
				   "must be a string of less than %d bytes, an integer or null",
				   ID_TEXT_MAX);
	out->id = cJSON_DetachItemFromObjectCaseSensitive(json, "id");
	return 0;
}

/* Everything of the envelope but id and params. */
static int parse_envelope(const struct json_object *o, struct request *out)
{
	static const char *const names[] = {"jsonrpc", "id", "method", "params"};
	char word[JSON_WORD_MAX];
	const char *text;

	if (json_object_only(o, names, N(names)) < 0 ||
	    json_get_text(o, "jsonrpc", JSON_REQUIRED, &text) < 0)
		return RPC_INVALID_REQUEST;
	if (strcmp(text, "2.0") != 0) {
		json_refuse(o, "jsonrpc", "must be \"2.0\", not \"%s\"", json_word(text, word));
		return RPC_INVALID_REQUEST;
	}
	if (json_get_text(o, "method", JSON_REQUIRED, &text) < 0)
		return RPC_INVALID_REQUEST;
	for (unsigned m = 0; m < METHODS; m++) {
		if (strcmp(text, methods[m].name) == 0) {
			out->method = (enum method)m;
			return 0;
		}
	}
	json_refuse(o, "method", "\"%s\" is unknown", json_word(text, word));
	return RPC_METHOD_NOT_FOUND;
}

/* One required string, and nothing else. */
static int parse_one_string(const struct json_object *params, const char *name, char *buf,
			    size_t size)
{
	int ret = json_object_only(params, &name, 1);

	if (ret < 0)
		return ret;
	ret = json_get_string(params, name, JSON_REQUIRED, buf, size);
	if (ret < 0)
		return ret;
	return buf[0] ? 0 : json_refuse(params, name, "must not be empty");
}

/* "replace" stands beside the members of the rule; rule_from_json() must not see it. */
static int parse_add_rule(const struct json_object *params, cJSON *json, struct request *out)
{
	int ret = json_get_bool(params, "replace", &out->add_rule.replace);

	if (ret < 0)
		return ret;
	cJSON_DeleteItemFromObjectCaseSensitive(json, "replace");
	return rule_from_json(json, params->path, &out->add_rule.rule, params->c);
}

static int parse_output(const struct json_object *params, struct request *out)
{
	struct json_object o;
	int ret = json_get_object(params, "output", JSON_REQUIRED, &o);

	if (ret < 0)
		return ret;
	return rule_output_from_json(o.json, o.path, &out->change.output, params->c);
}

/* @what: "output" or "name", which the method needs beside the rule, or NULL */
static int parse_change(const struct json_object *params, const char *what, struct request *out)
{
	const char *const names[] = {"rule", what};
	int ret = json_object_only(params, names, what ? 2 : 1);

	if (ret < 0)
		return ret;
	ret = json_get_string(params, "rule", JSON_REQUIRED, out->change.rule,
			      sizeof(out->change.rule));
	if (ret < 0)
		return ret;
	if (!out->change.rule[0])
		return json_refuse(params, "rule", "must not be empty");
	if (!what)
		return 0;
	if (strcmp(what, "output") == 0)
		return parse_output(params, out);
	ret = json_get_string(params, what, JSON_REQUIRED, out->change.name,
			      sizeof(out->change.name));
	return ret < 0 ? ret : 0;
}

static int parse_upload(const struct json_object *params, struct request *out)
{
	static const char *const names[] = {"text", "offset"};
	const char *text;
	int ret = json_object_only(params, names, N(names));

	if (ret < 0)
		return ret;
	ret = json_get_integer(params, "offset", JSON_REQUIRED, 0, CONFIG_TEXT_MAX,
			       &out->upload.offset);
	if (ret < 0)
		return ret;
	ret = json_get_text(params, "text", JSON_REQUIRED, &text);
	if (ret < 0)
		return ret;
	out->upload.text = strdup(text);
	if (!out->upload.text) {
		complain(params->c, "", "out of memory");
		return -ENOMEM;
	}
	return 0;
}

static int parse_config(const struct json_object *params, struct request *out)
{
	static const char *const names[] = {"text", "uploaded", "replace"};
	const char *text;
	int ret;

	ret = json_object_only(params, names, out->method == METHOD_CHECK_CONFIG ? 2 : 3);
	if (ret < 0)
		return ret;
	ret = json_get_bool(params, "replace", &out->config.replace);
	if (ret < 0)
		return ret;
	ret = json_get_bool(params, "uploaded", &out->config.uploaded);
	if (ret < 0)
		return ret;
	if (out->config.uploaded) {
		ret = json_get_text(params, "text", JSON_OPTIONAL, &text);
		return ret <= 0 ? ret
				: json_refuse(params, "text", "must be absent with \"uploaded\"");
	}
	ret = json_get_text(params, "text", JSON_REQUIRED, &text);
	if (ret < 0)
		return ret;
	return config_parse(text, strlen(text), &out->config.config, params->c);
}

/* "REVISION.FIRST", both without signs or leading blanks. */
static bool read_cursor(const char *text, struct request_page *page)
{
	char canonical[REQUEST_CURSOR_MAX];

	return sscanf(text, "%" SCNu64 ".%" SCNu32, &page->revision, &page->first) == 2 &&
	       page->revision &&
	       strcmp(request_cursor(page->revision, page->first, canonical), text) == 0;
}

const char *request_cursor(uint64_t revision, uint32_t first, char buf[static REQUEST_CURSOR_MAX])
{
	snprintf(buf, REQUEST_CURSOR_MAX, "%" PRIu64 ".%" PRIu32, revision, first);
	return buf;
}

/* @whole: all rules, or none */
static int parse_page(const struct json_object *params, bool whole, struct request_page *page)
{
	static const char *const names[] = {"cursor", "limit", "rule"};
	uint64_t limit = MCR_MAX_RULES;
	const char *cursor;
	int ret = json_object_only(params, names, N(names) - whole);

	if (ret < 0)
		return ret;
	ret = json_get_string(params, "rule", JSON_OPTIONAL, page->rule, sizeof(page->rule));
	if (ret < 0)
		return ret;
	if (ret > 0 && !page->rule[0])
		return json_refuse(params, "rule", "must not be empty");
	if (ret > 0 && cJSON_GetArraySize(params->json) > 1)
		return json_refuse(params, "rule", "is one rule: there are no pages");
	ret = json_get_integer(params, "limit", JSON_OPTIONAL, 1, MCR_MAX_RULES, &limit);
	if (ret < 0)
		return ret;
	page->paged = ret > 0;
	page->limit = (uint32_t)limit;
	ret = json_get_text(params, "cursor", JSON_OPTIONAL, &cursor);
	if (ret <= 0)
		return ret;
	page->paged = true;
	return read_cursor(cursor, page)
		       ? 0
		       : json_refuse(params, "cursor", "is not the \"next\" of an earlier answer");
}

static int parse_params(cJSON *json, struct request *out, struct complaint *c)
{
	struct json_object params;
	int ret;

	ret = json_object_open(&params, json, "params", c);
	if (ret < 0)
		return ret;
	switch (out->method) {
	case METHOD_VERSION_CHECK:
		return parse_one_string(&params, "version", out->version_check.version,
					sizeof(out->version_check.version));
	case METHOD_ADD_RULE:
		return parse_add_rule(&params, json, out);
	case METHOD_REMOVE_RULE:
		return parse_one_string(&params, "rule_id", out->remove_rule.rule_id,
					sizeof(out->remove_rule.rule_id));
	case METHOD_REMOVE_RULE_BY_NAME:
		return parse_one_string(&params, "name", out->remove_rule_by_name.name,
					sizeof(out->remove_rule_by_name.name));
	case METHOD_ADD_OUTPUT:
	case METHOD_REMOVE_OUTPUT:
	case METHOD_SET_OUTPUT:
		return parse_change(&params, "output", out);
	case METHOD_RENAME_RULE:
		return parse_change(&params, "name", out);
	case METHOD_ENABLE_RULE:
	case METHOD_DISABLE_RULE:
		return parse_change(&params, NULL, out);
	case METHOD_UPLOAD_CONFIG:
		return parse_upload(&params, out);
	case METHOD_CHECK_CONFIG:
	case METHOD_DIFF_CONFIG:
	case METHOD_LOAD_CONFIG:
		return parse_config(&params, out);
	case METHOD_LIST_RULES:
	case METHOD_GET_STATS:
	case METHOD_GET_CONFIG:
		return parse_page(&params, out->method == METHOD_GET_CONFIG, &out->page);
	case METHOD_GET_VERSION:
	case METHOD_PING:
	case METHOD_LIST_WORKERS:
	case METHOD_SYNC_RULES:
	case METHOD_UPGRADE:
	case METHODS:
		break;
	}
	return json_object_only(&params, NULL, 0);
}

/* Methods without params may leave them out; for the others their absence is an empty object. */
static int parse_message(cJSON *json, struct request *out, struct complaint *c)
{
	struct json_object o;
	cJSON *params, *empty = NULL;
	int ret;

	if (cJSON_IsArray(json)) {
		complain(c, "", "batches are not supported, send one request per line");
		return RPC_INVALID_REQUEST;
	}
	if (json_object_open(&o, json, "", c) < 0 || take_id(&o, json, out) < 0)
		return RPC_INVALID_REQUEST;
	ret = parse_envelope(&o, out);
	if (ret)
		return ret;
	params = cJSON_GetObjectItemCaseSensitive(json, "params");
	if (!params)
		params = empty = cJSON_CreateObject();
	if (!params) {
		complain(c, "", "out of memory");
		return RPC_INTERNAL_ERROR;
	}
	ret = rpc_error(parse_params(params, out, c));
	cJSON_Delete(empty);
	return ret;
}

int request_parse(const char *line, size_t len, struct request *out, struct complaint *c)
{
	cJSON *json = NULL, *id;
	int ret;

	memset(out, 0, sizeof(*out));
	if (len > REQUEST_LINE_MAX) {
		complain(c, "", "the line is longer than %u bytes", REQUEST_LINE_MAX);
		return RPC_LIMIT;
	}
	ret = json_text_parse(line, len, JSON_STRICT, &json, c);
	if (ret < 0)
		return ret == -ENOMEM ? RPC_INTERNAL_ERROR : RPC_PARSE_ERROR;
	ret = parse_message(json, out, c);
	cJSON_Delete(json);
	if (ret) {
		/* Failed parsers own nothing; what is left of the union must not be released. */
		id = out->id;
		memset(out, 0, sizeof(*out));
		out->id = id;
	}
	return ret;
}
