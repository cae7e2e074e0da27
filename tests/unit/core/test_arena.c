// SPDX-License-Identifier: MIT
/*
 * test_arena.c - the parts of a worker's memory neither overlap nor leave it
 *
 * Links: core/base/arena.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/arena.h"

struct part {
	size_t from, bytes;
};

static int compare(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

static void parts_do_not_overlap(void **state)
{
	struct part parts[24];
	size_t n = 0;

	parts[n++] = (struct part){0, sizeof(struct arena_header)};
	parts[n++] = (struct part){ARENA_EVENTS_OFFSET, ARENA_EVENTS_BYTES};
	parts[n++] = (struct part){ARENA_COMMIT_OFFSET(0), sizeof(struct arena_commit)};
	parts[n++] = (struct part){ARENA_COMMIT_OFFSET(1), sizeof(struct arena_commit)};
	for (unsigned set = 0; set < 2; set++) {
		for (enum buf_class c = BUF_SMALL; c < BUF_CLASSES; c++)
			parts[n++] = (struct part){arena_bufring_offset(set, c),
						   arena_class(c).ring_entries * 16u};
	}
	for (enum buf_class c = BUF_SMALL; c < BUF_CLASSES; c++) {
		const struct arena_class sizes = arena_class(c);

		parts[n++] = (struct part){arena_buffers_offset(c),
					   (size_t)sizes.buffers * sizes.buffer_bytes};
	}
	qsort(parts, n, sizeof(parts[0]), compare);
	for (size_t i = 0; i < n; i++) {
		const size_t end = i + 1 < n ? parts[i + 1].from : WORKER_ARENA_BYTES;

		assert_int_equal(parts[i].from % ARENA_PAGE, 0);
		if (parts[i].from + parts[i].bytes > end)
			fail_msg("the part at %zu of %zu bytes runs into %zu", parts[i].from,
				 parts[i].bytes, end);
	}
	assert_int_equal(WORKER_ARENA_BYTES % ARENA_PAGE, 0);
	assert_true(WORKER_ARENA_BYTES < 64u << 20);
}

static void classes(void **state)
{
	uint32_t total = 0;

	for (enum buf_class c = BUF_SMALL; c < BUF_CLASSES; c++) {
		const struct arena_class a = arena_class(c);

		assert_true(a.buffers > 0 && a.buffers <= a.ring_entries);
		assert_int_equal(a.ring_entries & (a.ring_entries - 1), 0);
		assert_true(a.ring_entries <= 32768); /* io_uring_register_buf_ring(3) */
		total += a.buffers;
	}
	assert_int_equal(total, BUF_TOTAL_COUNT);
	assert_int_equal(arena_class(BUF_CLASSES).buffers, 0);
	/* Virtio header, Ethernet header, largest IP packet of the interface. */
	assert_true(BUF_SMALL_BYTES >= 10 + 14 + 1500);
	assert_true(BUF_JUMBO_BYTES >= 10 + 14 + 9000);
	assert_true(BUF_SUPER_BYTES >= 10 + 14 + 65535);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_do_not_overlap),
		cmocka_unit_test(classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
