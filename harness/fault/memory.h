/* SPDX-License-Identifier: MIT */
/* memory.h - faults of memory: overwrite bytes of a running process */
#ifndef HARNESS_FAULT_MEMORY_H
#define HARNESS_FAULT_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * fault_write() - overwrite memory of a process
 * @pid:     of the process
 * @address: in its address space
 * @bytes:   @length bytes; borrowed
 * @length:  1 or more
 *
 * Return: 0; -EIO when nothing is mapped there; what opening or writing /proc/PID/mem fails with.
 */
int fault_write(pid_t pid, uint64_t address, const void *bytes, size_t length);

enum fault_maps {
	FAULT_MAPS_ALL,
	FAULT_MAPS_PRIVATE, /* no other process sees the change */
	FAULT_MAPS_SHARED,
};

/**
 * fault_replace() - find bytes in the writable maps of a process, and overwrite each occurrence
 * @pid:         of the process
 * @maps:        where to look
 * @pattern:     @length bytes; borrowed
 * @replacement: @length bytes; NULL only counts
 * @length:      1 to 4096
 * @first:       filled with the address of the first occurrence, if there is one
 *
 * Return: the number of occurrences; -EINVAL for a bad length; -ENOMEM; what opening or writing
 * /proc/PID/mem fails with.
 */
ssize_t fault_replace(pid_t pid, enum fault_maps maps, const void *pattern, const void *replacement,
		      size_t length, uint64_t *first);

#endif
