// SPDX-License-Identifier: MIT
/* A lab: owning its namespaces. */
#include "harness/lab.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/fdpass.h"
#include "harness/labbuild.h"

static void take(struct lab *lab, const struct topology *topo, const int *fds, size_t n_fds)
{
	size_t with_userns = n_fds - topo->n_nodes;

	*lab = (struct lab){.topo = topo, .userns_fd = with_userns ? fds[0] : -1};
	for (; lab->n_netns < topo->n_nodes; lab->n_netns++)
		lab->netns_fds[lab->n_netns] = fds[with_userns + lab->n_netns];
}

int lab_up(struct lab *lab, const struct topology *topo, struct lab_error *error)
{
	int fds[TOPO_MAX_NODES + 1];
	size_t n_fds = TOPO_MAX_NODES + 1;
	struct labbuild_result result = {0};
	size_t length = sizeof(result);
	int sockets[2];
	pid_t pid;
	int ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		_exit(labbuild_child(topo, sockets[1]));
	ret = pid < 0 ? -errno : 0;
	close(sockets[1]);
	if (!ret)
		ret = fdpass_recv(sockets[0], &result, &length, fds, &n_fds);
	close(sockets[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	if (!ret && length != sizeof(result)) {
		ret = -ECHILD;
		snprintf(result.error.text, sizeof(result.error.text), "the builder died");
	}
	if (!ret)
		ret = result.ret;
	*error = result.error;
	if (ret)
		return ret;
	if (n_fds != topo->n_nodes && n_fds != topo->n_nodes + 1)
		return -EPROTO;
	take(lab, topo, fds, n_fds);
	return 0;
}

static bool is_inside(const struct lab *lab, const char *pid)
{
	char path[64];
	struct stat process;
	struct stat node;

	snprintf(path, sizeof(path), "/proc/%.20s/ns/net", pid);
	if (stat(path, &process) < 0)
		return false;
	for (unsigned int i = 0; i < lab->n_netns; i++)
		if (fstat(lab->netns_fds[i], &node) == 0 && node.st_ino == process.st_ino &&
		    node.st_dev == process.st_dev)
			return true;
	return false;
}

/*
 * By pid, found by the namespace it lives in: what stands in a lab that goes away belongs to it.
 * A pidfd makes sure that the process looked at is the one that is killed.
 */
static void kill_inhabitants(const struct lab *lab)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;

	if (!proc)
		return;
	while ((entry = readdir(proc))) {
		pid_t pid = (pid_t)atoi(entry->d_name);
		int pidfd;

		if (!isdigit((unsigned char)entry->d_name[0]) || pid == getpid())
			continue;
		pidfd = pidfd_open(pid, 0);
		if (pidfd < 0)
			continue;
		if (is_inside(lab, entry->d_name))
			pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
		close(pidfd);
	}
	closedir(proc);
}

void lab_down(struct lab *lab)
{
	kill_inhabitants(lab);
	for (unsigned int i = 0; i < lab->n_netns; i++)
		close(lab->netns_fds[i]);
	if (lab->userns_fd >= 0)
		close(lab->userns_fd);
	lab->n_netns = 0;
	lab->userns_fd = -1;
}
