/* SPDX-License-Identifier: MIT */
/*
 * config.h - the configuration file, at start and when it is read again
 */
#ifndef DAEMON_CONTROL_CONFIG_H
#define DAEMON_CONTROL_CONFIG_H

struct process;

/* Take the settings, and the rules unless a snapshot has them.  Return: 0, or -errno after a log
 * line. */
int control_config_start(struct process *p);

/* SIGHUP.  @fd: taken.  A bad file changes nothing. */
void control_config_reload(struct process *p, int fd);

#endif
