/* SPDX-License-Identifier: MIT */
/*
 * supervisor_channel.h - control's requests to the supervisor
 *
 * Requests are pipelined: they are queued, sent as the channel takes them, and
 * answered by the supervisor strictly in order.  Control never waits for an answer: it is
 * given to a callback.  At most SUPERVISOR_WINDOW requests are unanswered at a time, so that the
 * replies always fit into the channel.
 */
#ifndef DAEMON_CONTROL_SUPERVISOR_CHANNEL_H
#define DAEMON_CONTROL_SUPERVISOR_CHANNEL_H

#include "daemon/control/state.h"
#define SUPERVISOR_WINDOW    64
#define SUPERVISOR_QUEUE_MAX (1u << 18) /* requests; more means that a part of control loops */

void control_supervisor_init(struct control_supervisor *s, int sock);
void control_supervisor_fini(struct control_supervisor *s);

/**
 * control_supervisor_request() - queue a request and send what the channel takes
 * @msg:  type and body; the sequence number is filled in here
 * @fd:   descriptor to pass, taken; -1 for none
 * @done: called with the answer; may be NULL
 *
 * A failure (out of memory, broken channel) shows in s->failed.
 */
void control_supervisor_request(struct control_supervisor *s, const struct ipc_msg *msg, int fd,
				request_done_fn *done, void *ctx);

/* Send what is queued, as far as window and channel allow. */
void control_supervisor_flush(struct control_supervisor *s);

/* Requests wait for room in the channel: its descriptor is to be watched for writing. */
bool control_supervisor_wants_write(const struct control_supervisor *s);

/* Has everything up to and with @seq been answered? */
bool control_supervisor_acked(const struct control_supervisor *s, uint32_t seq);

/**
 * control_supervisor_recv() - take one message from the supervisor
 * @msg: filled; replies have been handed to their callback when this returns
 * @fd:  descriptor that came along, owned by the caller, or -1
 *
 * Return: 1; 0 when the supervisor closed the channel; -EAGAIN when there is none;
 * -EPROTO for a reply that belongs to no request; other negative errno of ipc_recv().
 */
int control_supervisor_recv(struct control_supervisor *s, struct ipc_msg *msg, int *fd);

#endif
