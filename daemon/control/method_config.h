/* SPDX-License-Identifier: MIT */
/*
 * method_config.h - methods about the configuration as a whole
 */
#ifndef DAEMON_CONTROL_METHOD_CONFIG_H
#define DAEMON_CONTROL_METHOD_CONFIG_H

struct call;

void method_get_config(struct call *call);
void method_upload_config(struct call *call);
void method_check_config(struct call *call);
void method_diff_config(struct call *call);
void method_load_config(struct call *call);

#endif
