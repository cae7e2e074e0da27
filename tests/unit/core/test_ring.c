// SPDX-License-Identifier: MIT
/*
 * test_ring.c - a real ring, made, restricted, opened and enabled
 *
 * Skipped where the kernel or a policy gives no io_uring.
 *
 * Links: core/base/ring.c core/relay/bufpool.c core/base/arena.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/ring.h"
#include "core/relay/bufpool.h"

#define WAIT_NS 2000000000ull

struct fixture {
	int arena_fd, fd;
	struct ring_info info;
	void *arena;
	struct bufpool pool;
	struct ring ring;
	int pair[2];
};

/* As supervisor and worker make it, one after the other. */
static struct fixture *fixture_of(enum ring_size size, unsigned set)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->arena_fd = memfd_create("arena", MFD_CLOEXEC);
	assert_int_equal(ftruncate(f->arena_fd, (off_t)WORKER_ARENA_BYTES), 0);
	f->arena =
		mmap(NULL, WORKER_ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, f->arena_fd, 0);
	assert_ptr_not_equal(f->arena, MAP_FAILED);
	f->info = (struct ring_info){.number = 1, .set = set};
	f->fd = ring_make(size, f->arena_fd, &f->info);
	if (f->fd == -ENOSYS || f->fd == -EPERM || f->fd == -EACCES || f->fd == -EINVAL) {
		print_message("skipped: no io_uring: %s\n", strerror(-f->fd));
		munmap(f->arena, WORKER_ARENA_BYTES);
		close(f->arena_fd);
		free(f);
		return NULL;
	}
	assert_true(f->fd >= 0);
	bufpool_init(&f->pool, f->arena, set);
	assert_int_equal(ring_open(&f->ring, dup(f->fd), &f->info), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, f->pair), 0);
	return f;
}

static void fixture_free(struct fixture *f)
{
	ring_fini(&f->ring);
	ring_fini(&f->ring); /* harmless the second time */
	close(f->pair[0]);
	close(f->pair[1]);
	close(f->fd);
	close(f->arena_fd);
	munmap(f->arena, WORKER_ARENA_BYTES);
	free(f);
}

static struct fixture *enabled_of(enum ring_size size, unsigned set)
{
	struct fixture *f = fixture_of(size, set);

	if (!f)
		skip();
	assert_int_equal(ring_enable(&f->ring), 0);
	return f;
}

static struct fixture *sealed(unsigned set)
{
	struct fixture *f = enabled_of(RING_FULL, set);

	assert_int_equal(f->ring.uring.sq.ring_entries, RING_SQ_MAX);
	assert_int_equal(f->ring.uring.cq.ring_entries, RING_CQ_MAX);
	return f;
}

/* A completion; io_uring's own struct ends in a flexible array and cannot be returned. */
struct completion {
	uint64_t user_data;
	int32_t res;
	uint32_t flags;
};

/* The next completion, taken; fails the test when none comes in time. */
static struct completion next_cqe(struct fixture *f)
{
	struct io_uring_cqe *cqe = NULL;
	struct completion copy;

	assert_int_equal(ring_wait(&f->ring, WAIT_NS), 0);
	if (io_uring_peek_cqe(&f->ring.uring, &cqe) != 0)
		fail_msg("no completion within %llu ns", WAIT_NS);
	copy = (struct completion){cqe->user_data, cqe->res, cqe->flags};
	io_uring_cqe_seen(&f->ring.uring, cqe);
	return copy;
}

static void arm(struct fixture *f, enum buf_class class)
{
	struct io_uring_sqe *sqe = ring_sqe(&f->ring);
	const union ring_tag tag = {
		.kind = RING_RECV, .class = (uint8_t) class, .slot = 7, .serial = 99};

	io_uring_prep_recv_multishot(sqe, f->pair[0], NULL, 0, MSG_TRUNC);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = (uint16_t) class;
	sqe->user_data = tag.u64;
}

