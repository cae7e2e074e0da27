// SPDX-License-Identifier: MIT
/* arena.c - offsets into the memory of a worker */
#include "core/base/arena.h"

struct arena_class arena_class(enum buf_class class)
{
	switch (class) {
	case BUF_SMALL:
		return (struct arena_class){BUF_SMALL_BYTES, BUF_SMALL_COUNT, BUF_SMALL_RING};
	case BUF_JUMBO:
		return (struct arena_class){BUF_JUMBO_BYTES, BUF_JUMBO_COUNT, BUF_JUMBO_RING};
	case BUF_SUPER:
		return (struct arena_class){BUF_SUPER_BYTES, BUF_SUPER_COUNT, BUF_SUPER_RING};
	case BUF_CLASSES:
		break;
	}
	return (struct arena_class){0};
}

size_t arena_bufring_offset(unsigned set, enum buf_class class)
{
	size_t offset = ARENA_BUFRING_OFFSET(set);

	for (enum buf_class c = BUF_SMALL; c < class; c++)
		offset += ARENA_ROUND(arena_class(c).ring_entries * 16u);
	return offset;
}

size_t arena_buffers_offset(enum buf_class class)
{
	size_t offset = ARENA_BUFFERS_OFFSET;

	for (enum buf_class c = BUF_SMALL; c < class; c++) {
		const struct arena_class sizes = arena_class(c);

		offset += (size_t)sizes.buffers * sizes.buffer_bytes;
	}
	return offset;
}
