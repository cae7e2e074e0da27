/* SPDX-License-Identifier: MIT */
/*
 * proc.h - processes of a lab: started in a node, ready when they say so, stopped by pidfd
 *
 * A child gets fixed descriptors: on PROC_READY_FD it writes a byte when it is ready, on PROC_GO_FD
 * it waits for a byte or end of file before it goes on.  Its argv names these numbers, such as
 * "--ready-fd", "3".  It dies with the thread that started it (PR_SET_PDEATHSIG).
 */
#ifndef HARNESS_LAB_PROC_H
#define HARNESS_LAB_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "harness/base/wait.h"

#define PROC_READY_FD 3
#define PROC_GO_FD    4

/**
 * struct proc - a process that was started
 * @pid:      0: it does not run
 * @pidfd:    owned
 * @ready_fd: owned; -1: none
 * @go_fd:    owned; -1: none
 * @out_fd:   its standard output, owned; -1: not captured
 */
struct proc {
	pid_t pid;
	int pidfd;
	int ready_fd;
	int go_fd;
	int out_fd;
};

/**
 * struct proc_spec - how a process is started
 * @argv:        NULL at the end; argv[0] is looked up in PATH
 * @userns_fd:   of the lab; -1: none
 * @netns_fd:    of the node; -1: the caller's
 * @ready:       give it PROC_READY_FD
 * @go:          give it PROC_GO_FD
 * @capture:     standard output to out_fd; otherwise it is inherited
 * @stderr_path: append standard error to this file; NULL: inherited
 */
struct proc_spec {
	const char *const *argv;
	int userns_fd;
	int netns_fd;
	bool ready;
	bool go;
	bool capture;
	const char *stderr_path;
};

/* Everything off: no namespaces, nothing captured. */
#define PROC_SPEC_INIT                          \
	{                                       \
		.userns_fd = -1, .netns_fd = -1 \
	}

/**
 * proc_spawn() - start a program
 * @proc: filled; proc_stop() or proc_wait() is due after success
 * @spec: borrowed
 *
 * Return: 0; negative errno, also when the program cannot be executed.
 */
int proc_spawn(struct proc *proc, const struct proc_spec *spec);

/**
 * proc_wait_ready() - wait until it is ready
 * @proc:     started with @ready
 * @deadline: when to give up
 *
 * Return: 0; -ETIMEDOUT; -ECHILD when it ended before.
 */
int proc_wait_ready(struct proc *proc, struct deadline deadline);

/**
 * proc_go() - let it go on
 * @proc: started with @go
 */
void proc_go(struct proc *proc);

/**
 * proc_collect() - read its standard output to the end
 * @proc:     started with @capture
 * @deadline: when to give up
 * @text:     NUL-terminated, owned by the caller afterwards; NULL on error
 *
 * Return: 0; -ETIMEDOUT; -ENOMEM; what read(2) fails with.
 */
int proc_collect(struct proc *proc, struct deadline deadline, char **text);

/**
 * proc_wait() - wait for its end
 * @proc:     empty after success
 * @deadline: when to give up
 * @status:   filled as by waitpid()
 *
 * Return: 0; -ETIMEDOUT when it still runs.
 */
int proc_wait(struct proc *proc, struct deadline deadline, int *status);

/**
 * proc_stop() - send a signal and wait for the end; at the deadline send SIGKILL
 * @proc:     empty afterwards
 * @signo:    0 sends nothing before the deadline
 * @deadline: for its end
 * @status:   filled as by waitpid()
 *
 * Return: 0; -ETIMEDOUT when it had to be killed.
 */
int proc_stop(struct proc *proc, int signo, struct deadline deadline, int *status);

#endif
