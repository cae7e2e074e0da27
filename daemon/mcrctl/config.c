// SPDX-License-Identifier: MIT
/*
 * config.c - mcrctl config show, check, load and save
 *
 * Files are read and written here, with the caller's rights; the daemon opens none.  The syntax is
 * checked here before anything is sent, and the values by the daemon.  A complaint of either names
 * the line of the file.
 */
#include "daemon/mcrctl/config.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text/config.h"
#include "core/text/config_check.h"
#include "core/text/json_text.h"
#include "core/text/request.h"
#include "daemon/mcrctl/args.h"
#include "daemon/mcrctl/connect.h"
#include "daemon/mcrctl/file.h"
#include "daemon/mcrctl/pages.h"
#include "daemon/mcrctl/result.h"

#define LOAD_MS 60000 /* for the answer to the largest configuration on a slow machine */

const struct ctl_option ctl_config_file_options[] = {
	{"--file", "F", true, "the configuration file; - is standard input"},
	{NULL},
};

const struct ctl_option ctl_config_load_options[] = {
	{"--file", "F", true, "the configuration file; - is standard input"},
	{"--replace", NULL, false, "afterwards the rules are exactly those of the file"},
	{"--dry-run", NULL, false, "say what would change, and change nothing"},
	{NULL},
};

const struct ctl_option ctl_config_save_options[] = {
	{"--file", "F", false, "where to; without it the text goes to standard output"},
	{NULL},
};

/* {"error":{"file","line","column","field","reason"}} */
static void say_complaint_as_json(const char *file, const struct complaint *c)
{
	cJSON *o = cJSON_CreateObject();
	cJSON *error = cJSON_AddObjectToObject(o, "error");
	char *text;

	cJSON_AddStringToObject(error, "file", file);
	if (c->line) {
		cJSON_AddNumberToObject(error, "line", c->line);
		cJSON_AddNumberToObject(error, "column", c->column);
	}
	cJSON_AddStringToObject(error, "field", c->field);
	cJSON_AddStringToObject(error, "reason", c->reason);
	text = cJSON_PrintUnformatted(o);
	fprintf(stderr, "%s\n", text ? text : "{\"error\":{}}");
	cJSON_free(text);
	cJSON_Delete(o);
}

/* "FILE:LINE:COLUMN: FIELD: REASON", without what is not known. */
static void say_complaint(const struct ctl *ctl, const struct complaint *c)
{
	const char *file = file_label(ctl_value(ctl, "--file"));

	if (ctl->json) {
		say_complaint_as_json(file, c);
		return;
	}
	if (c->line)
		fprintf(stderr, "%s:%u:%u: ", file, c->line, c->column);
	else
		fprintf(stderr, "%s: ", file);
	fprintf(stderr, "%s%s%s\n", c->field, c->field[0] ? ": " : "", c->reason);
}

static void tell_error(void *ctx, const struct complaint *c)
{
	const struct ctl *ctl = ctx;

	say_complaint(ctl, c);
}

enum ctl_status ctl_config_check(const struct ctl *ctl)
{
	const char *file = ctl_value(ctl, "--file");
	struct config config;
	size_t len;
	char *text = file_read(file, CONFIG_TEXT_MAX, &len);
	unsigned errors;

	if (!text)
		return CTL_REFUSED;
	errors = config_check(text, len, tell_error, (void *)ctl, &config);
	free(text);
	if (errors == CONFIG_ERRORS_MAX)
		ctl_say("there may be more than these %u errors", errors);
	if (errors)
		return CTL_REFUSED;
	if (ctl->json)
		printf("{\"rules\":%zu,\"workers\":%u}\n", config.n_rules, config.workers);
	else
		printf("%s: valid, %zu rule%s\n", file_label(file), config.n_rules,
		       config.n_rules == 1 ? "" : "s");
	config_fini(&config);
	return CTL_OK;
}

/* How many bytes a byte of a string takes in a request: its escape, or itself. */
static size_t escaped_bytes(char ch)
{
	return ch == '"' || ch == '\\' ? 2 : (unsigned char)ch < 0x20 || ch == 0x7f ? 6 : 1;
}

/*
 * The longest beginning of @text that fits into one request, in bytes.  It ends between
 * two characters: what a request holds must be UTF-8.
 */
