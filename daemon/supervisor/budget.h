/* SPDX-License-Identifier: MIT */
/* budget.h - how many messages control may send */
#ifndef DAEMON_SUPERVISOR_BUDGET_H
#define DAEMON_SUPERVISOR_BUDGET_H

/**
 * struct control_budget - messages that control may send
 * @most:  at once; a multiple of @per_s
 * @per_s: for long, each second
 */
extern const struct control_budget {
	unsigned most;
	unsigned per_s;
} control_budget;

#endif
