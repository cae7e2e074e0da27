/* SPDX-License-Identifier: MIT */
/*
 * The processes of a lab: those whose network namespace is one of the nodes', and all that descend
 * from them, for a program may have moved its children into namespaces of their own.
 */
#ifndef HARNESS_LAB_MEMBERS_H
#define HARNESS_LAB_MEMBERS_H

#include <stddef.h>
#include <sys/types.h>

struct lab;

struct labproc {
	pid_t pid;
	pid_t parent;
	int node; /* index in the topology; of a descendant, its ancestor's */
};

/**
 * labproc_list() - find them in /proc, as it is at this moment.
 * @list: filled; the caller's to free
 *
 * The caller itself and processes that have ended but were not waited for are not listed.
 *
 * Return: how many, or negative errno.
 */
ssize_t labproc_list(const struct lab *lab, struct labproc **list);

/** labproc_find() - index of a pid in a list, or -1. */
ssize_t labproc_find(const struct labproc *list, size_t n, pid_t pid);

/** labproc_name() - its argv[0] into @name, empty when there is none. */
void labproc_name(pid_t pid, char *name, size_t size);

/** labproc_kill_all() - SIGKILL until none is left; gives up after five seconds. */
void labproc_kill_all(const struct lab *lab);

#endif
