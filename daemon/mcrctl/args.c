// SPDX-License-Identifier: MIT
/*
 * args.c - mcrctl's command line
 *
 * Own code instead of getopt_long(): the options belong to commands of one or two
 * words, and the global ones may stand before or after these.
 */
#include "daemon/mcrctl/args.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/complaint.h"
#include "daemon/mcrctl/suggest.h"

#define WORDS_MAX 64
#define LIST_MAX  128

static bool as_json;

void ctl_say_as_json(void)
{
	as_json = true;
}

static void print_json(const char *message)
{
	cJSON *o = cJSON_CreateObject();
	char *text;

	cJSON_AddStringToObject(cJSON_AddObjectToObject(o, "error"), "message", message);
	text = cJSON_PrintUnformatted(o);
	fprintf(stderr, "%s\n", text ? text : "{\"error\":{}}");
	cJSON_free(text);
	cJSON_Delete(o);
}

void ctl_say(const char *fmt, ...)
{
	char *text;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	if (as_json)
		print_json(text ? text : "out of memory");
	else
		fprintf(stderr, "mcrctl: %s\n", text ? text : "out of memory");
	free(text);
}

enum ctl_status ctl_usage_error(const struct ctl *ctl, const char *option, const char *fmt, ...)
{
	char reason[COMPLAINT_REASON_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	ctl_say("%s: %s (see 'mcrctl help%s%s')", option, reason, ctl->command ? " " : "",
		ctl->command ? ctl->command->words : "");
	return CTL_USAGE;
}

static int find_option(const struct ctl *ctl, const char *name, size_t len)
{
	const struct ctl_option *o = ctl->command ? ctl->command->options : NULL;

	for (int i = 0; o && o[i].name; i++)
		if (strlen(o[i].name) == len && strncmp(o[i].name, name, len) == 0)
			return i;
	return -1;
}

const char *ctl_value(const struct ctl *ctl, const char *option)
{
	int i = find_option(ctl, option, strlen(option));

	return i < 0 ? NULL : ctl->values[i];
}

/* The value of the option at argv[*i]: after its '=' or the next word. */
static const char *take_value(const char *equals, int argc, char **argv, int *i)
{
	if (equals)
		return equals + 1;
	return *i + 1 < argc ? argv[++*i] : NULL;
}

static enum ctl_status unknown_option(const struct ctl *ctl, const char *arg, size_t len)
{
	struct suggestion s = suggest_for(arg, len);
	char hint[SUGGEST_MAX];

	if (!ctl->command)
		return ctl_usage_error(ctl, arg, "unknown option before a command");
	suggest_consider(&s, "--socket-path");
	suggest_consider(&s, "--json");
	for (const struct ctl_option *o = ctl->command->options; o && o->name; o++)
		suggest_consider(&s, o->name);
	return ctl_usage_error(ctl, arg, "'%s' has no such option%s", ctl->command->words,
			       suggest_text(&s, hint));
}

static enum ctl_status unknown_command(const struct ctl *ctl, const struct ctl_command *commands,
				       const char *word)
{
	struct suggestion s = suggest_for(word, strlen(word));
	char hint[SUGGEST_MAX];

	for (; commands->words; commands++)
		suggest_consider(&s, commands->words);
	return ctl_usage_error(ctl, word, "unknown command%s", suggest_text(&s, hint));
}

/* How many operands there may be, or with @required must be. */
static unsigned count_operands(const struct ctl_command *command, bool required)
{
	unsigned n = 0;

	for (const char *at = command->operands; at && *at; at += strspn(at, " ")) {
		n += !(required && *at == '[');
		at += strcspn(at, " ");
	}
	return n;
}

static enum ctl_status parse_option(struct ctl *ctl, int argc, char **argv, int *i)
{
	const char *arg = argv[*i], *equals = strchr(arg, '='), *value = "";
	size_t len = equals ? (size_t)(equals - arg) : strlen(arg);
	int option = find_option(ctl, arg, len);
	bool takes_value, path = len == 13 && strncmp(arg, "--socket-path", len) == 0;

