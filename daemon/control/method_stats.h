/* SPDX-License-Identifier: MIT */
/*
 * method_stats.h - GetStats
 */
#ifndef DAEMON_CONTROL_METHOD_STATS_H
#define DAEMON_CONTROL_METHOD_STATS_H

struct call;

void method_get_stats(struct call *call);

#endif
