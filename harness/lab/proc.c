// SPDX-License-Identifier: MIT
/* proc.c - spawn in a node, handshake, output and end */
#include "harness/lab/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/lab/enter.h"

#define FIRST_FREE_FD 10 /* above every descriptor the child is given a number for */

/* The child's ends of the pipes; -1 where there is none. */
struct child_ends {
	int ready;
	int go;
	int out;
	int error;
};

static int open_pipe(bool wanted, int *read_end, int *write_end)
{
	int fds[2];

	*read_end = -1;
	*write_end = -1;
	if (!wanted)
		return 0;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	*read_end = fds[0];
	*write_end = fds[1];
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* All ends are moved out of the way first: an end may have the number of another's place. */
static int place_fds(struct child_ends *ends)
{
	struct {
		int *from;
		int to;
	} moves[] = {{&ends->ready, PROC_READY_FD},
		     {&ends->go, PROC_GO_FD},
		     {&ends->out, STDOUT_FILENO}};

	for (size_t i = 0; i < sizeof(moves) / sizeof(*moves); i++)
		if (*moves[i].from >= 0) {
			*moves[i].from = fcntl(*moves[i].from, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
			if (*moves[i].from < 0)
				return -errno;
		}
	ends->error = fcntl(ends->error, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
	if (ends->error < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(moves) / sizeof(*moves); i++)
		if (*moves[i].from >= 0 && dup2(*moves[i].from, moves[i].to) < 0)
			return -errno;
	return 0;
}

static int redirect_stderr(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	if (fd < 0)
		return -errno;
	return dup2(fd, STDERR_FILENO) < 0 ? -errno : 0;
}

static int become(const struct proc_spec *spec, struct child_ends *ends, pid_t parent)
{
	sigset_t none;
	int ret = 0;

	/* Before descriptors are placed: the namespace's may have one of those numbers. */
	if (spec->netns_fd >= 0)
		ret = lab_enter(spec->userns_fd, spec->netns_fd);
	if (ret == 0)
		ret = place_fds(ends);
	if (ret == 0 && spec->stderr_path)
		ret = redirect_stderr(spec->stderr_path);
	if (ret < 0)
		return ret;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	if (getppid() != parent)
		return -ESRCH;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(spec->argv[0], (char *const *)spec->argv);
	return -errno;
}

int proc_spawn(struct proc *proc, const struct proc_spec *spec)
{
	struct child_ends ends = {-1, -1, -1, -1};
	pid_t parent = getpid();
	int error_fd = -1;
	int error = 0;
	int ret;

	*proc = (struct proc){.pidfd = -1, .ready_fd = -1, .go_fd = -1, .out_fd = -1};
	ret = open_pipe(spec->ready, &proc->ready_fd, &ends.ready);
	if (ret == 0)
		ret = open_pipe(spec->go, &ends.go, &proc->go_fd);
	if (ret == 0)
		ret = open_pipe(spec->capture, &proc->out_fd, &ends.out);
	if (ret == 0)
		ret = open_pipe(true, &error_fd, &ends.error);
	if (ret < 0)
		goto out;
	proc->pid = fork();
	if (proc->pid == 0) {
		error = become(spec, &ends, parent);
		_exit(write(ends.error, &error, sizeof(error)) < 0 ? 126 : 127);
	}
	ret = proc->pid < 0 ? -errno : 0;
	if (proc->pid < 0)
		proc->pid = 0;
out:
	close_fd(&ends.ready);
	close_fd(&ends.go);
	close_fd(&ends.out);
	close_fd(&ends.error);
	/* End of file without an error: exec has closed the pipe. */
	if (ret == 0 && read(error_fd, &error, sizeof(error)) == sizeof(error)) {
		waitpid(proc->pid, NULL, 0);
		proc->pid = 0;
		ret = error;
	}
	close_fd(&error_fd);
	if (ret == 0) {
		proc->pidfd = pidfd_open(proc->pid, 0);
		ret = proc->pidfd < 0 ? -errno : 0;
	}
	if (ret < 0) {
		close_fd(&proc->ready_fd);
		close_fd(&proc->go_fd);
		close_fd(&proc->out_fd);
	}
	return ret;
}

int proc_wait_ready(struct proc *proc, struct deadline deadline)
{
	char byte;
	int ret = wait_readable(proc->ready_fd, deadline);

	if (ret < 0)
		return ret;
	ret = read(proc->ready_fd, &byte, 1) == 1 ? 0 : -ECHILD;
	close_fd(&proc->ready_fd);
	return ret;
}

void proc_go(struct proc *proc)
{
	close_fd(&proc->go_fd);
}

int proc_collect(struct proc *proc, struct deadline deadline, char **text)
{
	size_t room = 4096;
	size_t length = 0;
	char *buffer = malloc(room);
	int ret = buffer ? 0 : -ENOMEM;

	*text = NULL;
	while (!ret) {
		ssize_t n;

		ret = wait_readable(proc->out_fd, deadline);
		if (ret < 0)
			break;
		n = read(proc->out_fd, buffer + length, room - length - 1);
		if (n < 0)
			ret = -errno;
		if (n <= 0)
			break;
		length += (size_t)n;
		if (room - length < 2) {
			char *larger = realloc(buffer, room *= 2);

			ret = larger ? 0 : -ENOMEM;
			buffer = larger ? larger : buffer;
		}
	}
	if (ret < 0) {
		free(buffer);
		return ret;
	}
	buffer[length] = '\0';
	*text = buffer;
	return 0;
}

int proc_wait(struct proc *proc, struct deadline deadline, int *status)
{
	int ret = wait_readable(proc->pidfd, deadline);

	if (ret < 0)
		return ret;
	if (waitpid(proc->pid, status, 0) < 0)
		ret = -errno;
	close_fd(&proc->pidfd);
	close_fd(&proc->ready_fd);
	close_fd(&proc->go_fd);
	close_fd(&proc->out_fd);
	proc->pid = 0;
	return ret;
}

int proc_stop(struct proc *proc, int signo, struct deadline deadline, int *status)
{
	int ret;

	if (signo)
		pidfd_send_signal(proc->pidfd, signo, NULL, 0);
	ret = proc_wait(proc, deadline, status);
	if (ret != -ETIMEDOUT)
		return ret;
	pidfd_send_signal(proc->pidfd, SIGKILL, NULL, 0);
	proc_wait(proc, deadline_in_ms(-1), status);
	return -ETIMEDOUT;
}
