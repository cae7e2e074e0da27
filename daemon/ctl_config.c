// SPDX-License-Identifier: MIT
/*
 * ctl_config.c - mcrctl config show, check, load and save
 *
 * Files are read and written here, with the caller's rights: the daemon has no file
 * system.  Syntax is checked before anything is sent, values by the daemon, and
 * either way a complaint carries the line of the file.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "core/json_text.h"
#include "core/request.h"
#include "daemon/ctl.h"
#include "daemon/ctl_file.h"

const struct ctl_option ctl_config_file_options[] = {
	{"--file", "F", true, "the configuration file"},
	{NULL},
};

const struct ctl_option ctl_config_load_options[] = {
	{"--file", "F", true, "the configuration file"},
	{"--replace", NULL, false, "afterwards the rules are exactly those of the file"},
	{NULL},
};

const struct ctl_option ctl_config_save_options[] = {
	{"--file", "F", false, "where to; without it the text goes to standard output"},
	{NULL},
};

/* "FILE:LINE:COLUMN: FIELD: REASON", without what is not known. */
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
		say_complaint(file, &c);
	} else {
		if (ctl->json)
			printf("{\"rules\":%zu,\"workers\":%u}\n", config.n_rules, config.workers);
		else
			printf("%s: valid, %zu rule%s\n", file, config.n_rules,
			       config.n_rules == 1 ? "" : "s");
		config_fini(&config);
	}
	free(text);
	return ret < 0 ? CTL_REFUSED : CTL_OK;
}

/*
 * Would @text fit into one request?  Escaped, a quote takes two bytes, a control character
 * up to six.
 */
static bool fits(const char *text)
{
	const size_t envelope = 256;
	size_t escaped = strlen(text);

	for (const char *p = text; *p; p++)
		escaped += *p == '"' || *p == '\\' ? 1 : (unsigned char)*p < 0x20 ? 5 : 0;
	return escaped + envelope <= REQUEST_LINE_MAX;
}

static cJSON *load_params(const struct ctl *ctl, const char *text)
{
	cJSON *params = cJSON_CreateObject();

	cJSON_AddStringToObject(params, "text", text);
	if (ctl_value(ctl, "--replace"))
		cJSON_AddTrueToObject(params, "replace");
	return params;
}

static void say_refusal(const char *file, const char *text, size_t len, struct complaint *c)
{
	struct json_place place;

	/* Where the field stands in the file, also when something more compact was sent. */
	if (c->field[0] && json_text_find(text, len, c->field, &place)) {
		c->line = 0;
		json_text_locate(text, len, c);
	}
	say_complaint(file, c);
}

static void print_loaded(const char *file, const cJSON *result)
{
	printf("%s loaded: %.0f rules added, %.0f replaced, %.0f unchanged, %.0f removed\n", file,
	       ctl_number(result, "added"), ctl_number(result, "replaced"),
	       ctl_number(result, "unchanged"), ctl_number(result, "removed"));
	ctl_print_applied(result);
}

/* @sent: @text, or the same without comments and spaces. */
static enum ctl_status load_text(const struct ctl *ctl, const char *file, const char *text,
				 size_t len, const char *sent)
{
	struct ctl_reply reply;
	enum ctl_status ret;

	if (!fits(sent)) {
		ctl_say("%s: is too long for one request, even without comments and spaces", file);
		return CTL_REFUSED;
	}
	ret = ctl_call(ctl, "LoadConfig", load_params(ctl, sent), &reply);
	if (ret == CTL_REFUSED)
		say_refusal(file, text, len, &reply.refusal);
	else if (ret == CTL_OK && ctl->json)
		puts(reply.text ? reply.text : "{}");
	else if (ret == CTL_OK)
		print_loaded(file, reply.result);
	ctl_reply_fini(&reply);
	return ret;
}

enum ctl_status ctl_config_load(const struct ctl *ctl)
{
	const char *file = ctl_value(ctl, "--file");
	struct complaint c = {0};
	enum ctl_status ret = CTL_REFUSED;
	cJSON *json = NULL;
	size_t len;
	char *text = file_read(file, CONFIG_TEXT_MAX, &len), *compact = NULL;

	if (!text)
		return CTL_REFUSED;
	if (json_text_parse(text, len, JSON_RELAXED, &json, &c) < 0) {
		say_complaint(file, &c);
	} else {
		if (!fits(text))
			compact = cJSON_PrintUnformatted(json);
		ret = load_text(ctl, file, text, len, compact ? compact : text);
	}
	cJSON_free(compact);
	cJSON_Delete(json);
	free(text);
	return ret;
}

static void print_text(const cJSON *result)
{
	fputs(ctl_text(result, "text"), stdout);
}

enum ctl_status ctl_config_show(const struct ctl *ctl)
{
	return ctl_run(ctl, "GetConfig", NULL, print_text);
}

enum ctl_status ctl_config_save(const struct ctl *ctl)
{
	const char *file = ctl_value(ctl, "--file"), *text;
	struct ctl_reply reply;
	enum ctl_status ret;

	if (!file)
		return ctl_config_show(ctl);
	ret = ctl_call(ctl, "GetConfig", NULL, &reply);
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
