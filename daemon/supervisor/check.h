/* SPDX-License-Identifier: MIT */
/* check.h - what must be there before the daemon can start */
#ifndef DAEMON_SUPERVISOR_CHECK_H
#define DAEMON_SUPERVISOR_CHECK_H

#include <stdbool.h>

struct options;
struct supervisor;

/* -ENOSYS: the kernel is older than 6.1. */
int check_kernel(void);
/* Can a packet socket deliver a super-datagram of UDP?  Since Linux 6.2. */
bool check_reads_supers(void);
/* May we have a ring at all? */
int check_io_uring(void);
/* Names those of --interface that do not exist; never fails, for they may come. */
int check_interfaces(const struct options *options);
/* The configuration file, open for reading; must be a regular file. */
int check_open_config(const char *path);
/* Listeners for control and status, at options->control_path and s->status_path. */
int check_open_listeners(struct supervisor *s);
/* s->status_path, from options->control_path. */
int check_status_path(struct supervisor *s);

#endif
