/* SPDX-License-Identifier: MIT */
/* prefilter.h - the program that lets only frames for rules into the sockets of an input */
#ifndef DAEMON_SUPERVISOR_PREFILTER_H
#define DAEMON_SUPERVISOR_PREFILTER_H

#include <stdbool.h>

struct supervisor;

/**
 * prefilter_set() - attach the program to all packet sockets of an input
 * @slot:   of the input
 * @fd:     borrowed: sealed memfd with a struct filter_file
 * @coarse: filled: the kernel refused the program for its size (net.core.optmem_max), and one
 *          that lets in all IPv4 UDP took its place
 *
 * Return: 0; -ENOENT when the input is not open; -EPERM when the file is not sealed; -EINVAL
 * for a wrong size; errno of setsockopt(2).
 */
int prefilter_set(struct supervisor *s, unsigned slot, int fd, bool *coarse);

#endif
