/* SPDX-License-Identifier: MIT */
/*
 * method_rule.h - methods about rules
 */
#ifndef DAEMON_CONTROL_METHOD_RULE_H
#define DAEMON_CONTROL_METHOD_RULE_H

struct call;

void method_add_rule(struct call *call);
void method_remove_rule(struct call *call);
void method_remove_rule_by_name(struct call *call);
void method_sync_rules(struct call *call);
void method_list_rules(struct call *call);

#endif
