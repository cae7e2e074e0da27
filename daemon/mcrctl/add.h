/* SPDX-License-Identifier: MIT */
/* add.h - the command that adds a rule */
#ifndef DAEMON_MCRCTL_ADD_H
#define DAEMON_MCRCTL_ADD_H

#include "daemon/mcrctl/ctl.h"

extern const struct ctl_option ctl_add_options[];

enum ctl_status ctl_add(const struct ctl *ctl);

#endif
