/* SPDX-License-Identifier: MIT */
/*
 * publish.h - hand the rules to the workers, and know who has them
 *
 * There is one way to change what a worker does: the whole set as a snapshot, under
 * the next generation.  Of the last PUBLISH_HISTORY publications the hash that each
 * worker must report is remembered, so that an answer which waits for generation g
 * is confirmed by a worker that is already further.
 */
#ifndef DAEMON_CONTROL_PUBLISH_H
#define DAEMON_CONTROL_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/limits.h"

struct control;

#define PUBLISH_HISTORY   256             /* more than are made while a worker may be behind */
#define PUBLISH_RESYNC_NS 300000000000ull /* publish again, whatever the pages say */

/**
 * struct published - one publication
 * @taken_ns: when the supervisor took it, 0: not yet, or refused
 */
struct published {
	uint64_t generation;
	uint64_t taken_ns;
	uint64_t hash[MCR_MAX_WORKERS];
};

/**
 * struct control_publish - what was published
 * @generation: the last one, 0: none yet
 * @first:      the first one that this process made, 0: none yet
 * @at_ns:      when
 * @busy:       workers that did not take it, as the supervisor says
 * @error:      why the supervisor refused it, negative; 0
 * @shares:     of each interface slot: how many rules each worker serves there
 */
struct control_publish {
	uint64_t generation;
	uint64_t first;
	uint64_t at_ns;
	uint64_t busy;
	int error;
	uint16_t shares[MCR_MAX_IFACES][MCR_MAX_WORKERS];
	struct published history[PUBLISH_HISTORY];
};

/* Publish the rules as they are now.  Return: 0 or negative errno. */
int control_publish(struct control *c, uint64_t now_ns);

/* Does worker @w have the rules of @generation, or later ones? */
bool control_publish_confirmed(const struct control *c, unsigned w, uint64_t generation);

/* --- snapshot.c --- */

/**
 * control_snapshot_build() - the rules, their workers, slots and states as a snapshot
 * @hash: filled: what each worker must report
 * @shares: filled: of each interface slot, how many rules each worker serves there
 * @mem:  filled: to be freed by the caller
 *
 * Return: size in bytes; -ENOMEM; -EINVAL when it does not fit its own counts.
 */
ssize_t control_snapshot_build(const struct control *c, uint64_t generation,
			       uint64_t hash[static MCR_MAX_WORKERS],
			       uint16_t shares[static MCR_MAX_IFACES][MCR_MAX_WORKERS], void **mem);

/* A sealed memfd with these bytes.  Return: descriptor or negative errno. */
int control_memfd(const char *name, const void *mem, size_t size_bytes);

/**
 * control_restore() - take rules, slots and generation from the last snapshot
 * @fd: sealed memfd, borrowed
 *
 * Return: 0; -EBADMSG, -EPROTO for a snapshot that cannot be; -ENOMEM; other
 * negative errno.
 */
int control_restore(struct control *c, int fd, uint64_t now_ns);

#endif
