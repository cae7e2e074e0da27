/* SPDX-License-Identifier: MIT */
/*
 * stats_line.h - the lines of counters that scrapers read from the log
 */
#ifndef DAEMON_CONTROL_STATS_LINE_H
#define DAEMON_CONTROL_STATS_LINE_H

#include <stdint.h>

struct control;

/* Interval from MCR_STATS_INTERVAL_MS, the first line one interval from now. */
void control_stats_line_start(struct control *c, uint64_t now_ns);

/* When the line is due: ask for fresh numbers; it is written when they are there. */
void control_stats_line_tick(struct control *c, uint64_t now_ns);

/* The two last lines, when the workers have ended. */
void control_stats_line_final(const struct control *c);

#endif
