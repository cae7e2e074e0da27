/* SPDX-License-Identifier: MIT */
/*
 * process.h - faults of processes, done from outside
 *
 * A program takes no part in its own fault.  Processes are found by /proc and must belong to the
 * lab, so a mistyped pid harms nobody else.
 */
#ifndef HARNESS_FAULT_PROCESS_H
#define HARNESS_FAULT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct lab;

/**
 * fault_find() - find a process of a relay by its role
 * @lab:    borrowed
 * @node:   index in the topology
 * @role:   "supervisor", "control" or "worker"
 * @number: of the worker; ignored for the others
 *
 * Return: the pid; -ESRCH when there is none; -EEXIST when the node has several relays.
 */
pid_t fault_find(const struct lab *lab, unsigned node, const char *role, unsigned number);

/**
 * fault_belongs() - does a process live in a node, or descend from one that does?
 * @lab:  borrowed
 * @node: index in the topology
 * @pid:  of the process
 */
bool fault_belongs(const struct lab *lab, unsigned node, pid_t pid);

/**
 * fault_signal() - send a signal
 * @pid:   of the process
 * @signo: as for kill(2)
 *
 * Return: 0, or what pidfd_send_signal(2) fails with.
 */
int fault_signal(pid_t pid, int signo);

/**
 * fault_limit() - change a soft limit
 * @pid:      of the process
 * @resource: as for prlimit(2)
 * @limit:    the new soft limit
 *
 * Return: 0; -EPERM without the right; -EINVAL above the hard limit.
 */
int fault_limit(pid_t pid, int resource, uint64_t limit);

/**
 * fault_hog() - use up a CPU
 * @cpu:     its number
 * @stop_fd: return once it is readable
 * @ready:   called once the thread runs on that CPU
 *
 * Return: 0, or what sched_setaffinity(2) fails with.
 */
int fault_hog(unsigned cpu, int stop_fd, void (*ready)(void));

/**
 * fault_cpu_of() - the CPU to which a process is pinned
 * @pid: of the process
 *
 * Return: the CPU; -ENOTUNIQ when it may run on several; what sched_getaffinity(2) fails with.
 */
int fault_cpu_of(pid_t pid);

#endif
