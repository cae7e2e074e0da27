/* SPDX-License-Identifier: MIT */
/* role.h - what control and the workers do otherwise as children */
#ifndef DAEMON_SUPERVISOR_ROLE_H
#define DAEMON_SUPERVISOR_ROLE_H

struct child_role;

extern const struct child_role role_control, role_worker;

#endif
