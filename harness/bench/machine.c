// SPDX-License-Identifier: MIT
/* machine.c - kernel, processor and load of the machine */
#include "harness/bench/machine.h"

#include <stdio.h>
#include <unistd.h>

void bench_machine_describe(struct bench_machine *machine)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];

	*machine = (struct bench_machine){.cpu = "unknown"};
	uname(&machine->kernel);
	machine->cpus = sysconf(_SC_NPROCESSORS_ONLN);
	machine->memory_gb =
		(double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGE_SIZE) / (1 << 30);
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "model name : %79[^\n]", machine->cpu) == 1)
			break;
	if (file)
		fclose(file);
}
