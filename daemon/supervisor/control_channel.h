/* SPDX-License-Identifier: MIT */
/* control_channel.h - what control is given over its channel */
#ifndef DAEMON_SUPERVISOR_CONTROL_CHANNEL_H
#define DAEMON_SUPERVISOR_CONTROL_CHANNEL_H

#include <stdint.h>

struct ipc_msg;
struct supervisor;

/* Sends to control; kills it when it does not take it, so that it starts afresh. */
void control_channel_send(struct supervisor *s, struct ipc_msg *msg, int fd);

/* First messages of a fresh control; a restarted one gets what its predecessor left. */
void control_channel_begin(struct supervisor *s);

/* That worker's status page, to read. */
void control_channel_give_page(struct supervisor *s, unsigned worker);

/* How that worker is. */
void control_channel_worker_state(struct supervisor *s, unsigned worker);

/* @seq, @type: of the request; @status, @value: see struct ipc_reply. */
void control_channel_reply(struct supervisor *s, uint32_t seq, unsigned type, int status,
			   uint64_t value);

/* Answers IPC_SPAWN if that is not answered yet, and reads control's requests again. */
void control_channel_spawn_done(struct supervisor *s, int status, uint64_t value);

#endif
