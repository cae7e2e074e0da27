/* SPDX-License-Identifier: MIT */
/* call.h - call a function in a node of a lab */
#ifndef HARNESS_LAB_CALL_H
#define HARNESS_LAB_CALL_H

struct lab;

/**
 * lab_call() - call a function in a node, in a child process that ends with it
 * @lab:      borrowed
 * @netns_fd: of the node, or lab->wires_fd
 * @call:     its result is returned: a negative errno, or 0 to INT_MAX
 * @arg:      for @call; results must lie in memory that parent and child share (MAP_SHARED)
 *
 * Return: the result of @call; -ECHILD when the child died; what fork(2) or lab_enter() fails with.
 */
int lab_call(const struct lab *lab, int netns_fd, int (*call)(void *arg), void *arg);

#endif
