/* SPDX-License-Identifier: MIT */
/* list.h - the command that lists the rules */
#ifndef DAEMON_MCRCTL_LIST_H
#define DAEMON_MCRCTL_LIST_H

#include "daemon/mcrctl/ctl.h"

enum ctl_status ctl_list(const struct ctl *ctl);

#endif
