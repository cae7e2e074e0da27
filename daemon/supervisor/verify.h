/* SPDX-License-Identifier: MIT */
/* verify.h - compare what is held here with what the kernel has */
#ifndef DAEMON_SUPERVISOR_VERIFY_H
#define DAEMON_SUPERVISOR_VERIFY_H

#include <stdint.h>

struct supervisor;

/*
 * Drop inputs whose sockets have lost their device and memberships that the kernel does not
 * have, at most ten times a second.  Return: how many.
 */
uint64_t verify_drop_lost(struct supervisor *s, uint64_t now_ns);

#endif
