/* SPDX-License-Identifier: MIT */
/*
 * supervisor_message.h - what the supervisor says while control runs
 *
 * supervisor_channel.h has the requests and their answers.
 */
#ifndef DAEMON_CONTROL_SUPERVISOR_MESSAGE_H
#define DAEMON_CONTROL_SUPERVISOR_MESSAGE_H

struct process;

/* The channel is ready: send what waits, take a bounded number of messages. */
void control_supervisor_ready(struct process *p);

/* Watch the channel for writing only while requests wait for room in it. */
void control_supervisor_watch(struct process *p);

#endif
