/* SPDX-License-Identifier: MIT */
/*
 * method_rule.h - methods about rules
 */
#ifndef DAEMON_CONTROL_METHOD_RULE_H
#define DAEMON_CONTROL_METHOD_RULE_H

#include <stdbool.h>

struct call;
struct rule;

void method_add_rule(struct call *call);
void method_remove_rule(struct call *call);
void method_remove_rule_by_name(struct call *call);
void method_sync_rules(struct call *call);
void method_list_rules(struct call *call);

/**
 * method_put_rule() - what AddRule does, for other methods that end with a rule
 * @r:       borrowed
 * @replace: as in ruleset_add()
 * @output:  of the rule, which the request has as "params.output"; -1: it has the whole rule
 *
 * The answer is that of AddRule.
 */
void method_put_rule(struct call *call, const struct rule *r, bool replace, int output);

#endif