static uint32_t taken(struct fixture *f, const struct completion *cqe, enum buf_class class)
{
	int index;

	assert_true(cqe->flags & IORING_CQE_F_BUFFER);
	index = bufpool_take(&f->pool, class, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
	assert_in_range(index, 0, BUF_TOTAL_COUNT - 1);
	return (uint32_t)index;
}

static void multishot_receive(void **state)
{
	for (unsigned set = 0; set < 2; set++) {
		struct fixture *f = sealed(set);

		for (enum buf_class class = BUF_SMALL; class < BUF_CLASSES; class ++) {
			const uint32_t bytes = 100 + class;
			uint8_t data[200];

			arm(f, class);
			for (unsigned i = 0; i < 3; i++) {
				struct completion cqe;
				union ring_tag tag;
				uint32_t index;

				memset(data, (int)(i + 1), sizeof(data));
				assert_int_equal(send(f->pair[1], data, bytes, 0), bytes);
				cqe = next_cqe(f);
				tag.u64 = cqe.user_data;
				assert_int_equal(cqe.res, bytes);
				assert_int_equal(tag.kind, RING_RECV);
				assert_int_equal(tag.class, class);
				assert_int_equal(tag.slot, 7);
				assert_int_equal(tag.serial, 99);
				assert_true(cqe.flags & IORING_CQE_F_MORE);
				index = taken(f, &cqe, class);
				assert_memory_equal(bufpool_data(&f->pool, index), data, bytes);
				bufpool_unref(&f->pool, index);
				bufpool_commit(&f->pool);
			}
			/* Cancelled by its tag, before the next class is armed. */
			{
				struct io_uring_sqe *sqe = ring_sqe(&f->ring);
				const union ring_tag tag = {.kind = RING_RECV,
							    .class = (uint8_t) class,
							    .slot = 7,
							    .serial = 99};

				io_uring_prep_cancel64(sqe, tag.u64, 0);
				sqe->user_data = 0;
				(void)next_cqe(f);
				(void)next_cqe(f);
			}
		}
		fixture_free(f);
	}
}

/* A frame larger than its buffer completes with its true length. */
static void truncated_length_shows(void **state)
{
	struct fixture *f = sealed(0);
	static uint8_t data[BUF_SMALL_BYTES + 500];
	struct completion cqe;

	memset(data, 0x5a, sizeof(data));
	arm(f, BUF_SMALL);
	assert_int_equal(send(f->pair[1], data, sizeof(data), 0), sizeof(data));
	cqe = next_cqe(f);
	assert_int_equal(cqe.res, sizeof(data));
	assert_memory_equal(bufpool_data(&f->pool, taken(f, &cqe, BUF_SMALL)), data,
			    BUF_SMALL_BYTES);
	/* The neighbour is untouched. */
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(bufpool_data(&f->pool, 1)[i], 0);
	fixture_free(f);
}

/* Every buffer is held: the receive ends with ENOBUFS, and goes on once one came back. */
static void exhaustion(void **state)
{
	struct fixture *f = sealed(0);
	struct completion cqe = {0};

	arm(f, BUF_SUPER);
	for (uint32_t i = 0; i < BUF_SUPER_COUNT; i++) {
		assert_int_equal(send(f->pair[1], &i, sizeof(i), MSG_DONTWAIT), sizeof(i));
		cqe = next_cqe(f);
		if (cqe.res != sizeof(i))
			fail_msg("datagram %u: %d", i, cqe.res);
		taken(f, &cqe, BUF_SUPER);
		if (!(cqe.flags & IORING_CQE_F_MORE))
			arm(f, BUF_SUPER);
	}
	assert_int_equal(f->pool.class[BUF_SUPER].offered, 0);
	assert_int_equal(send(f->pair[1], "last", 4, 0), 4);
	cqe = next_cqe(f);
	assert_int_equal(cqe.res, -ENOBUFS);
	assert_false(cqe.flags & IORING_CQE_F_MORE);
	bufpool_unref(&f->pool, BUF_TOTAL_COUNT - 1);
	bufpool_commit(&f->pool);
	arm(f, BUF_SUPER);
	cqe = next_cqe(f);
	assert_int_equal(cqe.res, 4);
	assert_int_equal(taken(f, &cqe, BUF_SUPER), BUF_TOTAL_COUNT - 1);
	fixture_free(f);
}

static void send_and_sendmsg(void **state)
{
	struct fixture *f = sealed(0);
	struct iovec iov = {(void *)"two", 3};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct io_uring_sqe *sqe;
	char got[8];

	sqe = ring_sqe(&f->ring);
	io_uring_prep_send(sqe, f->pair[0], "one", 3, MSG_DONTWAIT);
	sqe->user_data = 1;
	sqe = ring_sqe(&f->ring);
	io_uring_prep_sendmsg(sqe, f->pair[0], &msg, MSG_DONTWAIT);
	sqe->user_data = 2;
	assert_int_equal(ring_submit(&f->ring), 0);
	/* MSG_DONTWAIT: both have completed when the submission returns. */
	assert_int_equal(io_uring_cq_ready(&f->ring.uring), 2);
	assert_int_equal(next_cqe(f).res, 3);
	assert_int_equal(next_cqe(f).res, 3);
	assert_int_equal(recv(f->pair[1], got, sizeof(got), MSG_DONTWAIT), 3);
	assert_memory_equal(got, "one", 3);
	assert_int_equal(recv(f->pair[1], got, sizeof(got), MSG_DONTWAIT), 3);
	assert_memory_equal(got, "two", 3);
	fixture_free(f);
}

static void other_operations_are_refused(void **state)
{
	static const struct {
		const char *name;
		uint8_t op, flags;
		int res;
	} cases[] = {
		{"NOP", IORING_OP_NOP, 0, -EACCES},
		{"OPENAT", IORING_OP_OPENAT, 0, -EACCES},
		{"SOCKET", IORING_OP_SOCKET, 0, -EACCES},
		{"CONNECT", IORING_OP_CONNECT, 0, -EACCES},
		{"WRITE", IORING_OP_WRITE, 0, -EACCES},
		{"URING_CMD", IORING_OP_URING_CMD, 0, -EACCES},
		{"SEND with a link", IORING_OP_SEND, IOSQE_IO_LINK, -EACCES},
		{"SEND, forced asynchronous", IORING_OP_SEND, IOSQE_ASYNC, -EACCES},
		{"SEND on no socket", IORING_OP_SEND, 0, -EBADF}, /* the twin: allowed */
	};
	struct fixture *f = sealed(0);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct io_uring_sqe *sqe = ring_sqe(&f->ring);
		struct completion cqe;

		io_uring_prep_rw(cases[i].op, sqe, -1, NULL, 0, 0);
		sqe->flags = cases[i].flags;
		sqe->user_data = i;
		cqe = next_cqe(f);
		assert_int_equal(cqe.user_data, i);
		if (cqe.res != cases[i].res)
			fail_msg("%s: %d", cases[i].name, cqe.res);
	}
	fixture_free(f);
}

