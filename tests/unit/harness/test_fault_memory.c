// SPDX-License-Identifier: MIT
/*
 * test_fault_memory.c - faults of memory, in a child that only holds some
 *
 * Links: harness/fault/memory.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/fault/memory.h"

#define CHUNK      (1 << 20) /* what is searched at a time */
#define AREA_BYTES (3 * CHUNK)
#define LENGTH     8

/* Constant, so that it stands in no writable memory but where a case has put it. */
static const unsigned char pattern[LENGTH] = {0x9e, 0x37, 0x79, 0xb9, 0x7f, 0x4a, 0x7c, 0x15};
static const unsigned char other[LENGTH] = {1, 2, 3, 4, 5, 6, 7, 8};

static unsigned char *area;   /* the child's own from the fork on */
static unsigned char *shared; /* a page of both */
static pid_t child;
static int mem_fd;

static int setup(void **state)
{
	area = mmap(NULL, AREA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return area == MAP_FAILED || shared == MAP_FAILED;
}

static int teardown(void **state)
{
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		close(mem_fd);
	}
	child = 0;
	munmap(area, AREA_BYTES);
	munmap(shared, 4096);
	return 0;
}

/* A child that has the pattern at these places of its area. */
static void begin(const size_t *places, unsigned n)
{
	char path[64];
	int ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* A byte at a time: a register that held it all might be saved to the stack. */
		for (unsigned i = 0; i < n * LENGTH; i++)
			*(volatile unsigned char *)(area + places[i / LENGTH] + i % LENGTH) =
				pattern[i % LENGTH];
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	snprintf(path, sizeof(path), "/proc/%d/mem", child);
	mem_fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(mem_fd >= 0);
}

static void child_has(const unsigned char *at, const unsigned char *expected)
{
	unsigned char bytes[LENGTH];

	assert_int_equal(pread(mem_fd, bytes, LENGTH, (off_t)(uintptr_t)at), LENGTH);
	assert_memory_equal(bytes, expected, LENGTH);
}

/*
 * At the edges of a map, and across the edges of the pieces in which it is read: each place once.
 */
static void test_edges_of_maps_and_reads(void **state)
{
	static const size_t places[] = {0,
					100,
					CHUNK - LENGTH,
					CHUNK,
					2 * CHUNK - LENGTH - 5,
					2 * CHUNK - 3,
					AREA_BYTES - LENGTH};
	const unsigned n = sizeof(places) / sizeof(*places);
	uint64_t first = 0;

	begin(places, n);
	assert_int_equal(fault_replace(child, FAULT_MAPS_ALL, pattern, NULL, LENGTH, &first), n);
	assert_int_equal(first, (uintptr_t)area);
	assert_int_equal(fault_replace(child, FAULT_MAPS_SHARED, pattern, other, LENGTH, &first),
			 0);
	for (unsigned i = 0; i < n; i++)
		child_has(area + places[i], pattern);
	assert_int_equal(fault_replace(child, FAULT_MAPS_PRIVATE, pattern, other, LENGTH, &first),
			 n);
	for (unsigned i = 0; i < n; i++)
		child_has(area + places[i], other);
	assert_int_equal(fault_replace(child, FAULT_MAPS_ALL, pattern, other, LENGTH, &first), 0);
	/* Its area, not ours. */
	assert_int_equal(area[0], 0);
}

static void test_shared(void **state)
{
	uint64_t first = 0;

	memcpy(shared + 40, pattern, LENGTH);
	begin(NULL, 0);
	assert_int_equal(fault_replace(child, FAULT_MAPS_PRIVATE, pattern, other, LENGTH, &first),
			 0);
	assert_int_equal(fault_replace(child, FAULT_MAPS_SHARED, pattern, other, LENGTH, &first),
			 1);
	assert_int_equal(first, (uintptr_t)(shared + 40));
	assert_memory_equal(shared + 40, other, LENGTH);
}

static void test_write(void **state)
{
	static const size_t place = 77;

	begin(&place, 1);
	assert_int_equal(fault_write(child, (uintptr_t)(area + place), other, LENGTH), 0);
	child_has(area + place, other);
	assert_int_equal(fault_write(child, 8, other, LENGTH), -EIO);
}

static void test_refused(void **state)
{
	static const char long_pattern[4097];
	uint64_t first;

	begin(NULL, 0);
	assert_int_equal(fault_replace(child, FAULT_MAPS_ALL, pattern, NULL, 0, &first), -EINVAL);
	assert_int_equal(fault_replace(child, FAULT_MAPS_ALL, long_pattern, NULL,
				       sizeof(long_pattern), &first),
			 -EINVAL);
	assert_int_equal(fault_replace(INT32_MAX, FAULT_MAPS_ALL, pattern, NULL, LENGTH, &first),
			 -ENOENT);
	assert_int_equal(fault_write(INT32_MAX, 8, other, LENGTH), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_edges_of_maps_and_reads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shared, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
