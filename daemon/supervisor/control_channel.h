/* SPDX-License-Identifier: MIT */
/* control_channel.h - the channel to control */
#ifndef DAEMON_SUPERVISOR_CONTROL_CHANNEL_H
#define DAEMON_SUPERVISOR_CONTROL_CHANNEL_H

#include <stdint.h>

struct ipc_msg;
struct supervisor;

/* Sends to control; kills it when it does not take it, so that it starts afresh. */
void control_send(struct supervisor *s, struct ipc_msg *msg, int fd);
/* First messages of a fresh control; a restarted one gets what its predecessor left. */
void control_begin(struct supervisor *s);
/* Serves what has come, a bounded number of requests; ends a control that misbehaves. */
void control_readable(struct supervisor *s);
/* That worker's status page, to read. */
void control_give_page(struct supervisor *s, unsigned worker);
/* How that worker is. */
void control_worker_state(struct supervisor *s, unsigned worker);
/* Answers the pending IPC_SPAWN. */
void control_spawn_done(struct supervisor *s, int status, uint64_t value);

#endif
