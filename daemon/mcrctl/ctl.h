/* SPDX-License-Identifier: MIT */
/*
 * ctl.h - mcrctl: one command, one connection, one answer
 *
 * mcrctl.c holds the table of commands; args.c reads the command line by it,
 * connect.c talks to the daemon, and each other ctl_*.c holds one group of
 * commands.
 */
#ifndef DAEMON_MCRCTL_CTL_H
#define DAEMON_MCRCTL_CTL_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/complaint.h"

struct cJSON;

#define CTL_SOCKET_PATH "/run/mcr/control.sock"

/* Exit statuses; mcrctl.1 documents them. */
enum ctl_status {
	CTL_OK = 0,
	CTL_REFUSED = 1,     /* the daemon, or the file system, said no */
	CTL_USAGE = 2,       /* bad arguments */
	CTL_UNREACHABLE = 3, /* no connection, no answer, or not the answer of an mcrd */
};

/**
 * struct ctl_option - an option of a command; a list of them ends with a NULL name
 * @name:     with its dashes
 * @arg:      what its value is called in the usage; NULL for a switch
 * @required: the command cannot do without
 * @help:     one line
 * @repeats:  may be given again; at most one option of a command
 */
struct ctl_option {
	const char *name;
	const char *arg;
	bool required;
	const char *help;
	bool repeats;
};

#define CTL_MAX_OPTIONS 16
#define CTL_MAX_REPEATS 256

struct ctl;

/**
 * struct ctl_command - a row of the table of commands
 * @words:   "add", "config load"
 * @summary: one line for the list of commands
 * @notes:   further lines for `mcrctl help COMMAND`, or NULL
 * @options: its own ones
 * @run:     does it and prints
 */
struct ctl_command {
	const char *words;
	const char *summary;
	const char *notes;
	const struct ctl_option *options;
	enum ctl_status (*run)(const struct ctl *ctl);
};

/**
 * struct ctl - the command line, read
 * @help:   asked for; @command may be NULL then
 * @answer_ms: how long an answer may take; 0: as usual
 * @repeated: further values of the option that repeats
 * @values: of the options of @command, in their order; a switch has "" when given
 */
struct ctl {
	const char *socket_path;
	bool json;
	bool help;
	const struct ctl_command *command;
	const char *values[CTL_MAX_OPTIONS];
	const char *repeated[CTL_MAX_REPEATS];
	unsigned n_repeated;
	unsigned answer_ms;
};

/* --- the command line (args.c) --- */

/* @commands ends with a row whose words are NULL.  The error has been printed. */
enum ctl_status ctl_args_parse(struct ctl *ctl, int argc, char **argv,
			       const struct ctl_command *commands);

/* Value of an option of the running command, NULL when not given; the name must be in its list. */
const char *ctl_value(const struct ctl *ctl, const char *option);

/* Prints "mcrctl: OPTION: reason" and a hint.  Return: CTL_USAGE. */
enum ctl_status ctl_usage_error(const struct ctl *ctl, const char *option, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Prints "mcrctl: ..." on stderr. */
void ctl_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- the daemon (connect.c) --- */

/**
 * struct ctl_reply - what the daemon answered
 * @json:    the whole message, owned
 * @result:  in it, when the call succeeded
 * @text:    the result as it came, for --json; owned
 * @refusal: why not, when the status is CTL_REFUSED
 * @code:    of the refusal, an enum rpc_error
 */
struct ctl_reply {
	struct cJSON *json;
	const struct cJSON *result;
	char *text;
	struct complaint refusal;
	int code;
};

void ctl_reply_fini(struct ctl_reply *r);

/**
 * ctl_call() - connect, check the version, call one method
 * @params: taken, NULL for none
 * @reply:  filled, for ctl_reply_fini() whatever the status
 *
 * Return: CTL_OK; CTL_REFUSED with @reply->refusal, nothing printed yet;
 * CTL_UNREACHABLE, printed.
 */
enum ctl_status ctl_call(const struct ctl *ctl, const char *method, struct cJSON *params,
			 struct ctl_reply *reply);

/**
 * struct ctl_session - a connection for several calls, for connect.c alone
 * @data: what was received on it and not yet taken
 */
struct ctl_session {
	const char *path;
	int fd;
	unsigned answer_ms;
	int calls;
	char *data;
	size_t len, room;
};

/* Connect and check the version; ctl_session_close() whatever is returned.  As ctl_call(). */
enum ctl_status ctl_session_open(const struct ctl *ctl, struct ctl_session *c,
				 struct ctl_reply *reply);
enum ctl_status ctl_session_call(struct ctl_session *c, const char *method, struct cJSON *params,
				 struct ctl_reply *reply);
void ctl_session_close(struct ctl_session *c);

/**
 * ctl_call_pages() - ctl_call() of a method that gives its list of rules in pages
 * @method: ListRules, GetStats or GetConfig
 * @reply:  as if the whole had come in one answer
 *
 * When the rules change between two pages it begins again.
 */
enum ctl_status ctl_call_pages(const struct ctl *ctl, const char *method, struct ctl_reply *reply);

/* Prints a result for people. */
typedef void ctl_print_fn(const struct cJSON *result);

/* Prints what ctl_call() brought: a refusal, the result as it came with --json, else by @print. */
void ctl_report(const struct ctl *ctl, enum ctl_status status, const struct ctl_reply *reply,
		ctl_print_fn *print);

/* ctl_call() and ctl_report(): all that most commands are. */
enum ctl_status ctl_run(const struct ctl *ctl, const char *method, struct cJSON *params,
			ctl_print_fn *print);

/* ctl_call_pages() and ctl_report(). */
enum ctl_status ctl_run_pages(const struct ctl *ctl, const char *method, ctl_print_fn *print);

/* --- results (result.c): what is missing in one reads as 0 or "" --- */

double ctl_number(const struct cJSON *object, const char *name);
const char *ctl_text(const struct cJSON *object, const char *name);
const struct cJSON *ctl_member(const struct cJSON *object, const char *name);

#define CTL_LIST_MAX 512

/* "name N, name N" of the members that are not zero, "-" when all are. */
const char *ctl_nonzero(const struct cJSON *object, char buf[static CTL_LIST_MAX]);

/* "generation 7 applied on 2 of 2 workers" on stdout; who is pending; warnings on stderr. */
void ctl_print_applied(const struct cJSON *result);

/* --- commands --- */

extern const struct ctl_option ctl_add_options[], ctl_remove_options[], ctl_config_file_options[],
	ctl_config_load_options[], ctl_config_save_options[];

enum ctl_status ctl_add(const struct ctl *ctl);          /* add.c */
enum ctl_status ctl_remove(const struct ctl *ctl);       /* rules.c */
enum ctl_status ctl_list(const struct ctl *ctl);         /* list.c */
enum ctl_status ctl_sync(const struct ctl *ctl);         /* rules.c */
enum ctl_status ctl_stats(const struct ctl *ctl);        /* stats.c */
enum ctl_status ctl_list_workers(const struct ctl *ctl); /* workers.c */
enum ctl_status ctl_upgrade(const struct ctl *ctl);      /* workers.c */
enum ctl_status ctl_ping(const struct ctl *ctl);         /* workers.c */
enum ctl_status ctl_version(const struct ctl *ctl);      /* workers.c */
enum ctl_status ctl_config_show(const struct ctl *ctl);  /* config.c */
enum ctl_status ctl_config_check(const struct ctl *ctl);
enum ctl_status ctl_config_load(const struct ctl *ctl);
enum ctl_status ctl_config_save(const struct ctl *ctl);

#endif
