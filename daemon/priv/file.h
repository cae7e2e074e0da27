/* SPDX-License-Identifier: MIT */
/* file.h - open and remove files with the rights of their owners */
#ifndef DAEMON_PRIV_FILE_H
#define DAEMON_PRIV_FILE_H

/*
 * Tried with our own user; if that is refused, as the owner of the file or of the directory that
 * refused it.  Return: descriptor, or 0 for priv_unlink(); negative errno.
 */
int priv_open_to_read(const char *path);
int priv_unlink(const char *path);

#endif
