/* SPDX-License-Identifier: MIT */
/* workers.h - commands about the processes */
#ifndef DAEMON_MCRCTL_WORKERS_H
#define DAEMON_MCRCTL_WORKERS_H

#include "daemon/mcrctl/ctl.h"

extern const struct ctl_option ctl_list_workers_options[];

enum ctl_status ctl_list_workers(const struct ctl *ctl);
enum ctl_status ctl_upgrade(const struct ctl *ctl);
enum ctl_status ctl_ping(const struct ctl *ctl);
enum ctl_status ctl_version(const struct ctl *ctl);

#endif
