/* SPDX-License-Identifier: MIT */
/*
 * Orphans: programs of a lab that is gone.
 *
 * They are there only after somebody has killed the holder of a lab and its watcher at the same
 * instant.  Nothing in the kernel ties a program to its lab, so `mcrlab exec` marks what it runs by
 * an environment variable that children inherit.
 */
#ifndef HARNESS_LAB_ORPHAN_H
#define HARNESS_LAB_ORPHAN_H

#include <sys/types.h>

#define LABORPHAN_VARIABLE "MCR_LAB"

/**
 * laborphan_list() - the programs that the caller may see of labs that are not up.
 * @name: of the lab; NULL: of all
 * @found: called for each
 *
 * Who is inside a lab cannot see which labs are up, and is told of none.
 *
 * Return: how many, or negative errno.
 */
int laborphan_list(const char *name, void (*found)(const char *name, pid_t pid));

/** laborphan_kill() - SIGKILL to one of a lab that is not up, unless the pid is another's now. */
void laborphan_kill(const char *name, pid_t pid);

#endif
