/* SPDX-License-Identifier: MIT */
/* list.h - the command that lists the rules */
#ifndef DAEMON_MCRCTL_LIST_H
#define DAEMON_MCRCTL_LIST_H

#include "daemon/mcrctl/ctl.h"

extern const struct ctl_option ctl_list_options[];

enum ctl_status ctl_list(const struct ctl *ctl);

#endif
