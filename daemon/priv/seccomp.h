/* SPDX-License-Identifier: MIT */
/* seccomp.h - a filter of system calls for each kind of process */
#ifndef DAEMON_PRIV_SECCOMP_H
#define DAEMON_PRIV_SECCOMP_H

/*
 * Filters survive an exec and add up, so a supervisor that comes from an upgrade installs its own
 * only if the one in force has another revision.
 */
#define PRIV_FILTERS_REVISION 2
int priv_seal_syscalls_supervisor(void);
int priv_seal_syscalls_control(void);
int priv_seal_syscalls_worker(void);

#endif
