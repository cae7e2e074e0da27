/* SPDX-License-Identifier: MIT */
/* gate_file.h - the file of the reference */
#ifndef HARNESS_BENCH_GATE_FILE_H
#define HARNESS_BENCH_GATE_FILE_H

struct bench_gates;
struct lab_error;

/**
 * bench_gates_load() - read a reference from a file
 * @gates:   filled on success
 * @path:    NULL: $MCR_BENCH_REFERENCE, or the one that comes with the harness
 * @profile: whose tolerance applies
 * @error:   filled on failure; begins with the path
 *
 * Return: as bench_gates_parse(); -EFBIG above 256 KiB; -EIO; -ENOMEM; what open(2) fails with.
 */
int bench_gates_load(struct bench_gates *gates, const char *path, const char *profile,
		     struct lab_error *error);

#endif
