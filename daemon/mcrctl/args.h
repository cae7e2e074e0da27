/* SPDX-License-Identifier: MIT */
/* args.h - the command line, read by the table of commands */
#ifndef DAEMON_MCRCTL_ARGS_H
#define DAEMON_MCRCTL_ARGS_H

#include "daemon/mcrctl/ctl.h"

/* @commands ends with a row whose words are NULL.  The error has been printed. */
enum ctl_status ctl_args_parse(struct ctl *ctl, int argc, char **argv,
			       const struct ctl_command *commands);

/* Value of an option of the running command, NULL when not given, or where it has no such option.
 */
const char *ctl_value(const struct ctl *ctl, const char *option);

/* Prints "mcrctl: OPTION: reason" and a hint.  Return: CTL_USAGE. */
enum ctl_status ctl_usage_error(const struct ctl *ctl, const char *option, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Prints "mcrctl: ..." on stderr; after ctl_say_as_json() {"error":{"message": ...}}.
 */
void ctl_say_as_json(void);
void ctl_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
