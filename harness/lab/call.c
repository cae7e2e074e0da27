// SPDX-License-Identifier: MIT
/* call.c - fork(2); the result comes back through a pipe */
#include "harness/lab/call.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/lab/enter.h"
#include "harness/lab/state.h"

int lab_call(const struct lab *lab, int netns_fd, int (*call)(void *arg), void *arg)
{
	int result = -ECHILD;
	int fds[2];
	pid_t pid;

	if (pipe(fds) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		result = lab_enter(lab->userns_fd, netns_fd);
		if (!result)
			result = call(arg);
		_exit(write(fds[1], &result, sizeof(result)) < 0 ? 1 : 0);
	}
	if (pid < 0)
		result = -errno;
	close(fds[1]);
	/* A child that dies before it writes leaves -ECHILD. */
	if (pid > 0 && read(fds[0], &result, sizeof(result)) < 0)
		result = -errno;
	close(fds[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return result;
}
