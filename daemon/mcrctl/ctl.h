/* SPDX-License-Identifier: MIT */
/*
 * ctl.h - the types of mcrctl: commands, their options, the command line as read
 *
 *   mcrctl.c                 the table of commands
 *   args.c                   reads the command line by it
 *   connect.c, pages.c       talk to the daemon
 *   result.c, columns.c, table.c   print
 *   file.c                   reads and replaces files
 *   output_text.c            outputs as words of a command line
 *   suggest.c                the word that may have been meant
 *   select.c                 which rules of an answer, in which order
 *   completion.c             the table of commands for shells
 *   add.c, rules.c, list.c, stats.c, workers.c, config.c   the commands
 */
#ifndef DAEMON_MCRCTL_CTL_H
#define DAEMON_MCRCTL_CTL_H

#include <stdbool.h>

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

#define CTL_MAX_OPTIONS  16
#define CTL_MAX_REPEATS  256
#define CTL_MAX_OPERANDS 2

struct ctl;

/**
 * struct ctl_command - a row of the table of commands
 * @words:   "add", "config load"
 * @operands: words that follow, "RULE OUTPUT"; those in brackets may be left out; or NULL
 * @summary: one line for the list of commands
 * @notes:   further lines for `mcrctl help COMMAND`, or NULL
 * @options: its own ones
 * @run:     does it and prints
 */
struct ctl_command {
	const char *words;
	const char *operands;
	const char *summary;
	const char *notes;
	const struct ctl_option *options;
	enum ctl_status (*run)(const struct ctl *ctl);
};

/**
 * struct ctl - the command line, read
 * @commands: the table
 * @help:   asked for; @command may be NULL then
 * @answer_ms: how long an answer may take; 0: as usual
 * @operands: in their order; NULL: left out
 * @repeated: further values of the option that repeats
 * @values: of the options of @command, in their order; a switch has "" when given
 */
struct ctl {
	const char *socket_path;
	bool json;
	bool help;
	const struct ctl_command *commands;
	const struct ctl_command *command;
	const char *values[CTL_MAX_OPTIONS];
	const char *operands[CTL_MAX_OPERANDS];
	unsigned n_operands;
	const char *repeated[CTL_MAX_REPEATS];
	unsigned n_repeated;
	unsigned answer_ms;
};

#endif
