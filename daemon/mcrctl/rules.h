/* SPDX-License-Identifier: MIT */
/* rules.h - commands on rules */
#ifndef DAEMON_MCRCTL_RULES_H
#define DAEMON_MCRCTL_RULES_H

#include "daemon/mcrctl/ctl.h"

extern const struct ctl_option ctl_remove_options[];

/* "RULE is its id or its name.", and the outputs' form. */
extern const char ctl_rule_notes[], ctl_output_notes[];

enum ctl_status ctl_remove(const struct ctl *ctl);
enum ctl_status ctl_output_add(const struct ctl *ctl);
enum ctl_status ctl_output_set(const struct ctl *ctl);
enum ctl_status ctl_output_remove(const struct ctl *ctl);
enum ctl_status ctl_rename(const struct ctl *ctl);
enum ctl_status ctl_enable(const struct ctl *ctl);
enum ctl_status ctl_disable(const struct ctl *ctl);
enum ctl_status ctl_sync(const struct ctl *ctl);

#endif
