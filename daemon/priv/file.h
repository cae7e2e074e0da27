/* SPDX-License-Identifier: MIT */
/* file.h - files that root may reach at the start and not any more */
#ifndef DAEMON_PRIV_FILE_H
#define DAEMON_PRIV_FILE_H

/*
 * As ourselves; where that is not permitted, as the user who owns the file, or the directory
 * that keeps us from it.  Return: descriptor or negative errno; 0 or negative errno.
 */
int priv_open_to_read(const char *path);
int priv_unlink(const char *path);

#endif
