/* SPDX-License-Identifier: MIT */
/*
 * Processes of a lab: started in a node, ready when they say so, stopped by pidfd with a deadline.
 *
 * A child gets fixed descriptors: PROC_READY_FD to say that it is ready (one byte),
 * PROC_GO_FD to be told to go on (one byte, or end of file).  Its argv names these numbers, such as
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

struct proc {
	pid_t pid; /* 0: not running */
	int pidfd;
	int ready_fd; /* -1: none */
	int go_fd;    /* -1: none */
	int out_fd;   /* standard output, or -1 */
};

struct proc_spec {
	const char *const *argv; /* NULL at the end; argv[0] is looked up in PATH */
	int userns_fd;           /* -1: none */
	int netns_fd;            /* -1: the caller's */
	bool ready;              /* give it PROC_READY_FD */
	bool go;                 /* give it PROC_GO_FD */
	bool capture;            /* standard output to out_fd; else inherited */
	const char *stderr_path; /* append standard error to this file; NULL: inherited */
};

/* Everything off: no namespaces, nothing captured. */
#define PROC_SPEC_INIT                          \
	{                                       \
		.userns_fd = -1, .netns_fd = -1 \
	}

/**
 * proc_spawn() - start a program.
 * @proc: filled; proc_stop() or proc_wait() is due after success
 * @spec: borrowed
 *
 * Return: 0; negative errno, which includes why the program could not be executed.
 */
int proc_spawn(struct proc *proc, const struct proc_spec *spec);

/** proc_wait_ready() - wait until it is ready.  Return: 0, -ETIMEDOUT, -ECHILD when it ended. */
int proc_wait_ready(struct proc *proc, struct deadline deadline);

/** proc_go() - let it go on. */
void proc_go(struct proc *proc);

/**
 * proc_collect() - read its standard output to the end.
 * @text: NUL-terminated, owned by the caller afterwards; NULL on error
 *
 * Return: 0, -ETIMEDOUT, -ENOMEM or another negative errno.
 */
int proc_collect(struct proc *proc, struct deadline deadline, char **text);

/**
 * proc_wait() - wait for its end.
 * @status: filled as by waitpid()
 *
 * Return: 0, after which @proc is empty; -ETIMEDOUT, after which it still runs.
 */
int proc_wait(struct proc *proc, struct deadline deadline, int *status);

/**
 * proc_stop() - send a signal and wait for the end; at the deadline send SIGKILL.
 * @signo: 0 sends nothing before the deadline
 *
 * Return: 0, or -ETIMEDOUT when it had to be killed; @proc is empty either way.
 */
int proc_stop(struct proc *proc, int signo, struct deadline deadline, int *status);

#endif