/* Restrictions cannot be loosened once the ring is enabled, and it cannot be used before. */
static void seal_holds(void **state)
{
	struct fixture *f = fixture_of(RING_FULL, 0);
	struct io_uring_restriction more = {.opcode = IORING_RESTRICTION_SQE_OP,
					    .sqe_op = IORING_OP_OPENAT};
	struct io_uring_sqe *sqe;

	if (!f)
		skip();
	sqe = ring_sqe(&f->ring);
	io_uring_prep_send(sqe, f->pair[0], "x", 1, 0);
	assert_int_equal(ring_submit(&f->ring), -EBADFD);
	assert_int_equal(ring_enable(&f->ring), 0);
	assert_true(syscall(__NR_io_uring_register, f->ring.uring.ring_fd,
			    IORING_REGISTER_RESTRICTIONS, &more, 1) < 0);
	assert_true(ring_enable(&f->ring) < 0);
	fixture_free(f);
}

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void wait_times_out(void **state)
{
	struct fixture *f = sealed(0);
	uint64_t start;

	arm(f, BUF_SMALL);
	start = clock_ns();
	assert_int_equal(ring_wait(&f->ring, 20000000), 0);
	assert_true(clock_ns() - start >= 20000000);
	assert_int_equal(io_uring_cq_ready(&f->ring.uring), 0);
	start = clock_ns();
	assert_int_equal(ring_wait(&f->ring, 0), 0);
	assert_true(clock_ns() - start < WAIT_NS / 2);
	fixture_free(f);
}

static bool noted[RING_CQ_MAX];

/* In any order: Linux 6.1 completes a send that failed before one that did not. */
static void note_once(uint64_t number, unsigned n)
{
	assert_in_range(number, 0, n - 1);
	assert_false(noted[number]);
	noted[number] = true;
}

/* More entries than the queue has: ring_sqe() makes room, nothing is lost. */
static void more_than_the_queue_holds(void **state)
{
	enum { SENDS = RING_SQ_MAX + 100 };
	struct fixture *f = sealed(0);
	unsigned good = 0, blocked = 0, head, n = 0;
	struct io_uring_cqe *cqe;

	memset(noted, 0, sizeof(noted));
	for (unsigned i = 0; i < SENDS; i++) {
		struct io_uring_sqe *sqe = ring_sqe(&f->ring);

		assert_non_null(sqe);
		io_uring_prep_send(sqe, f->pair[0], "x", 1, MSG_DONTWAIT);
		sqe->user_data = i;
	}
	assert_int_equal(ring_submit(&f->ring), 0);
	io_uring_for_each_cqe(&f->ring.uring, head, cqe) {
		note_once(cqe->user_data, SENDS);
		n++;
		good += cqe->res == 1;
		blocked += cqe->res == -EAGAIN; /* the peer's queue is short */
	}
	io_uring_cq_advance(&f->ring.uring, n);
	assert_int_equal(good + blocked, SENDS);
	assert_true(good > 0);
	fixture_free(f);
}