static size_t piece(const char *text, size_t len)
{
	const size_t envelope = 256;
	size_t room = REQUEST_LINE_MAX - envelope, n = 0;

	while (n < len && escaped_bytes(text[n]) <= room)
		room -= escaped_bytes(text[n++]);
	while (n < len && n && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	return n;
}

static enum ctl_status upload_piece(struct ctl_session *c, const char *text, size_t len,
				    size_t offset, struct ctl_reply *reply)
{
	cJSON *params = cJSON_CreateObject();
	char *copy = strndup(text, len);
	enum ctl_status ret;

	cJSON_AddStringToObject(params, "text", copy ? copy : "");
	cJSON_AddNumberToObject(params, "offset", (double)offset);
	free(copy);
	ret = ctl_session_call(c, "UploadConfig", params, reply);
	if (ret == CTL_OK)
		ctl_reply_fini(reply);
	return ret;
}

/* @text is valid UTF-8, so that every piece has bytes. */
static enum ctl_status upload(struct ctl_session *c, const char *text, size_t len,
			      struct ctl_reply *reply)
{
	enum ctl_status ret = CTL_OK;

	for (size_t at = 0, n; at < len && ret == CTL_OK; at += n) {
		n = piece(text + at, len - at);
		ret = upload_piece(c, text + at, n, at, reply);
	}
	return ret;
}

/* In one request where that is possible. */
static enum ctl_status send_config(const struct ctl *ctl, const char *method, bool replace,
				   const char *text, size_t len, struct ctl_reply *reply)
{
	cJSON *params = cJSON_CreateObject();
	struct ctl_session c;
	struct ctl longer_wait = *ctl;
	enum ctl_status ret;

	longer_wait.answer_ms = LOAD_MS;
	ret = ctl_session_open(&longer_wait, &c, reply);
	if (piece(text, len) == len)
		cJSON_AddStringToObject(params, "text", text);
	else
		cJSON_AddTrueToObject(params, "uploaded");
	if (replace)
		cJSON_AddTrueToObject(params, "replace");
	if (ret == CTL_OK && !ctl_member(params, "text"))
		ret = upload(&c, text, len, reply);
	if (ret == CTL_OK)
		ret = ctl_session_call(&c, method, params, reply);
	else
		cJSON_Delete(params);
	ctl_session_close(&c);
	return ret;
}

static void print_loaded(const char *file, const cJSON *result)
{
	printf("%s loaded: %.0f rules added, %.0f replaced, %.0f unchanged, %.0f removed\n",
	       file_label(file), ctl_number(result, "added"), ctl_number(result, "replaced"),
	       ctl_number(result, "unchanged"), ctl_number(result, "removed"));
	ctl_print_applied(result);
}

/* "input, name" */
static void print_list(const cJSON *texts)
{
	const char *between = "";
	const cJSON *text;

	cJSON_ArrayForEach(text, texts) {
		if (cJSON_IsString(text))
			printf("%s%s", between, text->valuestring);
		between = ", ";
	}
}

static void print_change(const cJSON *change)
{
	const char *name = ctl_text(change, "name");

	printf("%-8s %s%s%s%s", ctl_text(change, "change"), ctl_text(change, "rule_id"),
	       name[0] ? " (" : "", name, name[0] ? ")" : "");
	if (ctl_member(change, "differs")) {
		fputs(": ", stdout);
		print_list(ctl_member(change, "differs"));
	}
	if (cJSON_IsTrue(ctl_member(change, "counts_anew")))
		fputs("; its counters begin at zero", stdout);
	putchar('\n');
}

/* Rules that run and are not in the file come first: nobody may miss them. */
static void print_diff(const char *file, const cJSON *result)
{
	const cJSON *settings = ctl_member(result, "settings"), *change;

	cJSON_ArrayForEach(change, ctl_member(result, "changes"))
		print_change(change);
	if (ctl_number(result, "left_out") > 0)
		printf("and %.0f others\n", ctl_number(result, "left_out"));
	if (cJSON_GetArraySize(settings)) {
		fputs("settings of inputs, which are opened anew: ", stdout);
		print_list(settings);
		putchar('\n');
	}
	printf("%s would add %.0f rules, change %.0f, leave %.0f untouched, remove %.0f\n",
	       file_label(file), ctl_number(result, "added"), ctl_number(result, "replaced"),
	       ctl_number(result, "unchanged"), ctl_number(result, "removed"));
}

/* Sends the file, and prints the result by @print. */
static enum ctl_status with_file(const struct ctl *ctl, const char *method, bool replace,
				 void (*print)(const char *file, const cJSON *result))
{
	const char *file = ctl_value(ctl, "--file");
	struct complaint c = {0};
	struct ctl_reply reply;
	enum ctl_status ret = CTL_REFUSED;
	cJSON *json = NULL;
	size_t len;
	char *text = file_read(file, CONFIG_TEXT_MAX, &len);

	if (!text)
		return CTL_REFUSED;
	if (json_text_parse(text, len, JSON_RELAXED, &json, &c) < 0) {
		say_complaint(ctl, &c);
		free(text);
		return ret;
	}
	cJSON_Delete(json);
	ret = send_config(ctl, method, replace, text, len, &reply);
	if (ret == CTL_REFUSED)
		say_complaint(ctl, &reply.refusal);
	else if (ret == CTL_OK && ctl->json)
		puts(reply.text ? reply.text : "{}");
	else if (ret == CTL_OK)
		print(file, reply.result);
	ctl_reply_fini(&reply);
	free(text);
	return ret;
}

enum ctl_status ctl_config_load(const struct ctl *ctl)
{
	const bool replace = ctl_value(ctl, "--replace");

	return ctl_value(ctl, "--dry-run") ? with_file(ctl, "DiffConfig", replace, print_diff)
					   : with_file(ctl, "LoadConfig", replace, print_loaded);
}

enum ctl_status ctl_config_diff(const struct ctl *ctl)
{
	return with_file(ctl, "DiffConfig", true, print_diff);
}

static void print_text(const struct ctl *ctl, const cJSON *result)
{
	fputs(ctl_text(result, "text"), stdout);
}

enum ctl_status ctl_config_show(const struct ctl *ctl)
{
	return ctl_run_pages(ctl, "GetConfig", print_text);
}

enum ctl_status ctl_config_save(const struct ctl *ctl)
{
	const char *file = ctl_value(ctl, "--file"), *text;
	struct ctl_reply reply;
	enum ctl_status ret;

	if (!file)
		return ctl_config_show(ctl);
	ret = ctl_call_pages(ctl, "GetConfig", NULL, &reply);
	ctl_report(ctl, ret, &reply, NULL);
	if (ret == CTL_OK) {
		text = ctl_text(reply.result, "text");
		if (!file_replace(file, text, strlen(text)))
			ret = CTL_REFUSED;
		else if (!ctl->json)
			printf("%s saved\n", file);
	}
	ctl_reply_fini(&reply);
	return ret;
}
