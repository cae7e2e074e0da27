// SPDX-License-Identifier: MIT
/*
 * test_rings.c - rings of all workers within a limit, and from life to life
 *
 * The kernel is of paper: it has so much memory that may be locked, and releases a ring some
 * tries after it was closed.
 *
 * Links: daemon/supervisor/rings.c
 * Links: daemon/common/memfd.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "daemon/common/log.h"
#include "daemon/common/memfd.h"
#include "daemon/supervisor/rings.h"
#include "daemon/supervisor/state.h"

#define KIB 1024u

static const size_t size_of[RING_SIZES] = {616 * KIB, 216 * KIB, 116 * KIB};

/* Of each descriptor that is a ring: its memory, and since which try it is closed. */
static struct {
	size_t room;  /* 0: there is no limit */
	size_t limit; /* room is less when others hold some of it */
	unsigned pauses;
	unsigned tries, delay;
	struct {
		int fd;
		size_t bytes;
		unsigned closed;
	} ring[2000];
	unsigned n;
	int error; /* of every try, unless 0 */
} kernel;

static struct supervisor *sup;
static char logged[1000];
static unsigned lines;

void log_msg(enum log_severity s, enum log_facility f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(logged, sizeof(logged), fmt, ap);
	va_end(ap);
	lines++;
}

/* In place of the C library's.  A sanitizer asks before it is ready for its own checks. */
__attribute__((no_sanitize("address", "undefined"))) int getrlimit(__rlimit_resource_t resource,
								   struct rlimit *limit)
{
	if (resource != RLIMIT_MEMLOCK)
		return (int)syscall(SYS_prlimit64, 0, resource, NULL, limit);
	*limit = (struct rlimit){kernel.limit, kernel.limit};
	return 0;
}

int nanosleep(const struct timespec *pause, struct timespec *left)
{
	kernel.pauses++;
	return 0;
}

size_t ring_locked_bytes(enum ring_size size)
{
	return size_of[size];
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* Rings that are open, or were closed a short while ago. */
static size_t locked(void)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < kernel.n; i++) {
		if (!kernel.ring[i].closed && !is_open(kernel.ring[i].fd))
			kernel.ring[i].closed = kernel.tries;
		if (!kernel.ring[i].closed || kernel.tries < kernel.ring[i].closed + kernel.delay)
			bytes += kernel.ring[i].bytes;
	}
	return bytes;
}

int ring_make(enum ring_size size, int arena_fd, struct ring_info *info)
{
	int fd;

	kernel.tries++;
	if (kernel.error)
		return kernel.error;
	if (kernel.room && locked() + size_of[size] > kernel.room)
		return -ENOMEM;
	/* Numbers are not used again, so that closed is closed. */
	fd = fcntl(0, F_DUPFD_CLOEXEC, 100 + (int)kernel.n);
	assert_true(fd >= 0 && kernel.n < 2000);
	kernel.ring[kernel.n].fd = fd;
	kernel.ring[kernel.n++].bytes = size_of[size];
	info->params.sq_entries = RING_SQ_MAX >> 2 * size;
	return fd;
}

static int setup(void **state)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.delay = 1;
	lines = 0;
	logged[0] = '\0';
	sup = calloc(1, sizeof(*sup));
	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++)
		rings_init(&sup->worker[i]);
	return sup ? 0 : -1;
}

static int teardown(void **state)
{
	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++)
		rings_close(&sup->worker[i]);
	free(sup);
	return 0;
}

