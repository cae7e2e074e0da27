/* SPDX-License-Identifier: MIT */
/* takeover.h - finishing the batch of a worker that was killed */
#ifndef DAEMON_WORKER_TAKEOVER_H
#define DAEMON_WORKER_TAKEOVER_H

struct ring_info;
struct ring_queue;
struct worker;

/**
 * worker_take_over() - take the arena over, with the pool's buffers
 * @own:  the worker's ring
 * @last: completion queue of the last worker that was ready
 */
void worker_take_over(struct worker *w, const struct ring_info *own, const struct ring_queue *last);

/*
 * Once there is a table: finishes the batch that the last worker had begun to send.
 * Receives beyond that batch are handled by worker_reap() like any others.
 */
void worker_finish_last(struct worker *w);

#endif
