// SPDX-License-Identifier: MIT
/* bufpool.c - ownership of receive buffers; bufpool.h has the states */
#include "core/relay/bufpool.h"

#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <string.h>

static_assert(sizeof(struct io_uring_buf) == 16,
	      "arena.h lays out buffer rings of 16-byte entries");

enum buf_class bufpool_class_of(uint32_t index)
{
	if (index < BUF_SMALL_COUNT)
		return BUF_SMALL;
	return index < BUF_SMALL_COUNT + BUF_JUMBO_COUNT ? BUF_JUMBO : BUF_SUPER;
}

uint8_t *bufpool_data(const struct bufpool *pool, uint32_t index)
{
	const struct bufpool_class *c = &pool->class[bufpool_class_of(index)];

	return c->base + (size_t)(index - c->first) * c->buffer_bytes;
}

static void offer(struct bufpool_class *c, uint32_t bid)
{
	io_uring_buf_ring_add(c->ring, c->base + (size_t)bid * c->buffer_bytes, c->buffer_bytes,
			      (unsigned short)bid, io_uring_buf_ring_mask(c->ring_entries),
			      (int)c->pending);
	c->pending++;
	c->offered++;
}

void bufpool_init(struct bufpool *pool, void *arena, unsigned set)
{
	static const bool none[BUF_TOTAL_COUNT];

	bufpool_init_filled(pool, arena, set, none);
}

void bufpool_init_filled(struct bufpool *pool, void *arena, unsigned set,
			 const bool filled[static BUF_TOTAL_COUNT])
{
	uint32_t first = 0;

	memset(pool, 0, sizeof(*pool));
	for (enum buf_class i = BUF_SMALL; i < BUF_CLASSES; i++) {
		const struct arena_class sizes = arena_class(i);
		struct bufpool_class *c = &pool->class[i];

		c->base = (uint8_t *)arena + arena_buffers_offset(i);
		c->ring = (void *)((uint8_t *)arena + arena_bufring_offset(set, i));
		c->buffer_bytes = sizes.buffer_bytes;
		c->buffers = sizes.buffers;
		c->ring_entries = sizes.ring_entries;
		c->first = first;
		first += sizes.buffers;
		memset(c->ring, 0, sizes.ring_entries * sizeof(struct io_uring_buf));
		for (uint32_t bid = 0; bid < c->buffers; bid++)
			if (!filled[c->first + bid])
				offer(c, bid);
		c->offered = c->buffers;
		c->low = c->offered;
	}
	bufpool_commit(pool);
}

int bufpool_take(struct bufpool *pool, enum buf_class class, uint32_t bid)
{
	struct bufpool_class *c = &pool->class[class];

	if (bid >= c->buffers)
		return -ERANGE;
	if (pool->refs[c->first + bid])
		return -EBUSY;
	pool->refs[c->first + bid] = 1;
	c->offered--;
	if (c->offered < c->low)
		c->low = c->offered;
	return (int)(c->first + bid);
}

void bufpool_ref(struct bufpool *pool, uint32_t index)
{
	assert(pool->refs[index]);
	pool->refs[index]++;
}

void bufpool_unref(struct bufpool *pool, uint32_t index)
{
	struct bufpool_class *c = &pool->class[bufpool_class_of(index)];

	assert(pool->refs[index]);
	if (--pool->refs[index] == 0)
		offer(c, index - c->first);
}

void bufpool_commit(struct bufpool *pool)
{
	for (enum buf_class i = BUF_SMALL; i < BUF_CLASSES; i++) {
		struct bufpool_class *c = &pool->class[i];

		if (!c->pending)
			continue;
		io_uring_buf_ring_advance(c->ring, (int)c->pending);
		c->pending = 0;
	}
}
