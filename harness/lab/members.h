/* SPDX-License-Identifier: MIT */
/*
 * members.h - the processes of a lab
 *
 * These are the processes whose network namespace is that of a node, and all their descendants: a
 * program may have moved its children into namespaces of their own.
 */
#ifndef HARNESS_LAB_MEMBERS_H
#define HARNESS_LAB_MEMBERS_H

#include <stddef.h>
#include <sys/types.h>

struct lab;

struct lab_member {
	pid_t pid;
	pid_t parent;
	int node; /* index in the topology; of a descendant, its ancestor's */
};

/**
 * lab_members_list() - find the processes of a lab in /proc
 * @lab:  borrowed
 * @list: filled; the caller's to free
 *
 * The caller itself and processes that have ended but were not waited for are not listed.
 *
 * Return: how many, or negative errno.
 */
ssize_t lab_members_list(const struct lab *lab, struct lab_member **list);

/**
 * lab_members_find() - find a process in a list
 * @list: @n entries
 * @n:    0 or more
 * @pid:  to be found
 *
 * Return: its index, or -1.
 */
ssize_t lab_members_find(const struct lab_member *list, size_t n, pid_t pid);

/**
 * lab_member_name() - the argv[0] of a process
 * @pid:  of any process
 * @name: filled; empty when it has none
 * @size: room at @name
 */
void lab_member_name(pid_t pid, char *name, size_t size);

/**
 * lab_members_kill() - SIGKILL until no process is left; gives up after five seconds
 * @lab: borrowed
 */
void lab_members_kill(const struct lab *lab);

#endif
