// SPDX-License-Identifier: MIT
/*
 * test_recover_ring.c - the ring of a dead worker harms none of those that follow
 *
 * The supervisor keeps the ring of a dead worker until the next one is ready, and the
 * kernel takes it apart some time after that.  Real rings, and a real process that dies.
 *
 * Skipped where the kernel or a policy gives no io_uring.
 *
 * Links: core/base/ring.c core/relay/bufpool.c core/base/arena.c
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

#include "core/base/ring.h"
#include "core/relay/bufpool.h"

#define WAIT_NS 2000000000ull
#include "harness/base/slow.h"

/* A worker's ring and arena, and the descriptor that the supervisor holds. */
struct owner {
	struct bufpool pool;
	struct ring ring;
	struct ring_info info;
	int held;
};

static void *arena;
static int arena_fd;
static int pair[2];

static int set_up(void **state)
{
	arena_fd = memfd_create("arena", MFD_CLOEXEC);
	assert_true(arena_fd >= 0);
	assert_int_equal(ftruncate(arena_fd, (off_t)WORKER_ARENA_BYTES), 0);
	arena = mmap(NULL, WORKER_ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, arena_fd, 0);
	assert_ptr_not_equal(arena, MAP_FAILED);
	return socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair);
}

static int tear_down(void **state)
{
	close(pair[0]);
	close(pair[1]);
	close(arena_fd);
	return munmap(arena, WORKER_ARENA_BYTES);
}

/* As a worker begins, before it seals itself; NULL where there is no ring. */
static struct owner *begin_disabled(unsigned set)
{
	struct owner *o = calloc(1, sizeof(*o));

	assert_non_null(o);
	o->info = (struct ring_info){.number = 1, .set = set};
	o->held = ring_make(RING_FULL, arena_fd, &o->info);
	if (o->held < 0) {
		print_message("skipped: no io_uring: %s\n", strerror(-o->held));
		free(o);
		return NULL;
	}
	bufpool_init(&o->pool, arena, set);
	assert_int_equal(ring_open(&o->ring, dup(o->held), &o->info), 0);
	return o;
}

static void end(struct owner *o)
{
	ring_fini(&o->ring);
	close(o->held);
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

/* Dies with a receive armed; its ring lives on, because the parent has it, too. */
static void die_armed(struct owner *o)
{
	int status;
	pid_t pid;

	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (ring_enable(&o->ring) == 0)
			arm(o);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/*
 * Received by a successor that has the same buffers, also while the kernel takes the ring of
 * the dead one apart.
 */
static void datagrams_after_a_death_wait_for_the_successor(void **state)
{
	struct owner *dead = begin_disabled(0), *next;
	struct ring_queue q;

	if (!dead)
		skip();
	die_armed(dead);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(send(pair[1], "late", 4, 0), 4);
	assert_int_equal(ring_queue_open(&q, dead->held, &dead->info), 0);
	assert_int_equal(q.tail, 0);
	ring_queue_fini(&q);

	next = begin_disabled(0);
	assert_non_null(next);
	assert_int_equal(ring_enable(&next->ring), 0);
	arm(next);
	end(dead);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(send(pair[1], "late", 4, 0), 4);
	for (unsigned i = 0; i < 6; i++) {
		struct io_uring_cqe *cqe = NULL;

		assert_int_equal(ring_wait(&next->ring, WAIT_NS), 0);
		assert_int_equal(io_uring_peek_cqe(&next->ring.uring, &cqe), 0);
		assert_int_equal(cqe->res, 4);
		assert_int_equal(cqe->flags >> IORING_CQE_BUFFER_SHIFT, i);
		io_uring_cqe_seen(&next->ring.uring, cqe);
	}
	assert_int_equal(recv(pair[0], &(char){0}, 1, 0), -1);
	end(next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(datagrams_after_a_death_wait_for_the_successor,
						set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
