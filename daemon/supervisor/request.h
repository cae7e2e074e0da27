/* SPDX-License-Identifier: MIT */
/* request.h - control's requests */
#ifndef DAEMON_SUPERVISOR_REQUEST_H
#define DAEMON_SUPERVISOR_REQUEST_H

#include <stdint.h>

struct ipc_msg;
struct supervisor;

/**
 * request_serve() - carry out one request of control
 * @m:     passed ipc_parse()
 * @fd:    descriptor that came along, or -1; set to -1 when it is kept
 * @value: 0, or filled as struct ipc_reply.value says
 *
 * Return: status of struct ipc_reply; 1 for IPC_SPAWN that is answered later.
 */
int request_serve(struct supervisor *s, const struct ipc_msg *m, int *fd, uint64_t *value);

/* Serves requests that have come, a bounded number; ends a control that misbehaves. */
void request_read(struct supervisor *s);

#endif
