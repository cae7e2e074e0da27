// SPDX-License-Identifier: MIT
/*
 * test_fdpass.c - descriptors over a socket: all that were sent arrive, and none beyond the room
 * stays open
 *
 * Links: harness/base/fdpass.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/fdpass.h"

static int sockets[2];

static unsigned open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static bool same_file(int a, int b)
{
	struct stat one;
	struct stat other;

	return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_ino == other.st_ino &&
	       one.st_dev == other.st_dev;
}

static int setup(void **state)
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets);
}

static int teardown(void **state)
{
	close(sockets[0]);
	close(sockets[1]);
	return 0;
}

static void test_both(void **state)
{
	const int sent[] = {sockets[0], STDERR_FILENO};
	size_t length = 16;
	size_t n_fds = 4;
	char bytes[16];
	int fds[4];

	assert_int_equal(fdpass_send(sockets[0], "hello", 6, sent, 2), 0);
	assert_int_equal(fdpass_recv(sockets[1], bytes, &length, fds, &n_fds), 0);
	assert_int_equal(length, 6);
	assert_string_equal(bytes, "hello");
	assert_int_equal(n_fds, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(same_file(fds[i], sent[i]));
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		close(fds[i]);
	}
}

static void test_surplus_descriptors(void **state)
{
	const int sent[] = {0, 1, 2, sockets[0], sockets[1]};
	const unsigned before = open_fds();
	char bytes[16];
	int fds[FDPASS_MAX];

	for (size_t room = 0; room <= 5; room++) {
		size_t length = sizeof(bytes);
		size_t n_fds = room;

		assert_int_equal(fdpass_send(sockets[0], "x", 1, sent, 5), 0);
		assert_int_equal(fdpass_recv(sockets[1], bytes, &length, fds, &n_fds), 0);
		assert_int_equal(n_fds, room);
		assert_int_equal(open_fds(), before + room);
		for (size_t i = 0; i < n_fds; i++)
			close(fds[i]);
	}
}

static void test_most(void **state)
{
	const unsigned before = open_fds();
	int sent[FDPASS_MAX + 1];
	int fds[FDPASS_MAX];
	size_t n_fds = FDPASS_MAX;
	size_t length = 1;
	char byte;

	for (unsigned i = 0; i <= FDPASS_MAX; i++)
		sent[i] = STDERR_FILENO;
	assert_int_equal(fdpass_send(sockets[0], "x", 1, sent, FDPASS_MAX + 1), -EINVAL);
	assert_int_equal(fdpass_send(sockets[0], "x", 1, sent, FDPASS_MAX), 0);
	assert_int_equal(fdpass_recv(sockets[1], &byte, &length, fds, &n_fds), 0);
	assert_int_equal(n_fds, FDPASS_MAX);
	for (size_t i = 0; i < n_fds; i++)
		close(fds[i]);
	assert_int_equal(open_fds(), before);
}

static void test_ends(void **state)
{
	size_t length = 16;
	size_t n_fds = 4;
	char bytes[16];
	int fds[4];

	shutdown(sockets[0], SHUT_WR);
	assert_int_equal(fdpass_recv(sockets[1], bytes, &length, fds, &n_fds), 0);
	assert_int_equal(length, 0);
	assert_int_equal(n_fds, 0);
	shutdown(sockets[1], SHUT_RDWR);
	assert_int_equal(fdpass_send(sockets[1], "x", 1, NULL, 0), -EPIPE);
	length = 16;
	assert_int_equal(fdpass_recv(STDERR_FILENO, bytes, &length, fds, &n_fds), -ENOTSOCK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_both, setup, teardown),
		cmocka_unit_test_setup_teardown(test_surplus_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_most, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ends, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
