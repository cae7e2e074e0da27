/* SPDX-License-Identifier: MIT */
/* ask.h - a lab that other processes can find by name: the client's side; hold.h has the protocol
 */
#ifndef HARNESS_LAB_ASK_H
#define HARNESS_LAB_ASK_H

#include <stddef.h>

#include "harness/base/wait.h"
#include "harness/lab/name.h"

struct lab;
struct topology;

/**
 * lab_ask() - send a request to the holder of a lab, and read the answer
 * @name:    of the lab
 * @request: as in hold.h
 * @answer:  filled with NUL-terminated text
 * @fds:     filled with descriptors, now the caller's
 * @n_fds:   in, the room at @fds; out, how many came
 *
 * Return: 0; -EINVAL for a bad name; -ENOENT when no such lab is up; -EPERM when it is another
 * user's; -ETIMEDOUT; -ECONNRESET when the holder ended; other negative errno.
 */
int lab_ask(const char *name, const char *request, char answer[static LAB_NAME_ANSWER_SIZE],
	    int *fds, size_t *n_fds);

/**
 * lab_ask_enter() - move the calling thread into a node of a lab that another process holds
 * @name: of the lab
 * @node: of the node
 *
 * After success the end of the lab kills the caller.
 *
 * Return: 0; -ESRCH when the lab has no such node; otherwise as lab_ask() and lab_enter().
 */
int lab_ask_enter(const char *name, const char *node);

/**
 * lab_ask_attach() - get the topology and the namespaces of a lab that another process holds
 * @name: of the lab
 * @lab:  filled; lab_close() is due after success
 * @topo: filled; @lab borrows it
 *
 * Return: 0; -EPROTO when the answer makes no sense; otherwise as lab_ask().
 */
int lab_ask_attach(const char *name, struct lab *lab, struct topology *topo);

/**
 * lab_ask_wait_ended() - wait until the lab's name is free
 * @name:     of the lab
 * @deadline: when to give up
 *
 * Return: 0 or -ETIMEDOUT.
 */
int lab_ask_wait_ended(const char *name, struct deadline deadline);

/**
 * lab_ask_list() - the labs of this network namespace
 * @found: called with the name of each
 *
 * Return: 0, or what opening /proc/net/unix fails with.
 */
int lab_ask_list(void (*found)(const char *name));

#endif
