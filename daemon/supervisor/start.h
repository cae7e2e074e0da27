/* SPDX-License-Identifier: MIT */
/* start.h - what is made, taken over and given up before the loop */
#ifndef DAEMON_SUPERVISOR_START_H
#define DAEMON_SUPERVISOR_START_H

struct options;
struct supervisor;

/* Allocates; to be released with free().  @options: borrowed for its life.  NULL: out of memory. */
struct supervisor *start_new(const struct options *options);
/*
 * Does everything before the loop, as a first program, which starts control at the end, or
 * (options->resume_fd) as the successor of one.  Return: 0; a negative errno, and a line
 * has been logged.
 */
int start_run(struct supervisor *s);

#endif
