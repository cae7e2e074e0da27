/* SPDX-License-Identifier: MIT */
/*
 * arena.h - the memory of one worker that outlives it
 *
 * A memfd that the supervisor holds and one worker maps.  It has everything a
 * successor needs to finish what the last worker had received: the completion
 * queue, the buffer rings, the buffers, and a marker of how far sending had come.
 * There are two sets of rings: a successor makes its own ring in the other set and
 * can still read the old one.
 *
 *   header | ring[2] | sqes[2] | buffer rings[2][class] | buffers of each class
 *
 * All offsets are multiples of the page size.  What lies in the arena is untrusted
 * for a successor.
 */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "core/ipc.h"

#define ARENA_MAGIC   0x314e45524152434dull /* "MCRAREN1" */
#define ARENA_VERSION 1
#define ARENA_PAGE    4096u

#define ARENA_SQ_ENTRIES 4096u
#define ARENA_CQ_ENTRIES 16384u

/* Ring memory as IORING_SETUP_NO_MMAP wants it: heads, completion queue, index array. */
#define ARENA_RING_BYTES (ARENA_PAGE + ARENA_CQ_ENTRIES * 16u + ARENA_SQ_ENTRIES * 4u + ARENA_PAGE)
#define ARENA_SQES_BYTES (ARENA_SQ_ENTRIES * 64u)

/*
 * Buffer sizes and counts.  A buffer holds the virtio header, the link header and
 * the IP packet.  Counts keep a worker's memory under 64 MB.
 */
#define BUF_SMALL_BYTES 2048u
#define BUF_JUMBO_BYTES 9216u
#define BUF_SUPER_BYTES \
	65664u /* 64 KiB + 128: not a power of two, so heads spread over cache sets */
#define BUF_SMALL_COUNT 4096u
#define BUF_JUMBO_COUNT 512u
#define BUF_SUPER_COUNT 384u
#define BUF_TOTAL_COUNT (BUF_SMALL_COUNT + BUF_JUMBO_COUNT + BUF_SUPER_COUNT)

/* Buffer rings must have a power of two of entries (io_uring_register_buf_ring(3)). */
#define BUF_SMALL_RING 4096u
#define BUF_JUMBO_RING 512u
#define BUF_SUPER_RING 512u

#define ARENA_ROUND(x) (((x) + ARENA_PAGE - 1) / ARENA_PAGE * ARENA_PAGE)

struct arena_class {
	uint32_t buffer_bytes;
	uint32_t buffers;
	uint32_t ring_entries;
};

/**
 * struct arena_header - what the last worker left word of
 * @current:     which ring set is in use, 0 or 1
 * @cq_done:     completions whose sends have all been submitted (the send marker)
 * @ring_params: struct io_uring_params of each set, as the kernel filled it in
 */
struct arena_header {
	uint64_t magic;
	uint32_t version;
	uint32_t current;
	uint64_t size_bytes;
	uint64_t starts; /* workers that have used this arena */
	uint32_t cq_done;
	uint32_t in_arena; /* 1: the kernel took the ring memory (6.5 or newer) */
	uint8_t ring_params[2][120];
};
static_assert(sizeof(struct arena_header) <= ARENA_PAGE, "the header has one page");

#define ARENA_RING_OFFSET(set) (ARENA_PAGE + (set)*ARENA_ROUND(ARENA_RING_BYTES))
#define ARENA_SQES_OFFSET(set) (ARENA_RING_OFFSET(2) + (set)*ARENA_ROUND(ARENA_SQES_BYTES))
#define ARENA_BUFRING_SET_BYTES                                                  \
	(ARENA_ROUND(BUF_SMALL_RING * 16u) + ARENA_ROUND(BUF_JUMBO_RING * 16u) + \
	 ARENA_ROUND(BUF_SUPER_RING * 16u))
#define ARENA_BUFRING_OFFSET(set) (ARENA_SQES_OFFSET(2) + (set)*ARENA_BUFRING_SET_BYTES)
#define ARENA_BUFFERS_OFFSET      ARENA_BUFRING_OFFSET(2)

/* What the supervisor sizes the memfd to. */
#define WORKER_ARENA_BYTES                                                          \
	((size_t)ARENA_BUFFERS_OFFSET + (size_t)BUF_SMALL_COUNT * BUF_SMALL_BYTES + \
	 (size_t)BUF_JUMBO_COUNT * BUF_JUMBO_BYTES +                                \
	 ARENA_ROUND((size_t)BUF_SUPER_COUNT * BUF_SUPER_BYTES))

/* Sizes of one class. */
struct arena_class arena_class(enum buf_class class);

/* Offset of a class's buffer ring in set 0 or 1, and of its first buffer. */
size_t arena_bufring_offset(unsigned set, enum buf_class class);
size_t arena_buffers_offset(enum buf_class class);

#endif
