// SPDX-License-Identifier: MIT
/*
 * test_bufpool.c - who owns each buffer, and what the kernel gets to see
 *
 * The kernel's side of a buffer ring is played by the test: it takes entries from its
 * own head up to the tail that the pool published.
 *
 * Links: core/relay/bufpool.c core/base/arena.c
 */
#include <errno.h>
#include <liburing.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/relay/bufpool.h"

struct fixture {
	void *arena;
	struct bufpool pool;
	uint16_t head[BUF_CLASSES]; /* the kernel's */
};

static struct fixture *fixture_new(unsigned set)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->arena = aligned_alloc(ARENA_PAGE, WORKER_ARENA_BYTES);
	assert_non_null(f->arena);
	memset((uint8_t *)f->arena + ARENA_BUFRING_OFFSET(0), 0xff, 2 * ARENA_BUFRING_SET_BYTES);
	bufpool_init(&f->pool, f->arena, set);
	return f;
}

static void fixture_free(struct fixture *f)
{
	free(f->arena);
	free(f);
}

static uint16_t visible(const struct fixture *f, enum buf_class c)
{
	return (uint16_t)(f->pool.class[c].ring->tail - f->head[c]);
}

/* The kernel fills the next buffer of the class: its bid, or -1 when there is none. */
static int kernel_fill(struct fixture *f, enum buf_class c)
{
	const struct bufpool_class *class = &f->pool.class[c];
	const struct io_uring_buf *b;

	if (!visible(f, c))
		return -1;
	b = &class->ring->bufs[f->head[c]++ & (class->ring_entries - 1)];
	assert_int_equal(b->len, class->buffer_bytes);
	assert_ptr_equal((void *)(uintptr_t)b->addr,
			 class->base + (size_t)b->bid * class->buffer_bytes);
	return b->bid;
}

static void init_offers_every_buffer_once(void **state)
{
	for (unsigned set = 0; set < 2; set++) {
		struct fixture *f = fixture_new(set);
		static uint8_t seen[BUF_TOTAL_COUNT];
		uint8_t *last = NULL;
		uint32_t n = 0;

		memset(seen, 0, sizeof(seen));
		for (enum buf_class c = BUF_SMALL; c < BUF_CLASSES; c++) {
			int bid;

			assert_int_equal(visible(f, c), arena_class(c).buffers);
			assert_int_equal(f->pool.class[c].offered, arena_class(c).buffers);
			assert_int_equal(f->pool.class[c].low, arena_class(c).buffers);
			assert_int_equal(f->pool.class[c].pending, 0);
			assert_int_equal((uint8_t *)f->pool.class[c].ring - (uint8_t *)f->arena,
					 arena_bufring_offset(set, c));
			while ((bid = kernel_fill(f, c)) >= 0) {
				const int index = bufpool_take(&f->pool, c, (uint32_t)bid);

				assert_in_range(index, 0, BUF_TOTAL_COUNT - 1);
				assert_int_equal(seen[index]++, 0);
				assert_int_equal(bufpool_class_of((uint32_t)index), c);
				n++;
			}
		}
		assert_int_equal(n, BUF_TOTAL_COUNT);
		for (uint32_t i = 0; i < BUF_TOTAL_COUNT; i++) {
			uint8_t *data = bufpool_data(&f->pool, i);
			const uint32_t bytes = arena_class(bufpool_class_of(i)).buffer_bytes;

			assert_true(data >= last); /* no two overlap */
			last = data + bytes;
			assert_true(last <= (uint8_t *)f->arena + WORKER_ARENA_BYTES);
		}
		fixture_free(f);
	}
}

/* The kernel gets none of them before it was taken and given back. */
static void filled_ones_are_not_offered(void **state)
{
	struct fixture *f = fixture_new(0);
	static bool filled[BUF_TOTAL_COUNT];

	memset(filled, 0, sizeof(filled));
	filled[BUF_SMALL_COUNT + 3] = filled[BUF_SMALL_COUNT + 4] = true;
	bufpool_init_filled(&f->pool, f->arena, 1, filled);
	memset(f->head, 0, sizeof(f->head));
	assert_int_equal(visible(f, BUF_SMALL), BUF_SMALL_COUNT);
	assert_int_equal(visible(f, BUF_JUMBO), BUF_JUMBO_COUNT - 2);
	while (visible(f, BUF_JUMBO)) {
		const int bid = kernel_fill(f, BUF_JUMBO);

		assert_true(bid != 3 && bid != 4);
	}
	assert_int_equal(bufpool_take(&f->pool, BUF_JUMBO, 3), BUF_SMALL_COUNT + 3);
	assert_int_equal(bufpool_take(&f->pool, BUF_JUMBO, 3), -EBUSY);
	assert_int_equal(f->pool.class[BUF_JUMBO].offered, BUF_JUMBO_COUNT - 1);
	bufpool_unref(&f->pool, BUF_SMALL_COUNT + 3);
	bufpool_commit(&f->pool);
	assert_int_equal(f->pool.class[BUF_JUMBO].offered, BUF_JUMBO_COUNT);
	assert_int_equal(kernel_fill(f, BUF_JUMBO), 3);
	fixture_free(f);
}

