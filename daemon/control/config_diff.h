/* SPDX-License-Identifier: MIT */
/* config_diff.h - what a configuration would change, rule by rule */
#ifndef DAEMON_CONTROL_CONFIG_DIFF_H
#define DAEMON_CONTROL_CONFIG_DIFF_H

struct cJSON;
struct ruleset;

#define CONFIG_DIFF_MAX 1000 /* changes in one list */

/**
 * config_diff_rules() - the rules that are removed, then those that change, then those that are
 * added
 * @is, @would: the set in force, and what control_load() made of a clone of it
 * @result:     gets "changes", up to CONFIG_DIFF_MAX of them, and "left_out", the number of others
 */
void config_diff_rules(const struct ruleset *is, const struct ruleset *would, struct cJSON *result);

#endif
