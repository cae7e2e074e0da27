/* SPDX-License-Identifier: MIT */
/*
 * method_change.h - methods that change one thing of a rule, and reset no counter of the rest
 */
#ifndef DAEMON_CONTROL_METHOD_CHANGE_H
#define DAEMON_CONTROL_METHOD_CHANGE_H

struct call;

void method_add_output(struct call *call);
void method_remove_output(struct call *call);
void method_set_output(struct call *call);
void method_rename_rule(struct call *call);
void method_enable_rule(struct call *call);
void method_disable_rule(struct call *call);

#endif
