/* SPDX-License-Identifier: MIT */
/* rules.h - commands on rules */
#ifndef DAEMON_MCRCTL_RULES_H
#define DAEMON_MCRCTL_RULES_H

#include "daemon/mcrctl/ctl.h"

extern const struct ctl_option ctl_remove_options[];

enum ctl_status ctl_remove(const struct ctl *ctl);
enum ctl_status ctl_sync(const struct ctl *ctl);

#endif
