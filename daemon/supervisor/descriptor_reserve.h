/* SPDX-License-Identifier: MIT */
/*
 * descriptor_reserve.h - the last descriptors of a process, kept for what it cannot do without
 *
 * RLIMIT_NOFILE bounds the numbers of descriptors, and the kernel always gives the lowest
 * free number (open(2)).  So the number of a new descriptor tells whether the reserve has
 * been touched: when it is one of the last numbers below the limit, all others are taken.
 *
 * Sockets that rules ask for pass descriptor_or_refuse().  Descriptors for
 * restarts, messages and answers do not, and so find the reserve free.
 */
#ifndef DAEMON_SUPERVISOR_DESCRIPTOR_RESERVE_H
#define DAEMON_SUPERVISOR_DESCRIPTOR_RESERVE_H

/**
 * descriptor_reserve_set() - how many descriptors are kept
 * @n: 0 (the state at start) and more
 */
void descriptor_reserve_set(unsigned n);

/**
 * descriptor_budget() - how many descriptors this process may have beside its reserve
 *
 * Raises the soft limit to the hard one first, which may have been raised from outside.
 *
 * Return: 0 when the limit is no larger than the reserve.
 */
unsigned descriptor_budget(void);

/**
 * descriptor_or_refuse() - a new descriptor, unless it is one of the reserve
 * @fd: taken: a descriptor that was just made, or a negative errno
 *
 * Return: @fd; -EMFILE when it is one of the reserve: it has been closed.
 */
int descriptor_or_refuse(int fd);

#endif
