/* SPDX-License-Identifier: MIT */
/* stats.h - the command that shows counters */
#ifndef DAEMON_MCRCTL_STATS_H
#define DAEMON_MCRCTL_STATS_H

#include "daemon/mcrctl/ctl.h"

enum ctl_status ctl_stats(const struct ctl *ctl);

#endif
