/* SPDX-License-Identifier: MIT */
/* handover.h - the supervisor's state over an exec */
#ifndef DAEMON_SUPERVISOR_HANDOVER_H
#define DAEMON_SUPERVISOR_HANDOVER_H

struct supervisor;

#define SUPERVISOR_STATE_VERSION 5
/*
 * Everything that must outlive an exec, sealed; the descriptors named in it lose
 * close-on-exec.  Return: descriptor or negative errno.
 */
int handover_save(const struct supervisor *s);
/*
 * Fill @s, fresh from start_new(), from what handover_save() wrote.  Every number,
 * range and kind of descriptor is checked.  @fd: taken.  Return: 0 or a negative errno.
 */
int handover_restore(struct supervisor *s, int fd);

#endif
