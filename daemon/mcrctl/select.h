/* SPDX-License-Identifier: MIT */
/* select.h - which rules of an answer are wanted, and in which order */
#ifndef DAEMON_MCRCTL_SELECT_H
#define DAEMON_MCRCTL_SELECT_H

#include "daemon/mcrctl/connect.h"

/**
 * select_rules() - leave out the rules that --state, --interface and --group do not want, and sort
 * @reply: of ListRules or GetStats; its text, for --json, is made anew when something was asked for
 *
 * A rule is wanted when it, its input or one of its outputs has what is asked for.
 *
 * Return: CTL_OK; CTL_USAGE when there is no such key to sort by, said on stderr.
 */
enum ctl_status select_rules(const struct ctl *ctl, struct ctl_reply *reply);

/* ctl_call_pages(), with --rule, select_rules() and ctl_report(). */
enum ctl_status select_run(const struct ctl *ctl, const char *method, ctl_print_fn *print);

#endif
