/* SPDX-License-Identifier: MIT */
/*
 * ring.h - a worker's io_uring: made by the supervisor, used by the worker
 *
 * seccomp cannot see the operations of a ring, so the ring itself is restricted: it is made
 * disabled, restricted to a few operations, and enabled.  From then on seccomp forbids
 * io_uring_register(2) to the worker.
 *
 *   supervisor  ring_make(): memory, buffer rings, restrictions.  It keeps the descriptor
 *   worker      inherits the descriptor; ring_open() maps it, ring_enable() makes the
 *               worker the one task that may submit
 *   successor   inherits that descriptor, too; ring_queue_open() maps the completion
 *               queue of the dead worker, to read what it had received
 *
 * The memory of a ring lives as long as a descriptor of it.  The kernel ends no request of
 * a dead task as long as the ring lives, and runs none
 * (experiments/poc_ring_sealed).  An io_uring descriptor cannot be passed over a socket
 * (since Linux 6.7), so it is inherited through fork and exec.
 *
 * The kernel charges a ring to the RLIMIT_MEMLOCK of the user who makes it, unless it has
 * CAP_IPC_LOCK (since Linux 6.14).
 */
#ifndef CORE_BASE_RING_H
#define CORE_BASE_RING_H

#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"

/* The owner of a completion. */
enum ring_kind { RING_RECV, RING_SEND, RING_CHANNEL, RING_CANCEL };

/**
 * union ring_tag - user_data of a submission, typed
 * @kind:  enum ring_kind
 * @class: RING_RECV: enum buf_class of the buffers the receive takes
 * @slot:  RING_RECV: interface slot
 * @link:  RING_RECV: enum link_layer of the socket's frames.  It is here and not looked up,
 *         so that a completion of a socket that has been closed can still be parsed
 * @serial: RING_RECV: of the socket; no two sockets of a worker have the same
 * @datagrams, @send, @unit: RING_SEND: struct egress_tag
 */
union ring_tag {
	struct {
		uint8_t kind;
		uint8_t class;
		uint8_t slot;
		uint8_t link;
		uint32_t serial;
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
static_assert(MCR_MAX_IFACES <= UINT8_MAX + 1, "a slot fits into the tag");

/*
 * Is it the completion of a receive for which the kernel discarded a frame?  Before Linux 6.2
 * no struct virtio_net_hdr describes a super-datagram of UDP, and recvmsg(2) on a packet
 * socket with PACKET_VNET_HDR fails with EINVAL after it has taken the frame out.
 */
static inline bool ring_is_unreadable(int32_t res, uint32_t flags)
{
	return res == -EINVAL && !(flags & IORING_CQE_F_BUFFER);
}

/* Entries of the largest ring. */
#define RING_SQ_MAX 4096u
#define RING_CQ_MAX 16384u

/* How many entries a ring has, from most to fewest; each step needs less memory. */
enum ring_size { RING_FULL, RING_QUARTER, RING_SIXTEENTH, RING_SIZES };

/**
 * struct ring_info - a ring that has been made, for those who map it
 * @number: tells the rings of a worker apart, and grows; 0: there is no ring
 * @set:    set of buffer rings in the arena that it takes buffers from
 * @params: as the kernel filled them in
 */
struct ring_info {
	uint64_t number;
	uint32_t set;
	uint32_t reserved;
	struct io_uring_params params;
};

/**
 * struct ring_file - content of the memfd of PASSED_RINGS
 * @own:  the ring of the worker that begins
 * @last: that of the last worker that was ready; number 0: there was none
 * @last_given_up: its descriptor had to be given up
 */
struct ring_file {
	struct ring_info own, last;
	uint64_t last_given_up;
};

struct ring {
	struct io_uring uring;
	bool made;
};

/**
 * struct ring_queue - the completion queue of a ring that nobody uses any more
 * @number: of the ring; 0: there was none
 * @cqes:   NULL: they cannot be read any more
 * @entries: of @cqes, a power of two
 * @tail:   completions there have been
 * @mem, @bytes: mapping
 */
struct ring_queue {
	uint64_t number;
	const struct io_uring_cqe *cqes;
	uint32_t entries;
	uint32_t tail;
	void *mem;
	size_t bytes;
};

/* Memory that a ring of this size and its buffer rings lock, in bytes. */
size_t ring_locked_bytes(enum ring_size size);

/**
 * ring_make() - make a disabled ring with its buffer rings and restrictions
 * @size:     how many entries
 * @arena_fd: the worker's arena; buffer group g is the buffer class of that number
 * @info:     @info->number and @info->set are the caller's; @info->params is filled
 *
 * Return: descriptor; negative errno of io_uring_setup(2) (-ENOSYS, -EPERM when io_uring
 * is switched off, -EINVAL on a kernel before 6.1, -ENOMEM when the user's locked memory is
 * used up), io_uring_register(2) or mmap(2).
 */
int ring_make(enum ring_size size, int arena_fd, struct ring_info *info);

/**
 * ring_open() - map a ring that ring_make() has made
 * @ring: filled
 * @fd:   taken
 *
 * Return: 0; -EINVAL when @info cannot be that of a ring; negative errno of mmap(2).
 */
int ring_open(struct ring *ring, int fd, const struct ring_info *info);
void ring_fini(struct ring *ring);

/**
 * ring_enable() - enable the ring; from then on only the calling task may submit to it
 * Return: 0 or negative errno of io_uring_register(2).
 */
int ring_enable(struct ring *ring);

/**
 * ring_queue_open() - map the completion queue of a ring whose user is dead
 * @q:  filled
 * @fd: borrowed
 *
 * Its content was writable for its user.
 *
 * Return: 0; -EINVAL when @info cannot be that of a ring; negative errno of mmap(2).
 */
int ring_queue_open(struct ring_queue *q, int fd, const struct ring_info *info);
void ring_queue_fini(struct ring_queue *q);

#define RING_UNTIL_SIGNAL UINT64_MAX

/**
 * ring_wait() - submit what is queued, and wait for a completion or a time-out
 * @timeout_ns: how long at most; RING_UNTIL_SIGNAL arms no timer, which saves programming
 *              and cancelling one for every wait
 * Return: 0, also after a time-out or a signal; else negative errno.
 */
int ring_wait(struct ring *ring, uint64_t timeout_ns);

/*
 * Is there a completion, or work for which the kernel must be entered?  Reads memory only, for
 * polling without a system call.
 */
bool ring_pending(const struct ring *ring);

/* Submits what is queued and runs completions that are due, without waiting. */
int ring_submit(struct ring *ring);

/* A submission entry; submits first when the queue is full. */
struct io_uring_sqe *ring_sqe(struct ring *ring);

#endif
