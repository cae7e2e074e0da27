/* SPDX-License-Identifier: MIT */
/* completion.h - the command that writes completions for shells */
#ifndef DAEMON_MCRCTL_COMPLETION_H
#define DAEMON_MCRCTL_COMPLETION_H

#include "daemon/mcrctl/ctl.h"

extern const char ctl_completion_notes[];

enum ctl_status ctl_completion(const struct ctl *ctl);

#endif
