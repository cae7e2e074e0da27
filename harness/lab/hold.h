/* SPDX-License-Identifier: MIT */
/*
 * A lab that other processes can find by name.
 *
 * The holder listens on an abstract Unix socket, "\0mcr-lab/NAME": there is no file, so nothing
 * can be left behind, and /proc/net/unix is the list of all labs.  A client sends one request as
 * one message (SOCK_SEQPACKET) and gets one answer, with the descriptors of the node's namespaces.
 * Both sides check that the other runs as the same user or as root.
 *
 *   "node NAME"   answers "ok" and descriptors: [user namespace,] network namespace; then waits for
 *                 "entered", and answers "ok" once more.  Without that a client could enter a lab
 *                 that has gone down meanwhile, and nobody would know.
 *   "all"         answers "all W", W being 1 if every link has a wire, and descriptors: the
 * topology's text, [user namespace,] network namespaces of all nodes[, that of the wires] "info"
 * answers "PID TOPOLOGY NODE NODE ..." "down"        answers "ok" and ends the holder anything
 * wrong answers "error REASON"
 */
#ifndef HARNESS_LAB_HOLD_H
#define HARNESS_LAB_HOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/wait.h"
#include "harness/lab/lab.h"

#define LABHOLD_NAME_SIZE   64
#define LABHOLD_ANSWER_SIZE 4096

/**
 * labhold_listen() - claim the name of a lab.
 * @name: 1 to 63 letters, digits, '-', '_' and '.'
 *
 * Return: a listening socket; -EINVAL for a bad name, -EADDRINUSE when a lab of that name is up,
 * or another negative errno.
 */
int labhold_listen(const char *name);

/* A lab and how it is held. */
struct labhold {
	struct lab *lab; /* helpers of it that die are started again */
	int listen_fd;   /* from labhold_listen() */
	bool with_stdin; /* ends on end of file on standard input, too */
	int topology_fd; /* the text that was parsed, for who asks for it */
	bool all_wires;  /* every link was given a wire, whatever the text says */
};

/**
 * labhold_serve() - answer clients until "down", SIGTERM, SIGINT or SIGHUP.
 *
 * Return: 0 or negative errno.
 */
int labhold_serve(const struct labhold *hold);

/**
 * labhold_ask() - send a request to the holder of a lab, and read the answer.
 * @answer: filled with NUL-terminated text
 * @fds: filled with descriptors, now the caller's
 * @n_fds: in, the room at @fds; out, how many came
 *
 * Return: 0; -ENOENT when no such lab is up; -EPERM when it is another user's; negative errno.
 */
int labhold_ask(const char *name, const char *request, char answer[static LABHOLD_ANSWER_SIZE],
		int *fds, size_t *n_fds);

/**
 * labhold_enter() - move the calling thread into a node of a lab that somebody else holds.
 *
 * When it returns 0 the caller is one of those whom the end of the lab kills.
 *
 * Return: 0; -ESRCH when the lab has no such node; otherwise as labhold_ask() and lab_enter().
 */
int labhold_enter(const char *name, const char *node);

/**
 * labhold_attach() - get the topology and the namespaces of a lab that somebody else holds.
 * @lab: filled; lab_close() is due
 * @topo: filled
 *
 * Return: 0 or negative errno, as labhold_ask().
 */
int labhold_attach(const char *name, struct lab *lab, struct topology *topo);

/** labhold_add_wires() - give every link that can have one a wire. */
void labhold_add_wires(struct topology *topo);

/** labhold_wait_gone() - wait until the lab's name is free.  Return: 0 or -ETIMEDOUT. */
int labhold_wait_gone(const char *name, struct deadline deadline);

/** labhold_list() - call @found with the name of each lab there is.  Return: 0 or negative errno.
 */
int labhold_list(void (*found)(const char *name));

#endif
