/* SPDX-License-Identifier: MIT */
/*
 * orphan.h - orphans: programs whose lab has ended
 *
 * They exist only after somebody has killed the holder of a lab and its watcher at the same
 * instant.  Nothing in the kernel ties a program to its lab, so `mcrlab exec` marks each program by
 * an environment variable that children inherit.
 */
#ifndef HARNESS_LAB_ORPHAN_H
#define HARNESS_LAB_ORPHAN_H

#include <sys/types.h>

#define LAB_ORPHAN_VARIABLE "MCR_LAB"

/**
 * lab_orphan_list() - find the orphans that the caller may see
 * @name:  of the lab; NULL: of all
 * @found: called for each
 *
 * A caller inside a lab cannot see which labs are up, and finds none.
 *
 * Return: how many, or what opening /proc fails with.
 */
int lab_orphan_list(const char *name, void (*found)(const char *name, pid_t pid));

/**
 * lab_orphan_kill() - SIGKILL an orphan, unless the pid belongs to another process now
 * @name: of its lab
 * @pid:  from lab_orphan_list()
 */
void lab_orphan_kill(const char *name, pid_t pid);

#endif
