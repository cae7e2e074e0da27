/* SPDX-License-Identifier: MIT */
/* config.h - commands on configurations */
#ifndef DAEMON_MCRCTL_CONFIG_H
#define DAEMON_MCRCTL_CONFIG_H

#include "daemon/mcrctl/ctl.h"

extern const struct ctl_option ctl_config_file_options[], ctl_config_load_options[],
	ctl_config_save_options[];

enum ctl_status ctl_config_show(const struct ctl *ctl);
enum ctl_status ctl_config_check(const struct ctl *ctl);
enum ctl_status ctl_config_diff(const struct ctl *ctl);
enum ctl_status ctl_config_load(const struct ctl *ctl);
enum ctl_status ctl_config_save(const struct ctl *ctl);

#endif
