/* SPDX-License-Identifier: MIT */
/*
 * gso_batch.h - a row of datagrams of one rule that one UDP_SEGMENT send can carry
 *
 * Equal sizes, except that the last may be shorter (udp(7)).  This header says what may be in
 * a GSO batch and how to read it; egress_send.c keeps the references.
 */
#ifndef CORE_RELAY_GSO_BATCH_H
#define CORE_RELAY_GSO_BATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/relay/frame.h"

#define GSO_BATCH_IOV    64u
#define GSO_SEGMENTS_OLD 64u  /* UDP_MAX_SEGMENTS of older kernels */
#define GSO_SEGMENTS_MAX 128u /* and of newer ones */

/**
 * struct egress_item - one received (super-)datagram of the batch
 * @payload:       borrowed from @buffer
 * @payload_bytes: of all its datagrams, 0..65507
 * @segment_bytes: of each but the last, which may be shorter
 * @datagrams:     1 or more
 * @buffer:        index in the pool; the batch holds a reference
 * @next:          next item of the same rule, or CHAIN_END
 * @ttl:           of what came, for a rule with an output that decrements it; else 0
 * @unit:          in a replay, of the first item of a rule: number of its first datagram
 * @divided:       outputs that have a bit of it are not sent to: the kernel path has done it
 */
struct egress_item {
	const uint8_t *payload;
	uint32_t payload_bytes;
	uint32_t segment_bytes;
	uint32_t datagrams;
	uint32_t buffer;
	uint32_t next;
	uint32_t unit;
	uint8_t ttl;
	uint8_t divided;
};

/**
 * struct gso_batch
 * @iov, @buffers: payload of each item, and the buffer in which it lies; @n_iov of them
 * @ttl, @divided: of all items
 * @segment_bytes: of each datagram but the last
 * @refs:      sends that point to it, and who builds it; 0: it is free
 */
struct gso_batch {
	struct iovec iov[GSO_BATCH_IOV];
	uint32_t buffers[GSO_BATCH_IOV];
	uint32_t n_iov;
	uint8_t ttl;
	uint8_t divided;
	uint32_t segment_bytes;
	uint32_t bytes;
	uint32_t datagrams;
	uint32_t refs;
	uint32_t next_free;
};

/* Where the next datagram of a GSO batch begins. */
struct gso_cursor {
	uint32_t iov;
	uint32_t offset;
};

/* May @item follow?  Yes if the batch is empty, or ends on a whole segment and has room. */
static inline bool gso_batch_takes(const struct gso_batch *b, const struct egress_item *item,
				   uint32_t segments_max)
{
	if (b->n_iov == 0)
		return true;
	return b->n_iov < GSO_BATCH_IOV && item->ttl == b->ttl && item->divided == b->divided &&
	       b->bytes == b->datagrams * b->segment_bytes && item->payload_bytes > 0 &&
	       item->payload_bytes + b->bytes <= FRAME_PAYLOAD_MAX &&
	       item->datagrams + b->datagrams <= segments_max &&
	       (item->segment_bytes == b->segment_bytes ||
		(item->datagrams == 1 && item->payload_bytes < b->segment_bytes));
}

/* Appends what gso_batch_takes(); the caller holds the item's buffer for the GSO batch. */
static inline void gso_batch_append(struct gso_batch *b, const struct egress_item *item)
{
	b->iov[b->n_iov] = (struct iovec){(void *)(uintptr_t)item->payload, item->payload_bytes};
	b->buffers[b->n_iov++] = item->buffer;
	b->bytes += item->payload_bytes;
	b->datagrams += item->datagrams;
}

/* The datagram at @at, and @at at the next one; there is none when at->iov == b->n_iov. */
static inline struct iovec gso_batch_step(const struct gso_batch *b, struct gso_cursor *at)
{
	const struct iovec *iov = &b->iov[at->iov];
	const size_t room = iov->iov_len - at->offset;
	const struct iovec one = {
		.iov_base = (uint8_t *)iov->iov_base + at->offset,
		.iov_len = room < b->segment_bytes ? room : b->segment_bytes,
	};

	at->offset += (uint32_t)one.iov_len;
	if (at->offset == iov->iov_len)
		*at = (struct gso_cursor){at->iov + 1, 0};
	return one;
}

#endif
