/* SPDX-License-Identifier: MIT */
/*
 * bpf_lock.h - one mcrd for each mark of a network namespace
 *
 * Two with one mark would take each other's frames for their own.  The lock is the name of a
 * socket, so it ends with its process, and whoever has it may take away what an mcrd with
 * the same mark left behind.
 */
#ifndef DAEMON_PRIV_BPF_LOCK_H
#define DAEMON_PRIV_BPF_LOCK_H

#include <stdint.h>

/* Return: a descriptor that holds the lock; -EADDRINUSE: another process does; negative errno. */
int priv_bpf_lock(uint32_t mark);

/* A number that no other network namespace has before the next boot; 0: not known. */
uint64_t priv_bpf_netns(void);

#endif
