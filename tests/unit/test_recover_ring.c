// SPDX-License-Identifier: MIT
/*
 * test_recover_ring.c - a ring that outlives its worker harms none of those that follow
 *
 * The kernel takes a ring apart some time after its owner is gone.  Here a second
 * descriptor keeps it whole for as long as the test wants.  Real rings, in memory of a
 * file as the supervisor gives it.
 *
 * Skipped where the kernel or a policy gives no io_uring, or takes no memory for it.
 *
 * Links: core/recover.c core/journal.c core/past.c core/refusal.c core/frame.c
 * Links: core/ring.c core/bufpool.c core/arena.c
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/bufpool.h"
#include "core/journal.h"
#include "core/recover.h"
#include "core/ring.h"
#include "core/statpage.h"
#include "harness/slow.h"

/* What a worker has of it all. */
struct owner {
	struct journal journal;
	struct bufpool pool;
	struct ring ring;
};

static void *arena;
static struct worker_page *page;
static struct recovery *recovery;
static int pair[2];

static int set_up(void **state)
{
	const int fd = memfd_create("arena", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)WORKER_ARENA_BYTES), 0);
	arena = mmap(NULL, WORKER_ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(arena, MAP_FAILED);
	close(fd);
	page = calloc(1, sizeof(*page));
	recovery = calloc(1, sizeof(*recovery));
	assert_true(page && recovery);
	return socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair);
}

static int tear_down(void **state)
{
	close(pair[0]);
	close(pair[1]);
	free(recovery);
	free(page);
	return munmap(arena, WORKER_ARENA_BYTES);
}

/* As a worker begins, before it seals itself; NULL where there is no such ring. */
static struct owner *begin_disabled(void)
{
	struct owner *o = calloc(1, sizeof(*o));

	assert_non_null(o);
	recover_begin(arena, page, recovery);
	journal_open(&o->journal, arena, page);
	bufpool_init_filled(&o->pool, arena, recovery->set, recovery->filled);
	if (ring_init(&o->ring, arena, recovery->set) < 0 || !o->ring.in_arena) {
		ring_fini(&o->ring);
		free(o);
		return NULL;
	}
	return o;
}

static struct owner *begin(void)
{
	struct owner *o = begin_disabled();

	if (o)
		assert_int_equal(ring_seal(&o->ring, &o->pool), 0);
	return o;
}

static void end(struct owner *o)
{
	ring_fini(&o->ring);
	free(o);
}

static void arm(struct owner *o)
{
	const union ring_tag tag = {.kind = RING_RECV, .class = BUF_SUPER};
	struct io_uring_sqe *sqe = ring_sqe(&o->ring);

	io_uring_prep_recv_multishot(sqe, pair[0], NULL, 0, MSG_TRUNC);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = BUF_SUPER;
	sqe->user_data = tag.u64;
	assert_int_equal(ring_submit(&o->ring), 0);
}

/* The third worker has the set of the first, whose ring still completes receives. */
static void late_completions_go_elsewhere(void **state)
{
	struct owner *first = begin(), *second, *third;
	const unsigned set = recovery->set;

	if (!first)
		skip();
	arm(first);
	second = begin();
	third = begin();
	assert_true(second && third);
	assert_int_equal(recovery->set, set);
	arm(third);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(send(pair[1], "late", 4, 0), 4);
	/* The first was armed first, so it is the one that the socket serves. */
	assert_int_equal(ring_submit(&first->ring), 0);
	assert_int_equal(recv(pair[0], &(char){0}, 1, 0), -1);
	assert_int_equal(io_uring_cq_ready(&third->ring.uring), 0);
	/* Taking it apart completes what is armed. */
	end(first);
	assert_int_equal(ring_wait(&third->ring, 100000000), 0);
	assert_int_equal(io_uring_cq_ready(&third->ring.uring), 0);
	/* And the third's own works. */
	assert_int_equal(send(pair[1], "own", 3, 0), 3);
	assert_int_equal(ring_wait(&third->ring, 2000000000), 0);
	assert_int_equal(io_uring_cq_ready(&third->ring.uring), 1);
	end(second);
	end(third);
}

/* Dies with a receive armed; its ring lives on, because the parent has it, too. */
static void die_armed(struct owner *o)
{
	int status;
	pid_t pid;

	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (ring_seal(&o->ring, &o->pool) == 0)
			arm(o);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static bool buffers_are_empty(void)
{
	const uint8_t *p = (uint8_t *)arena + arena_buffers_offset(BUF_SUPER);

	for (size_t i = 0; i < (size_t)BUF_SUPER_COUNT * BUF_SUPER_BYTES; i++)
		if (p[i])
			return false;
	return true;
}

/* What arrives after a worker's death stays in the socket, and out of the buffers. */
static void the_dead_receive_nothing(void **state)
{
	struct owner *o = begin_disabled();
	const struct timespec pause = {.tv_nsec = 1000000};
	uint32_t *tail;
	char byte;

	if (!o)
		skip();
	die_armed(o);
	tail = o->ring.uring.cq.ktail;
	assert_int_equal(__atomic_load_n(tail, __ATOMIC_ACQUIRE), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(send(pair[1], "late", 4, 0), 4);
	assert_int_equal(__atomic_load_n(tail, __ATOMIC_ACQUIRE), 0);
	ring_fini(&o->ring);
	for (int64_t i = 0; i < 5000 * slow_factor() && !__atomic_load_n(tail, __ATOMIC_ACQUIRE);
	     i++)
		nanosleep(&pause, NULL);
	/* The kernel has taken it apart, which completed the receive. */
	assert_int_equal(__atomic_load_n(tail, __ATOMIC_ACQUIRE), 1);
	assert_true(o->ring.uring.cq.cqes[0].res < 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(recv(pair[0], &byte, 1, 0), 1);
	assert_true(buffers_are_empty());
	free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(late_completions_go_elsewhere, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_dead_receive_nothing, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
