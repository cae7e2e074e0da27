/* SPDX-License-Identifier: MIT */
/* proc.h - entries of /proc */
#ifndef HARNESS_BASE_PROC_H
#define HARNESS_BASE_PROC_H

#include <limits.h>
#include <sys/types.h>

#include "harness/base/decimal.h"

/**
 * proc_pid() - read the process that an entry of /proc stands for
 * @name: name of the entry
 *
 * Return: its id; 0 for an entry that is no process.
 */
static inline pid_t proc_pid(const char *name)
{
	uint64_t pid;

	return decimal_whole(name, 1, INT_MAX, &pid) == 0 ? (pid_t)pid : 0;
}

#endif