/* A successor reads the queue of a ring that nobody uses any more. */
static void old_queue_stays_readable(void **state)
{
	struct fixture *f = sealed(0);
	struct ring_queue q;

	arm(f, BUF_SMALL);
	assert_int_equal(send(f->pair[1], "left", 4, 0), 4);
	assert_int_equal(ring_wait(&f->ring, WAIT_NS), 0);
	ring_fini(&f->ring);
	assert_int_equal(ring_queue_open(&q, f->fd, &f->info), 0);
	assert_int_equal(q.number, f->info.number);
	assert_int_equal(q.entries, RING_CQ_MAX);
	assert_int_equal(q.tail, 1);
	assert_int_equal(q.cqes[0].res, 4);
	assert_memory_equal((const uint8_t *)f->arena + arena_buffers_offset(BUF_SMALL) +
				    (q.cqes[0].flags >> IORING_CQE_BUFFER_SHIFT) *
					    (size_t)BUF_SMALL_BYTES,
			    "left", 4);
	ring_queue_fini(&q);
	ring_queue_fini(&q); /* harmless the second time */
	fixture_free(f);
}

static void foreign_descriptor_is_refused(void **state)
{
	struct fixture *f = sealed(0);
	struct ring_info bad[4];
	struct ring_queue q;
	struct ring ring;

	for (unsigned i = 0; i < 4; i++)
		bad[i] = f->info;
	bad[0].number = 0;
	bad[1].params.cq_entries = RING_CQ_MAX * 2;
	bad[2].params.cq_entries = 1000;
	bad[3].params.sq_entries = 0;
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(ring_queue_open(&q, f->fd, &bad[i]), -EINVAL);
		assert_null(q.cqes);
		assert_int_equal(ring_open(&ring, dup(f->fd), &bad[i]), -EINVAL);
		assert_false(ring.made);
	}
	assert_true(ring_queue_open(&q, f->arena_fd, &(struct ring_info){0}) < 0);
	fixture_free(f);
}

/* Both rings lie in the memory that is mapped for them, whichever of them comes last. */
static void rings_lie_in_their_memory(void **state)
{
	for (enum ring_size size = RING_FULL; size < RING_SIZES; size++) {
		struct fixture *f = enabled_of(size, size & 1);
		const struct io_uring *u = &f->ring.uring;
		const uint8_t *from = u->cq.ring_ptr, *end = from + u->cq.ring_sz;

		assert_int_equal(u->sq.ring_entries, RING_SQ_MAX >> 2 * size);
		assert_int_equal(u->cq.ring_entries, RING_CQ_MAX >> 2 * size);
		assert_true((const uint8_t *)u->sq.array >= from);
		assert_true((const uint8_t *)(u->sq.array + u->sq.ring_entries) <= end);
		assert_true((const uint8_t *)u->cq.cqes >= from);
		assert_true((const uint8_t *)(u->cq.cqes + u->cq.ring_entries) <= end);
		assert_true(ring_locked_bytes(size) >= u->cq.ring_sz + u->sq.ring_sz);
		fixture_free(f);
	}
}

/* A ring of any size takes more sends than it has entries, and loses no completion. */
static void small_rings_lose_no_completion(void **state)
{
	struct fixture *f = enabled_of(RING_SIXTEENTH, 1);
	const unsigned sends = f->ring.uring.cq.ring_entries + 100;
	unsigned done = 0;

	memset(noted, 0, sizeof(noted));
	for (unsigned i = 0; i < sends; i++) {
		struct io_uring_sqe *sqe = ring_sqe(&f->ring);

		io_uring_prep_send(sqe, f->pair[0], "x", 1, MSG_DONTWAIT);
		sqe->user_data = i;
	}
	while (done < sends) {
		struct io_uring_cqe *cqe;
		unsigned head, n = 0;

		assert_int_equal(ring_submit(&f->ring), 0);
		io_uring_for_each_cqe(&f->ring.uring, head, cqe) {
			note_once(cqe->user_data, sends);
			n++;
		}
		assert_true(n > 0);
		io_uring_cq_advance(&f->ring.uring, n);
		done += n;
	}
	assert_int_equal(done, sends);
	fixture_free(f);
}

static void fini_of_zeroed(void **state)
{
	struct ring ring = {0};

	ring_fini(&ring);
	assert_false(ring.made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(multishot_receive),
		cmocka_unit_test(truncated_length_shows),
		cmocka_unit_test(exhaustion),
		cmocka_unit_test(send_and_sendmsg),
		cmocka_unit_test(other_operations_are_refused),
		cmocka_unit_test(seal_holds),
		cmocka_unit_test(wait_times_out),
		cmocka_unit_test(more_than_the_queue_holds),
		cmocka_unit_test(old_queue_stays_readable),
		cmocka_unit_test(foreign_descriptor_is_refused),
		cmocka_unit_test(rings_lie_in_their_memory),
		cmocka_unit_test(small_rings_lose_no_completion),
		cmocka_unit_test(fini_of_zeroed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
