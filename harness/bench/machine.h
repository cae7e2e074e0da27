/* SPDX-License-Identifier: MIT */
/* machine.h - the machine that a benchmark ran on */
#ifndef HARNESS_BENCH_MACHINE_H
#define HARNESS_BENCH_MACHINE_H

#include <sys/utsname.h>

struct bench_machine {
	struct utsname kernel;
	long cpus; /* online */
	double memory_gb;
	char cpu[80]; /* model, or "unknown" */
};

/**
 * bench_machine_describe() - describe this machine by uname(2), sysconf(3) and /proc/cpuinfo
 * @machine: filled
 */
void bench_machine_describe(struct bench_machine *machine);

#endif
