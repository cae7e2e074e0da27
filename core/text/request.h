/* SPDX-License-Identifier: MIT */
/*
 * request.h - JSON-RPC 2.0 requests, as typed structs
 *
 * request_parse() is the one place where a client's bytes become a request.  One
 * message per line, at most REQUEST_LINE_MAX bytes (jsonrpc.org/specification;
 * batches are refused).
 */
#ifndef CORE_TEXT_REQUEST_H
#define CORE_TEXT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "core/rules/rule.h"
#include "core/text/config.h"

struct cJSON;
struct complaint;

#define REQUEST_LINE_MAX (1024u * 1024u)

/* Version of the control protocol, compared for equality (VersionCheck). */
#define PROTOCOL_VERSION "1"

/* JSON-RPC error codes: the reserved ones, then ours. */
enum rpc_error {
	RPC_PARSE_ERROR = -32700,
	RPC_INVALID_REQUEST = -32600,
	RPC_METHOD_NOT_FOUND = -32601,
	RPC_INVALID_PARAMS = -32602,
	RPC_INTERNAL_ERROR = -32603,
	RPC_VERSION_MISMATCH = -32000, /* or VersionCheck was not first */
	RPC_NOT_FOUND = -32001,
	RPC_CONFLICT = -32002,  /* a rule that exists with other outputs, or would loop */
	RPC_READ_ONLY = -32003, /* not on the status socket */
	RPC_REFUSED = -32005,   /* an upgrade that cannot be */
	RPC_LIMIT = -32004,     /* too many rules, line too long, too many clients */
};

enum method {
	METHOD_VERSION_CHECK,
	METHOD_GET_VERSION,
	METHOD_PING,
	METHOD_ADD_RULE,
	METHOD_REMOVE_RULE,
	METHOD_REMOVE_RULE_BY_NAME,
	METHOD_ADD_OUTPUT,
	METHOD_REMOVE_OUTPUT,
	METHOD_SET_OUTPUT,
	METHOD_RENAME_RULE,
	METHOD_ENABLE_RULE,
	METHOD_DISABLE_RULE,
	METHOD_LIST_RULES,
	METHOD_GET_STATS,
	METHOD_LIST_WORKERS,
	METHOD_SYNC_RULES,
	METHOD_GET_CONFIG,
	METHOD_UPLOAD_CONFIG,
	METHOD_CHECK_CONFIG,
	METHOD_DIFF_CONFIG,
	METHOD_LOAD_CONFIG,
	METHOD_UPGRADE,
	METHODS
};

const char *method_name(enum method m); /* "VersionCheck" ... */
bool method_read_only(enum method m);   /* allowed on the status socket? */

/**
 * struct request_page - which part of a list of rules is asked for
 * @paged:    "limit" or "cursor" was given; else the whole list is
 * @revision: of the list that the cursor belongs to (ruleset_revision()); 0: no cursor
 * @first:    rules that came before
 * @limit:    the most rules to give, 1..MCR_MAX_RULES
 * @rule:     id or name of the only rule to give; "": all.  Not paged then; not of GetConfig
 */
struct request_page {
	bool paged;
	uint64_t revision;
	uint32_t first;
	uint32_t limit;
	char rule[MCR_ID_MAX];
};

#define REQUEST_CURSOR_MAX 40 /* bytes, with its NUL */

/* The cursor of a page, for the answer with the page before it. */
const char *request_cursor(uint64_t revision, uint32_t first, char buf[static REQUEST_CURSOR_MAX]);

/**
 * struct request - one request, checked
 * @id:      the request's id, owned; NULL for a notification (no answer is sent)
 * @method:  which member of the union counts
 */
struct request {
	struct cJSON *id;
	enum method method;
	union {
		struct {
			char version[32];
		} version_check;
		struct {
			struct rule rule; /* id may be empty */
			bool replace;
		} add_rule;
		struct {
			char rule_id[MCR_ID_MAX];
		} remove_rule;
		struct {
			char name[MCR_NAME_MAX];
		} remove_rule_by_name;
		/* AddOutput to DisableRule: @output or @name is given where the method has it. */
		struct {
			char rule[MCR_ID_MAX]; /* id or name */
			struct rule_output output;
			char name[MCR_NAME_MAX];
		} change;
		struct request_page page; /* ListRules, GetStats, GetConfig */
		struct {
			char *text; /* owned */
			uint64_t offset;
		} upload;
		struct {
			struct config config; /* parsed from params.text, unless @uploaded */
			bool replace;         /* DiffConfig, LoadConfig: rules not in the text go */
			bool uploaded;        /* the text is what UploadConfig brought */
		} config;                     /* CheckConfig, DiffConfig and LoadConfig */
	};
};

void request_fini(struct request *r);

/**
 * request_parse() - read one line
 * @line: without the newline; need not be NUL-terminated
 * @len:  bytes
 * @out:  on success the request; on failure only @out->id is set (NULL when the
 *        line has none that can be used), so that the error can be addressed.
 *        request_fini() in either case
 * @c:    on failure the field ("params.input.port") and the reason; for a
 *        configuration text also its line and column
 *
 * Return: 0, or an enum rpc_error.
 */
int request_parse(const char *line, size_t len, struct request *out, struct complaint *c);

#endif
