/* SPDX-License-Identifier: MIT */
/*
 * child_log.h - the log lines of a child, bounded in rate
 *
 * Standard output and standard error of a child are a pipe of its own.  The supervisor writes
 * its lines to the log, whole, 1 MiB at once and 64 KiB a second for long.  Beyond that it
 * does not read: the pipe fills, and the child loses lines, which it counts (daemon/common/log.h).
 * So code that somebody has brought into a child cannot fill the log, and a child that ends has
 * said all before the line about its end.
 */
#ifndef DAEMON_SUPERVISOR_CHILD_LOG_H
#define DAEMON_SUPERVISOR_CHILD_LOG_H

#include <stdint.h>

struct child;
struct supervisor;

/* A pipe for a new process.  Return: the end that it writes to, or a negative errno. */
int child_log_open(struct child *c);

/* Reads it from now on.  Return: 0 or a negative errno. */
int child_log_watch(struct supervisor *s, struct child *c);

/* There is something to read, or the child has closed it. */
void child_log_read(struct supervisor *s, struct child *c);

/* The child has ended: its last lines are written, as far as they are within the rate. */
void child_log_close(struct child *c);

/* Reads on where it may.  Return: when to call it again, or NEVER_NS. */
uint64_t child_log_timers(struct supervisor *s, uint64_t now_ns);

#endif
