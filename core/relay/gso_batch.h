/* SPDX-License-Identifier: MIT */
/*
 * gso_batch.h - a row of datagrams of one rule that one UDP_SEGMENT send can carry
 *
 * Equal sizes, except that the last may be shorter (udp(7)).  Who holds the GSO batch and its
 * buffers is the business of egress.c; here is what may be in one, and its reading.
 */
#ifndef CORE_RELAY_GSO_BATCH_H
#define CORE_RELAY_GSO_BATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/relay/egress.h"
#include "core/relay/frame.h"

struct gso_batch {
	struct iovec iov[GSO_BATCH_IOV];
	uint32_t buffers[GSO_BATCH_IOV];
	uint32_t n_iov;
	uint8_t ttl; /* of all items */
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

/* May @item follow in the GSO batch?  The GSO batch ends on a whole segment, or is empty. */
static inline bool gso_batch_takes(const struct gso_batch *r, const struct egress_item *item,
				   uint32_t segments_max)
{
	if (r->n_iov == 0)
		return true;
	return r->n_iov < GSO_BATCH_IOV && item->ttl == r->ttl &&
	       r->bytes == r->datagrams * r->segment_bytes && item->payload_bytes > 0 &&
	       item->payload_bytes + r->bytes <= FRAME_PAYLOAD_MAX &&
	       item->datagrams + r->datagrams <= segments_max &&
	       (item->segment_bytes == r->segment_bytes ||
		(item->datagrams == 1 && item->payload_bytes < r->segment_bytes));
}

/* Appends what gso_batch_takes(); the caller holds the item's buffer for the GSO batch. */
static inline void gso_batch_append(struct gso_batch *r, const struct egress_item *item)
{
	r->iov[r->n_iov] = (struct iovec){(void *)(uintptr_t)item->payload, item->payload_bytes};
	r->buffers[r->n_iov++] = item->buffer;
	r->bytes += item->payload_bytes;
	r->datagrams += item->datagrams;
}

/* The datagram at @at, and @at at the next one; there is none when at->iov == r->n_iov. */
static inline struct iovec gso_batch_step(const struct gso_batch *r, struct gso_cursor *at)
{
	const struct iovec *iov = &r->iov[at->iov];
	const size_t room = iov->iov_len - at->offset;
	const struct iovec one = {
		.iov_base = (uint8_t *)iov->iov_base + at->offset,
		.iov_len = room < r->segment_bytes ? room : r->segment_bytes,
	};

	at->offset += (uint32_t)one.iov_len;
	if (at->offset == iov->iov_len)
		*at = (struct gso_cursor){at->iov + 1, 0};
	return one;
}

#endif
