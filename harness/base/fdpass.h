/* SPDX-License-Identifier: MIT */
/* fdpass.h - one message with file descriptors over a Unix socket */
#ifndef HARNESS_BASE_FDPASS_H
#define HARNESS_BASE_FDPASS_H

#include <stddef.h>

#define FDPASS_MAX 128

/**
 * fdpass_send() - send bytes and descriptors
 * @socket: a connected Unix socket
 * @bytes:  @length bytes; borrowed
 * @length: 1 or more
 * @fds:    borrowed
 * @n_fds:  0 to FDPASS_MAX
 *
 * Return: 0; -EINVAL for too many descriptors; what sendmsg() fails with.
 */
int fdpass_send(int socket, const void *bytes, size_t length, const int *fds, size_t n_fds);

/**
 * fdpass_recv() - receive one message
 * @socket: a connected Unix socket
 * @bytes:  filled
 * @length: in, the room at @bytes; out, the bytes received, 0 when the other side has closed
 * @fds:    filled with descriptors, close-on-exec, now the caller's
 * @n_fds:  in, the room at @fds; out, how many were received; those beyond the room are closed
 *
 * Return: 0, or what recvmsg() fails with.
 */
int fdpass_recv(int socket, void *bytes, size_t *length, int *fds, size_t *n_fds);

#endif
