/* SPDX-License-Identifier: MIT */
/*
 * ring.h - set-up of a worker's io_uring: in the arena, restricted, sealed
 *
 * seccomp cannot see what a ring does, so the ring itself is restricted: it is made
 * disabled, told the four operations it may ever perform, and enabled.  After that
 * only seccomp stands between the worker and io_uring_register(2), and it forbids it.
 *
 * Where the kernel can (6.5 or newer; memory of several pages from 6.10), the ring lies
 * in the arena, so that a successor can read what this worker had received.  liburing's
 * inline helpers work on it as on any ring: only the set-up differs.
 */
#ifndef CORE_RING_H
#define CORE_RING_H

#include <assert.h>
#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"

struct bufpool;

/* Who a completion belongs to. */
enum ring_kind { RING_RECV, RING_SEND, RING_CHANNEL, RING_CANCEL };

/**
 * union ring_tag - user_data of a submission, in its typed form
 * @kind:  enum ring_kind
 * @class: RING_RECV: enum buf_class of the buffers the receive takes
 * @slot:  RING_RECV: interface slot
 * @index: RING_RECV: serial of the socket in that slot << 1 | enum link_layer
 * @datagrams, @send, @unit: RING_SEND: struct egress_tag
 */
union ring_tag {
	struct {
		uint8_t kind;
		uint8_t class;
		uint16_t slot;
		uint32_t index;
	};
	struct {
		uint8_t send_kind;
		uint8_t datagrams;
		uint16_t send;
		uint32_t unit;
	};
	uint64_t u64;
};
static_assert(sizeof(union ring_tag) == sizeof(uint64_t), "user_data has 64 bits");

/* What precedes the IP header.  It rides in the tag, so that late completions still parse. */
static inline enum link_layer ring_tag_link(union ring_tag tag)
{
	return tag.index & 1;
}

struct ring {
	struct io_uring uring;
	bool made;
	bool in_arena;
};

/**
 * ring_init() - make a disabled ring
 * @ring:  filled
 * @arena: the worker's arena
 * @set:   which set of ring memory to use
 *
 * Return: 0; negative errno of io_uring_setup(2) (-ENOSYS, -EPERM when io_uring is
 * switched off, -EINVAL on a kernel before 6.1, -ENOMEM).
 */
int ring_init(struct ring *ring, void *arena, unsigned set);
void ring_fini(struct ring *ring);

/**
 * ring_seal() - hand over the buffer rings, restrict the ring, enable it
 * Buffer group g is the buffer class of that number.
 * Return: 0 or negative errno of io_uring_register(2).
 */
int ring_seal(struct ring *ring, struct bufpool *pool);

#define RING_UNTIL_SIGNAL UINT64_MAX

/**
 * ring_wait() - submit what is queued, and wait for a completion or a time-out
 * @timeout_ns: how long at most; RING_UNTIL_SIGNAL arms no timer, which saves programming
 *              and cancelling one for every wait
 * Return: 0, also after a time-out or a signal; else negative errno.
 */
int ring_wait(struct ring *ring, uint64_t timeout_ns);

/*
 * Has something completed, or would it if the kernel were entered?  Reads memory only:
 * for polling without a system call.
 */
bool ring_pending(const struct ring *ring);

/* Submits what is queued and runs completions that are due, without waiting. */
int ring_submit(struct ring *ring);

/* A submission entry; submits first when the queue is full. */
struct io_uring_sqe *ring_sqe(struct ring *ring);

#endif
