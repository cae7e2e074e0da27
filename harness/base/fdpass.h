/* SPDX-License-Identifier: MIT */
/* One message with file descriptors over a Unix socket. */
#ifndef HARNESS_BASE_FDPASS_H
#define HARNESS_BASE_FDPASS_H

#include <stddef.h>

#define FDPASS_MAX 128

/**
 * fdpass_send() - send @length bytes and up to FDPASS_MAX descriptors (borrowed).
 *
 * Return: 0 or negative errno.
 */
int fdpass_send(int socket, const void *bytes, size_t length, const int *fds, size_t n_fds);

/**
 * fdpass_recv() - receive one message.
 * @length: in, the room at @bytes; out, what came, 0 when the other side has closed
 * @fds: filled with the descriptors that came, close-on-exec, now the caller's
 * @n_fds: in, the room at @fds; out, how many came; more than there is room for are closed
 *
 * Return: 0 or negative errno.
 */
int fdpass_recv(int socket, void *bytes, size_t *length, int *fds, size_t *n_fds);

#endif
