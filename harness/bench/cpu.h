/* SPDX-License-Identifier: MIT */
/* cpu.h - CPU time that a relay and the machine have used */
#ifndef HARNESS_BENCH_CPU_H
#define HARNESS_BENCH_CPU_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * bench_cpu_tree_ns() - CPU time of a process, its descendants and all their threads
 * @pid: of the process
 *
 * From schedstat, which counts nanoseconds where stat counts ticks of 10 ms.  Threads that have
 * ended are not in it.  Softirqs that interrupted one of them are in it, as the kernel charges
 * them.
 *
 * Return: nanoseconds; 0 when the process is gone.
 */
double bench_cpu_tree_ns(pid_t pid);

/**
 * bench_cpu_machine_ns() - time of all CPUs that was not idle, as the ticks of the kernel sample it
 *
 * Return: nanoseconds, exact to ticks of 10 ms.
 */
double bench_cpu_machine_ns(void);

/**
 * bench_cpu_idle_ns() - time of all CPUs that was idle or stolen by the hypervisor
 *
 * A tickless kernel measures idle time and samples busy time.  Work in short bursts, which a sample
 * may always miss or always hit, is the elapsed time of all CPUs less this one (proc(5)).
 *
 * Return: nanoseconds, rounded down to 10 ms.
 */
double bench_cpu_idle_ns(void);

/**
 * bench_cpu_children_ns() - CPU time of the children of this process that have been waited for
 *
 * Return: nanoseconds, as the scheduler counts them.
 */
double bench_cpu_children_ns(void);

/**
 * bench_cpu_softirq_ns() - CPU time of the kernel's softirq threads
 *
 * A softirq that runs on top of a task is charged to that task; what is left over runs in these.
 *
 * Return: nanoseconds.
 */
double bench_cpu_softirq_ns(void);

/**
 * bench_cpu_softirq_is_charged() - does a task's CPU time hold the softirqs that ran on top of it?
 *
 * It does not where the kernel accounts the time of interrupts apart (CONFIG_IRQ_TIME_ACCOUNTING).
 */
bool bench_cpu_softirq_is_charged(void);

#endif