	if (strcmp(arg, "--json") == 0)
		return CTL_OK; /* seen before */
	if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
		ctl->help = true;
		return CTL_OK;
	}
	if (option < 0 && !path)
		return unknown_option(ctl, arg, len);
	takes_value = path || ctl->command->options[option].arg;
	if (!takes_value && equals)
		return ctl_usage_error(ctl, arg, "this option takes no value");
	if (takes_value)
		value = take_value(equals, argc, argv, i);
	if (!value)
		return ctl_usage_error(ctl, arg, "needs a value");
	if (path) {
		ctl->socket_path = value;
		return CTL_OK;
	}
	if (ctl->values[option] && !ctl->command->options[option].repeats)
		return ctl_usage_error(ctl, ctl->command->options[option].name, "is given twice");
	if (ctl->values[option] && ctl->n_repeated == CTL_MAX_REPEATS)
		return ctl_usage_error(ctl, ctl->command->options[option].name,
				       "is given more than %d times", CTL_MAX_REPEATS + 1);
	if (ctl->values[option]) {
		ctl->repeated[ctl->n_repeated++] = value;
		return CTL_OK;
	}
	ctl->values[option] = value;
	return CTL_OK;
}

/* Is @words a command, or the beginning of one ("config")? */
static bool find_command(struct ctl *ctl, const struct ctl_command *commands, const char *words)
{
	size_t len = strlen(words);

	for (; commands->words; commands++) {
		if (strcmp(commands->words, words) == 0) {
			ctl->command = commands;
			return true;
		}
		if (strncmp(commands->words, words, len) == 0 && commands->words[len] == ' ')
			return true;
	}
	return false;
}

/* "show, check, ..." for the @len bytes "config"; "" for words that begin no command. */
static const char *second_words(const struct ctl_command *commands, const char *words, size_t len,
				char list[static LIST_MAX])
{
	size_t used = 0;

	list[0] = '\0';
	for (; commands->words; commands++)
		if (strncmp(commands->words, words, len) == 0 && commands->words[len] == ' ' &&
		    used < LIST_MAX)
			used += (size_t)snprintf(list + used, LIST_MAX - used, "%s%s",
						 used ? ", " : "", commands->words + len + 1);
	return list;
}

/* @words: the words before it, without "help". */
static enum ctl_status parse_word(struct ctl *ctl, const struct ctl_command *commands,
				  char words[static WORDS_MAX], const char *word)
{
	size_t used = strlen(words);
	char list[LIST_MAX];

	if (ctl->command && ctl->n_operands == count_operands(ctl->command, false))
		return ctl_usage_error(ctl, word, "unexpected argument");
	if (ctl->command) {
		ctl->operands[ctl->n_operands++] = word;
		return CTL_OK;
	}
	if (!used && strcmp(word, "help") == 0 && !ctl->help) {
		ctl->help = true;
		return CTL_OK;
	}
	if (snprintf(words + used, WORDS_MAX - used, "%s%s", used ? " " : "", word) <
		    (int)(WORDS_MAX - used) &&
	    find_command(ctl, commands, words))
		return CTL_OK;
	if (!used)
		return unknown_command(ctl, commands, word);
	return ctl_usage_error(ctl, word, "is none of the commands that %.*s has: %s", (int)used,
			       words, second_words(commands, words, used, list));
}

static enum ctl_status check_required(const struct ctl *ctl)
{
	const struct ctl_option *o = ctl->command->options;

	if (ctl->n_operands < count_operands(ctl->command, true))
		return ctl_usage_error(ctl, ctl->command->words, "needs %s",
				       ctl->command->operands);
	for (int i = 0; o && o[i].name; i++)
		if (o[i].required && !ctl->values[i])
			return ctl_usage_error(ctl, o[i].name, "is missing");
	return CTL_OK;
}

enum ctl_status ctl_args_parse(struct ctl *ctl, int argc, char **argv,
			       const struct ctl_command *commands)
{
	char words[WORDS_MAX] = "", list[LIST_MAX];
	enum ctl_status ret;

	memset(ctl, 0, sizeof(*ctl));
	ctl->socket_path = CTL_SOCKET_PATH;
	ctl->commands = commands;
	/* Before anything can be wrong. */
	for (int i = 1; i < argc; i++)
		ctl->json |= strcmp(argv[i], "--json") == 0;
	if (ctl->json)
		ctl_say_as_json();
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-')
			ret = parse_option(ctl, argc, argv, &i);
		else
			ret = parse_word(ctl, commands, words, argv[i]);
		if (ret != CTL_OK)
			return ret;
	}
	if (ctl->help)
		return CTL_OK;
	if (!ctl->command) {
		if (words[0])
			return ctl_usage_error(ctl, words, "one of its commands is missing: %s",
					       second_words(commands, words, strlen(words), list));
		ctl_say("a command is missing (see 'mcrctl help')");
		return CTL_USAGE;
	}
	return check_required(ctl);
}
