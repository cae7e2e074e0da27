/* SPDX-License-Identifier: MIT */
/* io.h - operations of a worker's ring */
#ifndef DAEMON_WORKER_IO_H
#define DAEMON_WORKER_IO_H

#include <stdbool.h>
#include <sys/socket.h>

#include "core/relay/egress.h"

struct worker;
struct worker_input;

/* No input and no output has a socket. */
void worker_init_sockets(struct worker *w);

/* egress_io.queue() and egress_io.drain(); ctx is the worker. */
void worker_queue_send(void *ctx, int sock, const struct msghdr *msg, struct egress_tag tag);
void worker_drain(void *ctx);

/* Are there receives that could be handled? */
bool worker_has_input(const struct worker *w);

/*
 * Handles every completion that is there.  Receives that the batch has no room for wait in the
 * journal.  Return: how many receives were handled.
 */
unsigned worker_reap(struct worker *w);

/* Sends what was gathered, and settles the batch. */
void worker_flush(struct worker *w);

/*
 * Between batches: ends every receive, and counts what was received and not handled as
 * socket_queue.
 */
void worker_discard(struct worker *w);

/* Arms what is not armed and may be: receives, and the watch on the channel. */
void worker_arm(struct worker *w);

/*
 * Between batches: ends the receive of an input, and relays what was received.  The next reader
 * of the socket sends later datagrams, which must not overtake these.
 */
void worker_finish_input(struct worker *w, struct worker_input *in);

#endif
