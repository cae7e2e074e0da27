// SPDX-License-Identifier: MIT
/*
 * test_memfd.c - which memory is mapped: sealed, of the right size, and no other descriptor
 *
 * Links: daemon/common/memfd.c
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/common/memfd.h"

#define BYTES 5000u /* no whole pages */

static const char content[BYTES] = "what was checked once stays so";

/* A memfd of that size with those seals and no others. */
static int memory(size_t bytes, int seals)
{
	const int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static int no_descriptor(void)
{
	return -1;
}

static int a_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int a_device(void)
{
	return open("/dev/zero", O_RDWR | O_CLOEXEC);
}

static int a_file(void)
{
	const int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	assert_int_equal(ftruncate(fd, BYTES), 0);
	return fd;
}

static int without_seals(void)
{
	return memory(BYTES, 0);
}

static int that_shrinks(void)
{
	return memory(BYTES, F_SEAL_WRITE | F_SEAL_GROW);
}

static int that_grows(void)
{
	return memory(BYTES, F_SEAL_WRITE | F_SEAL_SHRINK);
}

static int that_is_written(void)
{
	return memfd_zeroed("test", BYTES);
}

static int shorter(void)
{
	return memfd_sealed("test", content, BYTES - 1);
}

static int longer(void)
{
	return memory(BYTES + 1, MEMFD_ALL_SEALS);
}

static int empty(void)
{
	return memfd_sealed("test", content, 0);
}

static int right(void)
{
	return memfd_sealed("test", content, BYTES);
}

/* Result of each of the three mappings for each kind of descriptor. */
static void mappings_need_their_seals(void **state)
{
	static const struct {
		const char *name;
		int (*make)(void);
		int map, page, shared;
	} rows[] = {
		{"no descriptor", no_descriptor, -EPERM, -EPERM, -EPERM},
		{"a socket", a_socket, -EPERM, -EPERM, -EPERM},
		{"a device", a_device, -EPERM, -EPERM, -EPERM},
		{"a file", a_file, -EPERM, -EPERM, -EPERM},
		{"no seal", without_seals, -EPERM, -EPERM, -EPERM},
		{"may still shrink", that_shrinks, -EPERM, -EPERM, -EPERM},
		{"may still grow", that_grows, -EPERM, -EPERM, -EPERM},
		{"may still be written", that_is_written, -EPERM, 0, 0},
		{"short", shorter, -EBADMSG, -EBADMSG, -EBADMSG},
		{"long", longer, -EBADMSG, -EBADMSG, -EBADMSG},
		{"empty", empty, -EBADMSG, -EBADMSG, -EBADMSG},
		{"sealed", right, 0, 0, -EPERM}, /* the kernel refuses to let it be written */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const int fd = rows[i].make();
		const void *mem = content;
		void *shared = NULL;
		int got[3];

		got[0] = memfd_map(fd, BYTES, &mem);
		if (got[0] == 0) {
			assert_memory_equal(mem, content, BYTES);
			munmap((void *)(uintptr_t)mem, BYTES);
		} else {
			assert_ptr_equal(mem, content);
		}
		got[1] = memfd_map_page(fd, BYTES, &mem);
		if (got[1] == 0)
			munmap((void *)(uintptr_t)mem, BYTES);
		got[2] = memfd_map_shared(fd, BYTES, 0, &shared);
		if (got[2] == 0)
			munmap(shared, BYTES);
		if (got[0] != rows[i].map || got[1] != rows[i].page || got[2] != rows[i].shared)
			fail_msg("%s: %d, %d, %d", rows[i].name, got[0], got[1], got[2]);
		if (fd >= 0)
			close(fd);
	}
	assert_int_equal(memfd_size(-1, MEMFD_SHARED_SEALS), -EPERM);
}

/* All mappings share the bytes; the file cannot be changed otherwise. */
static void shared_memory(void **state)
{
	const int fd = memfd_zeroed("test", BYTES), reader = memfd_reader(fd);
	const void *seen;
	void *mem, *refused = NULL;

	assert_int_equal(memfd_map_shared(fd, BYTES, 0, &mem), 0);
	assert_int_equal(memfd_map_page(reader, BYTES, &seen), 0);
	memcpy(mem, content, BYTES);
	assert_memory_equal(seen, content, BYTES);
	assert_int_equal(memfd_map_shared(reader, BYTES, 0, &refused), -EACCES);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, BYTES + 1), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1); /* by anybody, later */
	assert_int_equal(write(reader, "x", 1), -1);
	assert_true(memfd_reader(-1) < 0);
	munmap(mem, BYTES);
	munmap((void *)(uintptr_t)seen, BYTES);
	close(fd);
	close(reader);
}

static void sealed_memory(void **state)
{
	const int fd = memfd_sealed("test", content, BYTES);

	assert_int_equal(memfd_size(fd, MEMFD_ALL_SEALS), BYTES);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, 2 * BYTES), -1);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mappings_need_their_seals),
		cmocka_unit_test(shared_memory),
		cmocka_unit_test(sealed_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
