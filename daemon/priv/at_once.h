/* SPDX-License-Identifier: MIT */
/* at_once.h - one call with several descriptors at the same time */
#ifndef DAEMON_PRIV_AT_ONCE_H
#define DAEMON_PRIV_AT_ONCE_H

/* Calls @fn with each of @fds, at the same time.  Return: 0, or the first value that is not 0. */
int priv_at_once(int (*fn)(int fd), const int *fds, unsigned n);

#endif
