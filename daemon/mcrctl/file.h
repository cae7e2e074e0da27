/* SPDX-License-Identifier: MIT */
/* file.h - whole files: read within a bound, replaced at once or not at all */
#ifndef DAEMON_MCRCTL_FILE_H
#define DAEMON_MCRCTL_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Name of a file in messages: "-" is standard input. */
const char *file_label(const char *path);

/**
 * file_read() - read a whole file
 * @path: "-" for standard input
 * @max: bytes; a longer file is refused
 * @len: filled with its length
 *
 * Return: malloc()ed text with a NUL behind it; NULL when it cannot be read; the error has been
 * printed.
 */
char *file_read(const char *path, size_t max, size_t *len);

/**
 * file_replace() - write a file so that a reader, or a crash, sees the old or the new one
 *
 * A temporary file in the same directory is filled, synced and renamed.  An existing file keeps
 * its mode and, where the caller may, its owner.  Of a symbolic link the target is replaced, and
 * the link stays.
 *
 * Return: false when it cannot be written; the error has been printed, and the old file is
 * untouched.
 */
bool file_replace(const char *path, const char *text, size_t len);

#endif
