// SPDX-License-Identifier: MIT
/* members.c - list and kill the processes of a lab */
#include "harness/lab/members.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/proc.h"
#include "harness/base/wait.h"
#include "harness/lab/state.h"

#define KILL_MS  5000
#define NOT_OURS (-1)

static ssize_t read_proc(pid_t pid, const char *what, char *buffer, size_t size)
{
	char path[64];
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	length = read(fd, buffer, size - 1);
	close(fd);
	buffer[length > 0 ? length : 0] = '\0';
	return length;
}

/* Return: its node, or NOT_OURS, also for a process that has ended. */
static int node_of(const struct lab *lab, const struct stat *nodes, pid_t pid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	if (stat(path, &st) < 0)
		return NOT_OURS;
	for (unsigned i = 0; i < lab->n_netns; i++)
		if (nodes[i].st_ino == st.st_ino && nodes[i].st_dev == st.st_dev)
			return (int)i;
	return NOT_OURS;
}

/* Return: the parent, or 0 for a process that has ended. */
static pid_t parent_of(pid_t pid)
{
	char text[512];
	const char *behind_name;
	char state;
	int parent;

	if (read_proc(pid, "stat", text, sizeof(text)) <= 0)
		return 0;
	/* The name may hold anything, closing brackets included. */
	behind_name = strrchr(text, ')');
	if (!behind_name || sscanf(behind_name, ") %c %d", &state, &parent) != 2)
		return 0;
	return state == 'Z' || state == 'X' ? 0 : parent;
}

/* Every process; NOT_OURS when its namespace is not a node of the lab. */
static ssize_t list_everything(const struct lab *lab, const struct stat *nodes,
			       struct lab_member **list)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	size_t room = 256;
	size_t n = 0;

	if (!proc)
		return -errno;
	*list = malloc(room * sizeof(**list));
	if (!*list)
		goto out;
	/* cppcheck-suppress readdirCalled */
	while ((entry = readdir(proc))) {
		pid_t pid = proc_pid(entry->d_name);
		pid_t parent;

		if (!pid || pid == getpid())
			continue;
		parent = parent_of(pid);
		if (!parent)
			continue;
		if (n == room) {
			struct lab_member *larger = realloc(*list, (room *= 2) * sizeof(**list));

			if (!larger) {
				free(*list);
				*list = NULL;
				break;
			}
			*list = larger;
		}
		(*list)[n++] = (struct lab_member){pid, parent, node_of(lab, nodes, pid)};
	}
out:
	closedir(proc);
	return *list ? (ssize_t)n : -ENOMEM;
}

ssize_t lab_members_find(const struct lab_member *list, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].pid == pid)
			return (ssize_t)i;
	return -1;
}

static void adopt_descendants(struct lab_member *list, size_t n)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (size_t i = 0; i < n; i++) {
			ssize_t parent = list[i].node == NOT_OURS
						 ? lab_members_find(list, n, list[i].parent)
						 : -1;

			if (parent >= 0 && list[parent].node != NOT_OURS) {
				list[i].node = list[parent].node;
				changed = true;
			}
		}
	}
}

ssize_t lab_members_list(const struct lab *lab, struct lab_member **list)
{
	struct stat nodes[TOPO_MAX_NODES];
	size_t n_ours = 0;
	ssize_t n;

	for (unsigned i = 0; i < lab->n_netns; i++)
		if (fstat(lab->netns_fds[i], &nodes[i]) < 0)
			return -errno;
	n = list_everything(lab, nodes, list);
	if (n < 0)
		return n;
	adopt_descendants(*list, (size_t)n);
	for (ssize_t i = 0; i < n; i++)
		if ((*list)[i].node != NOT_OURS)
			(*list)[n_ours++] = (*list)[i];
	return (ssize_t)n_ours;
}

void lab_member_name(pid_t pid, char *name, size_t size)
{
	if (read_proc(pid, "cmdline", name, size) < 0)
		*name = '\0';
}

/*
 * The pidfds are opened before the second look.  A pid that is still listed then belongs to the
 * process of the pidfd, and not to another that got its number.
 */
static ssize_t kill_listed(const struct lab *lab, const struct lab_member *list, size_t n)
{
	int *pidfds = malloc((n + 1) * sizeof(*pidfds));
	struct lab_member *now = NULL;
	ssize_t n_now;

	if (!pidfds)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		pidfds[i] = pidfd_open(list[i].pid, 0);
	n_now = lab_members_list(lab, &now);
	for (size_t i = 0; i < n; i++) {
		if (pidfds[i] < 0)
			continue;
		if (n_now > 0 && lab_members_find(now, (size_t)n_now, list[i].pid) >= 0)
			pidfd_send_signal(pidfds[i], SIGKILL, NULL, 0);
		close(pidfds[i]);
	}
	if (n_now >= 0)
		free(now);
	free(pidfds);
	return n_now;
}

void lab_members_kill(const struct lab *lab)
{
	struct deadline deadline = deadline_in_ms(KILL_MS);
	ssize_t left = 1;

	/* A process that forks during a round leaves a child, which the next round finds. */
	while (left > 0 && !deadline_passed(deadline)) {
		struct lab_member *list;

		left = lab_members_list(lab, &list);
		if (left <= 0) {
			if (left == 0)
				free(list);
			return;
		}
		left = kill_listed(lab, list, (size_t)left);
		free(list);
		sched_yield();
	}
}
