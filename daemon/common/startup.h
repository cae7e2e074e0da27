/* SPDX-License-Identifier: MIT */
/*
 * startup.h - the first messages of a child: its descriptors, interfaces and start values
 *
 *   supervisor                          child
 *   startup_pass(), startup_new(),  --> startup_receive() hands each to its callback
 *   startup_interface()
 *   startup_end(): IPC_START        --> and returns with the values
 *
 * Nothing but a role and a name is on the command line of a child.
 */
#ifndef DAEMON_COMMON_STARTUP_H
#define DAEMON_COMMON_STARTUP_H

#include "core/base/ipc.h"

/**
 * struct startup - the conversation, in the supervisor
 * @channel: of the child, borrowed
 * @error:   0, or the negative errno after which nothing more is sent
 */
struct startup {
	int channel;
	int error;
};

/* Passes a descriptor.  @fd: borrowed; -1: it is left out. */
void startup_pass(struct startup *s, enum passed_fd what, unsigned index, int fd);

/* Passes one that was made for the child.  @fd: taken; a negative errno ends the conversation. */
void startup_new(struct startup *s, enum passed_fd what, unsigned index, int fd);

/* Names an interface, 1 to 15 characters. */
void startup_interface(struct startup *s, const char *name);

/* Ends the conversation.  Return: 0, or the negative errno of its first failure. */
int startup_end(struct startup *s, const struct ipc_start *start);

/**
 * typedef startup_fn - something that a child starts with
 * @m:  IPC_PASS_FD or IPC_INTERFACE
 * @fd: taken; -1 for IPC_INTERFACE
 */
typedef void startup_fn(void *ctx, const struct ipc_msg *m, int fd);

/**
 * startup_receive() - the conversation, in the child
 * @peer:  IPC_TO_NEW_CONTROL or IPC_TO_NEW_WORKER
 * @start: filled
 *
 * Waits for each message.
 * Return: 0; -EPIPE when the supervisor has gone; another negative errno of ipc_recv() or
 * poll(2).
 */
int startup_receive(int channel, enum ipc_peer peer, startup_fn *take, void *ctx,
		    struct ipc_start *start);

#endif
