/* SPDX-License-Identifier: MIT */
/* stats.h - the command that shows counters */
#ifndef DAEMON_MCRCTL_STATS_H
#define DAEMON_MCRCTL_STATS_H

#include "daemon/mcrctl/ctl.h"

extern const struct ctl_option ctl_stats_options[];

enum ctl_status ctl_stats(const struct ctl *ctl);

#endif
