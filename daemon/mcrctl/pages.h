/* SPDX-License-Identifier: MIT */
/* pages.h - lists that come in pages */
#ifndef DAEMON_MCRCTL_PAGES_H
#define DAEMON_MCRCTL_PAGES_H

#include "daemon/mcrctl/connect.h"

/**
 * ctl_call_pages() - ctl_call() of a method that gives its list of rules in pages
 * @method: ListRules, GetStats or GetConfig
 * @rule:   id or name of the only rule wanted, or NULL
 * @reply:  as if the whole had come in one answer
 *
 * When the rules change between two pages it begins again.
 */
enum ctl_status ctl_call_pages(const struct ctl *ctl, const char *method, const char *rule,
			       struct ctl_reply *reply);

/* ctl_call_pages() and ctl_report(). */
enum ctl_status ctl_run_pages(const struct ctl *ctl, const char *method, ctl_print_fn *print);

#endif
