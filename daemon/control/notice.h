/* SPDX-License-Identifier: MIT */
/*
 * notice.h - losses and changes of state in the log
 *
 * Counters tell how much; the log tells when it began and whom it concerns.  A cause is a
 * reason at one output, rule, worker, or socket: its line is written when it begins, and
 * again when it begins after a minute of quiet.  What begins at once for one interface and
 * reason is one line that names the first of them.
 *
 * Pages of counters are compared once a second.  Only when a worker's sums have grown the
 * rules are looked through, some at a time.
 */
#ifndef DAEMON_CONTROL_NOTICE_H
#define DAEMON_CONTROL_NOTICE_H

#include <stdbool.h>
#include <stdint.h>

struct control;
struct control_notice;

/* @quiet: of a control that was restarted: what was lost already is no news.  NULL: no memory. */
struct control_notice *control_notice_new(bool quiet);
void control_notice_free(struct control_notice *n);

/* The state that a rule of a restarted control had when it was published last. */
void control_notice_restore(struct control_notice *n, uint32_t slot, uint64_t incarnation,
			    unsigned state);

/* To be called in every turn of the loop; does something when it is due. */
void control_notice_tick(struct control *c, uint64_t now_ns);

#endif
