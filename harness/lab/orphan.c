// SPDX-License-Identifier: MIT
/* orphan.c - find and kill programs whose lab has ended */
#include "harness/lab/orphan.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "harness/base/proc.h"
#include "harness/lab/ask.h"

/* Return: whether the process is marked as one of a lab, with the name of the lab filled. */
static bool read_mark(pid_t pid, char name[static LAB_NAME_SIZE])
{
	static const char mark[] = LAB_ORPHAN_VARIABLE "=";
	char path[64];
	char *entry = NULL;
	size_t size = 0;
	bool marked = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	file = fopen(path, "re");
	while (file && !marked && getdelim(&entry, &size, '\0', file) > 0) {
		marked = !strncmp(entry, mark, sizeof(mark) - 1);
		if (marked)
			snprintf(name, LAB_NAME_SIZE, "%s", entry + sizeof(mark) - 1);
	}
	if (file)
		fclose(file);
	free(entry);
	return marked;
}

static bool is_up(const char *name)
{
	char answer[LAB_NAME_ANSWER_SIZE];
	size_t n_fds = 0;

	/* A lab of another user is up, too, and so is a lab that does not answer. */
	return lab_ask(name, "info", answer, NULL, &n_fds) != -ENOENT;
}

int lab_orphan_list(const char *name, void (*found)(const char *name, pid_t pid))
{
	const struct dirent *entry;
	DIR *proc;
	int n = 0;

	if (getenv(LAB_ORPHAN_VARIABLE))
		return 0;
	proc = opendir("/proc");
	if (!proc)
		return -errno;
	/* cppcheck-suppress readdirCalled */
	while ((entry = readdir(proc))) {
		pid_t pid = proc_pid(entry->d_name);
		char lab[LAB_NAME_SIZE];

		if (!pid || !read_mark(pid, lab) || (name && strcmp(name, lab)) || is_up(lab))
			continue;
		found(lab, pid);
		n++;
	}
	closedir(proc);
	return n;
}

void lab_orphan_kill(const char *name, pid_t pid)
{
	char lab[LAB_NAME_SIZE];
	int pidfd = pidfd_open(pid, 0);

	if (pidfd < 0)
		return;
	/* Read again: now it is the process that the pidfd stands for. */
	if (read_mark(pid, lab) && !strcmp(lab, name))
		pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	close(pidfd);
}
