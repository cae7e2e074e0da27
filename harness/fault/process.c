// SPDX-License-Identifier: MIT
/* process.c - faults of processes: find them, signals, limits, a busy CPU */
#include "harness/fault/process.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/lab/members.h"

#define NAME_BYTES 256

/* A relay's children name their role in argv[0]; the supervisor has its path there. */
static bool has_role(pid_t pid, const char *role, unsigned number)
{
	char wanted[64];
	char name[NAME_BYTES];
	const char *slash;

	lab_member_name(pid, name, sizeof(name));
	slash = strrchr(name, '/');
	if (!strcmp(role, "supervisor"))
		return !strcmp(slash ? slash + 1 : name, "mcrd");
	if (!strcmp(role, "worker"))
		snprintf(wanted, sizeof(wanted), "mcrd: worker %u", number);
	else
		snprintf(wanted, sizeof(wanted), "mcrd: %s", role);
	return !strcmp(name, wanted);
}

pid_t fault_find(const struct lab *lab, unsigned node, const char *role, unsigned number)
{
	struct lab_member *list;
	ssize_t n = lab_members_list(lab, &list);
	pid_t found = -ESRCH;

	if (n < 0)
		return (pid_t)n;
	for (ssize_t i = 0; i < n && found != -EEXIST; i++)
		if (list[i].node == (int)node && has_role(list[i].pid, role, number))
			found = found == -ESRCH ? list[i].pid : -EEXIST;
	free(list);
	return found;
}

bool fault_belongs(const struct lab *lab, unsigned node, pid_t pid)
{
	struct lab_member *list;
	ssize_t n = lab_members_list(lab, &list);
	ssize_t at;
	bool belongs;

	if (n < 0)
		return false;
	at = lab_members_find(list, (size_t)n, pid);
	belongs = at >= 0 && list[at].node == (int)node;
	free(list);
	return belongs;
}

int fault_signal(pid_t pid, int signo)
{
	int pidfd = pidfd_open(pid, 0);
	int ret;

	if (pidfd < 0)
		return -errno;
	ret = pidfd_send_signal(pidfd, signo, NULL, 0) < 0 ? -errno : 0;
	close(pidfd);
	return ret;
}

int fault_limit(pid_t pid, int resource, uint64_t limit)
{
	struct rlimit both;

	if (prlimit(pid, resource, NULL, &both) < 0)
		return -errno;
	both.rlim_cur = limit;
	return prlimit(pid, resource, &both, NULL) < 0 ? -errno : 0;
}

int fault_cpu_of(pid_t pid)
{
	cpu_set_t set;

	if (sched_getaffinity(pid, sizeof(set), &set) < 0)
		return -errno;
	if (CPU_COUNT(&set) != 1)
		return -ENOTUNIQ;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set))
			return cpu;
	return -ENOTUNIQ;
}

int fault_hog(unsigned cpu, int stop_fd, void (*ready)(void))
{
	struct pollfd stop = {.fd = stop_fd, .events = POLLIN};
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		return -errno;
	ready();
	while (poll(&stop, 1, 0) == 0)
		for (volatile unsigned i = 0; i < 1000000; i++)
			;
	return 0;
}
