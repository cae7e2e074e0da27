/* SPDX-License-Identifier: MIT */
/*
 * bufpool.h - receive buffers of three sizes, and who owns each
 *
 *             bufpool_take()              bufpool_unref() of the last reference
 *   OFFERED ------------------> HELD(n) ------------------------------------> OFFERED
 *   the kernel may fill it      n references: the batch, and every GSO batch
 *                               that points into it (bufpool_ref())
 *
 * These three functions are the only way from one state to the other.  Buffers
 * returned become visible to the kernel together, with bufpool_commit().
 *
 * A buffer is named by its index over all classes, so that one number says both.
 * The pool never grows: when a class is empty, the kernel ends the receive with
 * ENOBUFS and the socket's queue holds what arrives.
 */
#ifndef CORE_RELAY_BUFPOOL_H
#define CORE_RELAY_BUFPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"

struct io_uring_buf_ring;

struct bufpool_class {
	uint8_t *base;
	struct io_uring_buf_ring *ring;
	uint32_t buffer_bytes;
	uint32_t buffers;
	uint32_t ring_entries;
	uint32_t first;   /* index of its first buffer */
	uint32_t offered; /* buffers the kernel may fill, uncommitted ones included */
	uint32_t pending; /* of them not yet committed */
	uint32_t low;     /* least @offered ever */
};

struct bufpool {
	struct bufpool_class class[BUF_CLASSES];
	uint32_t refs[BUF_TOTAL_COUNT]; /* 0: OFFERED */
};

/**
 * bufpool_init() - lay a pool over an arena, every buffer offered
 * @pool:  filled
 * @arena: WORKER_ARENA_BYTES of memory, borrowed for the life of the pool
 * @set:   which set of buffer rings to use, 0 or 1
 */
void bufpool_init(struct bufpool *pool, void *arena, unsigned set);

/**
 * bufpool_init_filled() - the same, when some buffers hold what a predecessor received
 * @filled: by index: the kernel has filled it already, and does not get it before
 *          bufpool_take() and its last bufpool_unref()
 */
void bufpool_init_filled(struct bufpool *pool, void *arena, unsigned set,
			 const bool filled[static BUF_TOTAL_COUNT]);

/**
 * bufpool_take() - the kernel has filled a buffer
 * @bid: number within its class, as the completion says
 * Return: the buffer's index, held with one reference; -ERANGE when @bid cannot be;
 * -EBUSY when that buffer was not offered.
 */
int bufpool_take(struct bufpool *pool, enum buf_class class, uint32_t bid);

/**
 * bufpool_ref() - one more reference to a buffer that is held
 * @index: as bufpool_take() gave it
 */
void bufpool_ref(struct bufpool *pool, uint32_t index);

/**
 * bufpool_unref() - give a reference up; the last one returns the buffer
 * @index: held; the kernel sees that it is back with the next bufpool_commit()
 */
void bufpool_unref(struct bufpool *pool, uint32_t index);

/* Makes returned buffers visible to the kernel. */
void bufpool_commit(struct bufpool *pool);

/* Its first byte; class[bufpool_class_of(@index)].buffer_bytes follow. */
uint8_t *bufpool_data(const struct bufpool *pool, uint32_t index);

/* Which class does the buffer belong to? */
enum buf_class bufpool_class_of(uint32_t index);

#endif