static void largest_ring_that_fits(void **state)
{
	static const struct {
		const char *name;
		unsigned workers;
		size_t room_kib;
		int ret;
		enum ring_size size;
	} cases[] = {
		{"no limit", 64, 0, 0, RING_FULL},
		{"13 full ones", 13, 8192, 0, RING_FULL},
		{"14 are too many", 14, 8192, 0, RING_QUARTER},
		{"32 workers", 32, 8192, 0, RING_QUARTER},
		{"32 workers, half of it held by others", 32, 4096, 0, RING_SIXTEENTH},
		{"64 workers", 64, 8192, 0, RING_SIXTEENTH},
		{"one worker, room for a small one", 1, 120, 0, RING_SIXTEENTH},
		{"one worker, room for none", 1, 100, -ENOMEM, RING_FULL},
		{"64 workers, room for few", 64, 1000, -ENOMEM, RING_FULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned open = 0;
		int ret;

		teardown(state);
		setup(state);
		kernel.room = cases[i].room_kib * KIB;
		kernel.limit = 8192 * KIB;
		ret = rings_make_all(sup, cases[i].workers);
		if (ret != cases[i].ret || sup->ring_size != cases[i].size)
			fail_msg("%s: %d, size %d", cases[i].name, ret, (int)sup->ring_size);
		/* Said once, and only where it is less than the full size. */
		assert_int_equal(lines, ret || cases[i].size != RING_FULL);
		assert_true(!lines || strstr(logged, "cap_ipc_lock"));
		for (unsigned k = 0; k < MCR_MAX_WORKERS; k++)
			open += sup->worker[k].ring.fd >= 0;
		assert_int_equal(open, ret ? 0 : cases[i].workers);
		assert_true(!kernel.room || locked() <= kernel.room);
	}
}

/* The kernel releases memory late: the supervisor waits, and the size stays the same. */
static void late_release(void **state)
{
	kernel.room = kernel.limit = 8192 * KIB;
	kernel.delay = 15;
	assert_int_equal(rings_make_all(sup, 32), 0);
	assert_in_range(kernel.pauses, 1, 20);
	assert_int_equal(sup->ring_size, RING_QUARTER);
}

static void other_errors_end_it(void **state)
{
	kernel.error = -EPERM;
	assert_int_equal(rings_make_all(sup, 2), -EPERM);
	assert_int_equal(kernel.tries, 1);
	assert_int_equal(rings_prepare(sup, 0), -EPERM);
}

/* The description of the rings as the next process reads it. */
static struct ring_file given(const struct worker_record *w)
{
	struct ring_file file;
	int fd = rings_describe(w);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GET_SEALS) & MEMFD_ALL_SEALS, MEMFD_ALL_SEALS);
	assert_int_equal(pread(fd, &file, sizeof(file), 0), sizeof(file));
	close(fd);
	return file;
}

static void start(struct worker_record *w)
{
	assert_int_equal(rings_prepare(sup, 0), 0);
	w->ring.given = true;
}

static void rings_alternate_from_worker_to_worker(void **state)
{
	struct worker_record *w = &sup->worker[0];
	struct ring_file file;
	int first, second;

	assert_int_equal(rings_make_all(sup, 1), 0);
	first = w->ring.fd;
	start(w);
	assert_int_equal(w->ring.fd, first); /* nobody had it */
	file = given(w);
	assert_int_equal(file.own.number, 1);
	assert_int_equal(file.own.params.sq_entries, RING_SQ_MAX);
	assert_true(!file.last.number && !file.last_given_up);
	rings_in_use(w);

	/* Dies before it is ready: its ring goes, and the next one reads the same. */
	start(w);
	second = w->ring.fd;
	start(w);
	assert_false(is_open(second));
	assert_true(is_open(first));
	file = given(w);
	assert_int_equal(file.own.number, 3);
	assert_int_equal(file.last.number, 1);
	assert_int_equal(file.last_given_up, 0);
	assert_int_not_equal(file.own.set, file.last.set);

	rings_in_use(w);
	assert_false(is_open(first));
	file = given(w);
	assert_int_equal(file.last.number, 3);
}

/* A second ring beside the last one is smaller where there is little room, or replaces it. */
static void restart_within_the_limit(void **state)
{
	struct worker_record *w = &sup->worker[0];
	struct ring_file file;

	kernel.room = 750 * KIB;
	assert_int_equal(rings_make_all(sup, 1), 0);
	start(w);
	rings_in_use(w);
	start(w);
	file = given(w);
	assert_int_equal(file.own.params.sq_entries, RING_SQ_MAX >> 2 * RING_SIXTEENTH);
	assert_int_equal(file.last_given_up, 0);
	rings_in_use(w);

	kernel.room = 150 * KIB;
	kernel.delay = 5;
	assert_int_equal(lines, 0);
	/* The kernel has not released it yet; the restart comes again. */
	assert_int_equal(rings_prepare(sup, 0), -ENOMEM);
	assert_int_equal(lines, 1);
	while (rings_prepare(sup, 0) == -ENOMEM)
		assert_true(kernel.tries < 50);
	file = given(w);
	assert_int_equal(file.last.number, 2);
	assert_int_equal(file.last_given_up, 1);
	assert_int_equal(lines, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(largest_ring_that_fits),   TEST(late_release),
		TEST(other_errors_end_it),      TEST(rings_alternate_from_worker_to_worker),
		TEST(restart_within_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
