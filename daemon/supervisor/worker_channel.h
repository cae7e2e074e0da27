/* SPDX-License-Identifier: MIT */
/* worker_channel.h - what a worker is given over its channel */
#ifndef DAEMON_SUPERVISOR_WORKER_CHANNEL_H
#define DAEMON_SUPERVISOR_WORKER_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

struct supervisor;

/* First messages of a fresh worker, which has nothing of what its predecessor was given. */
void worker_channel_begin(struct supervisor *s, unsigned worker);

/**
 * worker_channel_sync() - bring a worker up to date: close, open, then the snapshot
 *
 * Never blocks.  Messages that do not fit into the channel follow when there is room.
 * Return: it has been sent everything.
 */
bool worker_channel_sync(struct supervisor *s, unsigned worker);

/* Return: mask of workers that are not up to date. */
uint64_t worker_channel_sync_all(struct supervisor *s);

/* Returns when the workers that run have handled what they were sent, at most 100 ms later. */
void worker_channel_await(struct supervisor *s);

#endif
