/* SPDX-License-Identifier: MIT */
/*
 * notice.h - losses and changes of state in the log
 *
 * Counters tell how much was lost; the log tells when it began and where.  A cause is a
 * reason at one output, rule, worker, or socket.  Its line is written when the loss begins,
 * and again when it begins after a minute without any.  Losses of one reason and interface
 * that begin together are one line, which names the first of them.
 *
 * Pages of counters are compared once a second.  The rules are gone through, some at a
 * time, only when a worker's sums have grown.
 */
#ifndef DAEMON_CONTROL_NOTICE_H
#define DAEMON_CONTROL_NOTICE_H

#include <stdbool.h>
#include <stdint.h>

struct control;
struct control_notice;

/* @quiet: control was restarted, so earlier losses are not logged.  NULL: out of memory. */
struct control_notice *control_notice_new(bool quiet);
void control_notice_free(struct control_notice *n);

/* The state that a rule of a restarted control had when it was published last. */
void control_notice_restore(struct control_notice *n, uint32_t slot, uint64_t incarnation,
			    unsigned state);

/* To be called in every turn of the loop. */
void control_notice_tick(struct control *c, uint64_t now_ns);

#endif
