/* SPDX-License-Identifier: MIT */
/* egress_done.h - completions of sends, for the implementation of egress_io.drain() */
#ifndef CORE_RELAY_EGRESS_DONE_H
#define CORE_RELAY_EGRESS_DONE_H

#include <stdbool.h>
#include <stdint.h>

struct egress;

/**
 * egress_done() - a send has completed
 * @send: as given to queue(); out of range is ignored
 * @res:  bytes, or negative errno
 *
 * Queues nothing: a send to be repeated waits for egress_retry().
 */
void egress_done(struct egress *e, uint32_t send, int res);

/* Queues the sends that egress_done() wants repeated; true when there was any. */
bool egress_retry(struct egress *e);

#endif
