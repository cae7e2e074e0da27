// SPDX-License-Identifier: MIT
/* cpu.c - CPU time from schedstat and /proc/stat */
#include "harness/bench/cpu.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/base/proc.h"

#define PATH_BYTES 96

static double process_ns(pid_t pid)
{
	char path[PATH_BYTES];
	struct dirent *entry;
	double total_ns = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	// cppcheck-suppress readdirCalled
	while (dir && (entry = readdir(dir))) {
		unsigned long long ns;
		FILE *file;

		pid_t task = proc_pid(entry->d_name);

		if (!task)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", pid, task);
		file = fopen(path, "re");
		if (file && fscanf(file, "%llu", &ns) == 1)
			total_ns += (double)ns;
		if (file)
			fclose(file);
	}
	if (dir)
		closedir(dir);
	return total_ns;
}

static pid_t parent_of(pid_t pid)
{
	char path[PATH_BYTES], line[64];
	int parent = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "PPid: %d", &parent) == 1)
			break;
	if (file)
		fclose(file);
	return parent;
}

double bench_cpu_tree_ns(pid_t pid)
{
	double total_ns = process_ns(pid);
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	// cppcheck-suppress readdirCalled
	while (dir && (entry = readdir(dir))) {
		pid_t child = proc_pid(entry->d_name);

		if (child && parent_of(child) == pid)
			total_ns += bench_cpu_tree_ns(child);
	}
	if (dir)
		closedir(dir);
	return total_ns;
}

/* user nice system idle iowait irq softirq steal, of all CPUs, in nanoseconds */
enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, N_TIMES };

static void read_times(double ns[static N_TIMES])
{
	FILE *file = fopen("/proc/stat", "re");
	const double tick_ns = 1e9 / (double)sysconf(_SC_CLK_TCK);

	for (int i = 0; i < N_TIMES; i++)
		ns[i] = 0;
	if (!file)
		return;
	for (int i = 0; i < N_TIMES; i++) {
		if (fscanf(file, i ? " %lf" : "cpu %lf", &ns[i]) != 1)
			break;
		ns[i] *= tick_ns;
	}
	fclose(file);
}

double bench_cpu_machine_ns(void)
{
	double ns[N_TIMES];

	read_times(ns);
	return ns[USER] + ns[NICE] + ns[SYSTEM] + ns[IRQ] + ns[SOFTIRQ];
}

double bench_cpu_idle_ns(void)
{
	double ns[N_TIMES];

	read_times(ns);
	return ns[IDLE] + ns[IOWAIT] + ns[STEAL];
}

static double timeval_ns(struct timeval time)
{
	return (double)time.tv_sec * 1e9 + (double)time.tv_usec * 1e3;
}

double bench_cpu_children_ns(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_CHILDREN, &usage) < 0)
		return 0;
	return timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime);
}

static bool is_softirq_thread(pid_t pid)
{
	static const char name[] = "ksoftirqd/";
	char path[PATH_BYTES], comm[sizeof(name)] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(comm, sizeof(comm), file))
		comm[0] = '\0';
	fclose(file);
	return !strcmp(comm, name);
}

double bench_cpu_softirq_ns(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	double total_ns = 0;

	// cppcheck-suppress readdirCalled
	while (dir && (entry = readdir(dir))) {
		const pid_t pid = proc_pid(entry->d_name);

		if (pid && is_softirq_thread(pid))
			total_ns += process_ns(pid);
	}
	if (dir)
		closedir(dir);
	return total_ns;
}

bool bench_cpu_softirq_is_charged(void)
{
	/* The file is there when that accounting is (psi.c of the kernel, 6.1). */
	return access("/proc/pressure/irq", F_OK) < 0;
}