static void take_of_a_bad_buffer_fails(void **state)
{
	struct fixture *f = fixture_new(0);

	for (enum buf_class c = BUF_SMALL; c < BUF_CLASSES; c++) {
		const uint32_t n = arena_class(c).buffers;

		assert_int_equal(bufpool_take(&f->pool, c, n), -ERANGE);
		assert_int_equal(bufpool_take(&f->pool, c, 65535), -ERANGE);
		assert_int_equal(bufpool_take(&f->pool, c, UINT32_MAX), -ERANGE);
		assert_int_equal(bufpool_take(&f->pool, c, n - 1), f->pool.class[c].first + n - 1);
		assert_int_equal(bufpool_take(&f->pool, c, n - 1), -EBUSY);
		/* A refusal changes nothing. */
		assert_int_equal(f->pool.class[c].offered, n - 1);
		assert_int_equal(f->pool.class[c].low, n - 1);
	}
	fixture_free(f);
}

static void references(void **state)
{
	struct fixture *f = fixture_new(0);
	const uint32_t bid = (uint32_t)kernel_fill(f, BUF_JUMBO);
	const uint32_t index = (uint32_t)bufpool_take(&f->pool, BUF_JUMBO, bid);
	const struct bufpool_class *c = &f->pool.class[BUF_JUMBO];

	bufpool_ref(&f->pool, index);
	bufpool_ref(&f->pool, index);
	bufpool_unref(&f->pool, index);
	bufpool_unref(&f->pool, index);
	assert_int_equal(c->offered, BUF_JUMBO_COUNT - 1);
	assert_int_equal(bufpool_take(&f->pool, BUF_JUMBO, bid), -EBUSY);
	bufpool_unref(&f->pool, index);
	assert_int_equal(c->offered, BUF_JUMBO_COUNT);
	assert_int_equal(c->pending, 1);
	/* Ours again, but the kernel does not see it before the commit. */
	assert_int_equal(visible(f, BUF_JUMBO), BUF_JUMBO_COUNT - 1);
	bufpool_commit(&f->pool);
	assert_int_equal(visible(f, BUF_JUMBO), BUF_JUMBO_COUNT);
	assert_int_equal(c->pending, 0);
	bufpool_commit(&f->pool);
	assert_int_equal(visible(f, BUF_JUMBO), BUF_JUMBO_COUNT);
	for (unsigned i = 0; i < BUF_JUMBO_COUNT - 1; i++)
		kernel_fill(f, BUF_JUMBO);
	assert_int_equal(kernel_fill(f, BUF_JUMBO), bid); /* it comes last */
	fixture_free(f);
}

/* Many times round the ring and round its 16-bit tail, in changing batch sizes. */
static void wraparound(void **state)
{
	struct fixture *f = fixture_new(1);
	uint32_t held[BUF_SUPER_COUNT];
	uint64_t filled = 0;

	for (unsigned round = 0; filled < 200000; round++) {
		const uint32_t batch = round * 7 % BUF_SUPER_COUNT + 1;

		for (uint32_t i = 0; i < batch; i++) {
			const int bid = kernel_fill(f, BUF_SUPER);
			int index;

			assert_true(bid >= 0);
			index = bufpool_take(&f->pool, BUF_SUPER, (uint32_t)bid);
			assert_true(index >= 0);
			held[i] = (uint32_t)index;
		}
		for (uint32_t i = batch; i > 0; i--) { /* not in the order they came */
			bufpool_unref(&f->pool, held[i - 1]);
			if (round % 3 == 0 && i % 5 == 0)
				bufpool_commit(&f->pool);
		}
		bufpool_commit(&f->pool);
		assert_int_equal(visible(f, BUF_SUPER), BUF_SUPER_COUNT);
		filled += batch;
	}
	/* Still every buffer exactly once. */
	for (uint32_t i = 0; i < BUF_SUPER_COUNT; i++)
		assert_true(bufpool_take(&f->pool, BUF_SUPER,
					 (uint32_t)kernel_fill(f, BUF_SUPER)) >= 0);
	assert_int_equal(kernel_fill(f, BUF_SUPER), -1);
	assert_int_equal(f->pool.class[BUF_SUPER].offered, 0);
	fixture_free(f);
}

static void low_mark(void **state)
{
	struct fixture *f = fixture_new(0);
	uint32_t held[100];

	for (unsigned i = 0; i < 100; i++)
		held[i] = (uint32_t)bufpool_take(&f->pool, BUF_SMALL,
						 (uint32_t)kernel_fill(f, BUF_SMALL));
	for (unsigned i = 0; i < 100; i++)
		bufpool_unref(&f->pool, held[i]);
	bufpool_take(&f->pool, BUF_SMALL, 7);
	assert_int_equal(f->pool.class[BUF_SMALL].low, BUF_SMALL_COUNT - 100);
	assert_int_equal(f->pool.class[BUF_SMALL].offered, BUF_SMALL_COUNT - 1);
	assert_int_equal(f->pool.class[BUF_JUMBO].low, BUF_JUMBO_COUNT);
	fixture_free(f);
}

/* Giving back a buffer that is not held would offer it twice: the process ends instead. */
static void misuse_aborts(void **state)
{
	struct fixture *f = fixture_new(0);

	for (unsigned which = 0; which < 2; which++) {
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		if (pid == 0) {
			close(STDERR_FILENO);
			signal(SIGABRT, SIG_DFL);
			if (which)
				bufpool_unref(&f->pool, 5);
			else
				bufpool_ref(&f->pool, 5);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGABRT);
	}
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_offers_every_buffer_once),
		cmocka_unit_test(filled_ones_are_not_offered),
		cmocka_unit_test(take_of_a_bad_buffer_fails),
		cmocka_unit_test(references),
		cmocka_unit_test(wraparound),
		cmocka_unit_test(low_mark),
		cmocka_unit_test(misuse_aborts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
