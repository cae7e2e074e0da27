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
	{NULL},
};

const struct ctl_option ctl_config_save_options[] = {
	{"--file", "F", false, "where to; without it the text goes to standard output"},
	{NULL},
};

/* "FILE:LINE:COLUMN: FIELD: REASON", without the parts that are not known. */
static void say_complaint(const char *file, const struct complaint *c)
{
	if (c->line)
		fprintf(stderr, "%s:%u:%u: ", file, c->line, c->column);
	else
		fprintf(stderr, "%s: ", file);
	fprintf(stderr, "%s%s%s\n", c->field, c->field[0] ? ": " : "", c->reason);
}

enum ctl_status ctl_config_check(const struct ctl *ctl)
{
	const char *file = ctl_value(ctl, "--file");
	struct complaint c = {0};
	struct config config;
	size_t len;
	char *text = file_read(file, CONFIG_TEXT_MAX, &len);
	int ret;

	if (!text)
		return CTL_REFUSED;
	ret = config_parse(text, len, &config, &c);
	if (ret < 0) {
		say_complaint(file_label(file), &c);
	} else {
		if (ctl->json)
			printf("{\"rules\":%zu,\"workers\":%u}\n", config.n_rules, config.workers);
		else
			printf("%s: valid, %zu rule%s\n", file_label(file), config.n_rules,
			       config.n_rules == 1 ? "" : "s");
		config_fini(&config);
	}
	free(text);
	return ret < 0 ? CTL_REFUSED : CTL_OK;
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
static enum ctl_status load(const struct ctl *ctl, const char *text, size_t len,
			    struct ctl_reply *reply)
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
	if (ctl_value(ctl, "--replace"))
		cJSON_AddTrueToObject(params, "replace");
	if (ret == CTL_OK && !ctl_member(params, "text"))
		ret = upload(&c, text, len, reply);
	if (ret == CTL_OK)
		ret = ctl_session_call(&c, "LoadConfig", params, reply);
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

enum ctl_status ctl_config_load(const struct ctl *ctl)
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
		say_complaint(file_label(file), &c);
		free(text);
		return ret;
	}
	cJSON_Delete(json);
	ret = load(ctl, text, len, &reply);
	if (ret == CTL_REFUSED)
		say_complaint(file_label(file), &reply.refusal);
	else if (ret == CTL_OK && ctl->json)
		puts(reply.text ? reply.text : "{}");
	else if (ret == CTL_OK)
		print_loaded(file, reply.result);
	ctl_reply_fini(&reply);
	free(text);
	return ret;
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
