/* SPDX-License-Identifier: MIT */
/*
 * rpc.h - a JSON-RPC client of the control socket: one line for a request, one for its answer
 *
 * Answers are read in order, one for each call; the daemon's protocol is in daemon/RPC.md.
 */
#ifndef HARNESS_BASE_RPC_H
#define HARNESS_BASE_RPC_H

#include <cjson/cJSON.h>
#include <stdio.h>
#include <sys/types.h>

#include "harness/base/wait.h"

#define RPC_ERROR_SIZE 256

/**
 * struct rpc - a connection
 * @fd:       connected; -1: none
 * @peer_pid: the process that listens
 * @input:    bytes received and not yet read as a line; owned
 * @length:   of @input
 * @error:    why the last call failed, one line
 */
struct rpc {
	int fd;
	pid_t peer_pid;
	char *input;
	size_t length;
	char error[RPC_ERROR_SIZE];
};

/**
 * rpc_open() - connect, and agree on the version of the protocol
 * @rpc:      filled; rpc_close() is due even after an error
 * @path:     of the socket
 * @deadline: for the answer
 *
 * Return: 0; negative errno with @rpc->error filled.
 */
int rpc_open(struct rpc *rpc, const char *path, struct deadline deadline);

/**
 * rpc_call() - ask, and wait for the answer
 * @rpc:      open
 * @method:   of daemon/RPC.md
 * @params:   taken; NULL: none
 * @deadline: for the answer
 * @result:   filled on success, the caller's to delete
 *
 * Return: 0; -EPROTO when the daemon answers with an error, or with something that is no answer;
 * -ETIMEDOUT; -EPIPE when it has closed the connection; other negative errno.  @rpc->error is
 * filled with any.
 */
int rpc_call(struct rpc *rpc, const char *method, cJSON *params, struct deadline deadline,
	     cJSON **result);

/**
 * rpc_close() - disconnect
 * @rpc: filled by rpc_open(), whatever it returned
 */
void rpc_close(struct rpc *rpc);

#endif
