/* SPDX-License-Identifier: MIT */
/* softnet.h - what each CPU had to discard before any device or socket could count it */
#ifndef DAEMON_SUPERVISOR_SOFTNET_H
#define DAEMON_SUPERVISOR_SOFTNET_H

#include <stddef.h>

struct softnet_counts;

/**
 * softnet_parse() - sums over the lines of /proc/net/softnet_stat
 * @text: a line for each CPU: hexadecimal numbers, packets, dropped, squeezed and others
 *
 * Return: 0; -EBADMSG when a line has no three numbers.
 */
int softnet_parse(const char *text, size_t len, struct softnet_counts *out);

/* Reads the file.  Return: 0; -EBADMSG; negative errno of open(2) or read(2). */
int softnet_read(struct softnet_counts *out);

#endif
