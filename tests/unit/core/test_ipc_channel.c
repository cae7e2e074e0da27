// SPDX-License-Identifier: MIT
/*
 * test_ipc_channel.c - messages over a channel, and their descriptors
 *
 * Links: core/base/ipc.c core/base/addr.c
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/ipc.h"
#include "tests/unit/core/ipc_fixture.h"

static void make_channel(int sv[static 2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
}

static unsigned open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void over_the_channel(void **state)
{
	struct ipc_msg m = good(IPC_PIN), got;
	int sv[2], fd, file[2];
	struct stat a, b;

	make_channel(sv);
	assert_int_equal(ipc_recv(sv[1], IPC_FROM_CONTROL, &got, &fd), -EAGAIN);
	assert_int_equal(fd, -1);

	m.magic = 0; /* ipc_send() fills it in */
	m.seq = 77;
	m.has_fd = 1;
	assert_int_equal(ipc_send(sv[0], &m, -1), 0);
	assert_int_equal(ipc_recv(sv[1], IPC_FROM_CONTROL, &got, &fd), 1);
	assert_int_equal(fd, -1);
	assert_int_equal(got.seq, 77);
	assert_memory_equal(&got, &m, sizeof(m));

	assert_int_equal(pipe(file), 0);
	m = good(IPC_PUBLISH);
	assert_int_equal(ipc_send(sv[0], &m, file[0]), 0);
	assert_int_equal(ipc_recv(sv[1], IPC_FROM_CONTROL, &got, &fd), 1);
	assert_true(fd >= 0 && fd != file[0]);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fstat(fd, &a) | fstat(file[0], &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	close(fd);
	close(file[0]);
	close(file[1]);

	close(sv[0]);
	assert_int_equal(ipc_recv(sv[1], IPC_FROM_CONTROL, &got, &fd), 0);
	assert_int_equal(ipc_send(sv[1], &m, -1), -EPIPE);
	close(sv[1]);
}

static void full_channel(void **state)
{
	struct ipc_msg m = good(IPC_SPAWN), got;
	int sv[2], fd, ret, n = 0;

	make_channel(sv);
	while ((ret = ipc_send(sv[0], &m, -1)) == 0 && n < 100000)
		n++;
	assert_int_equal(ret, -EAGAIN);
	for (int i = 0; i < n; i++)
		assert_int_equal(ipc_recv(sv[1], IPC_FROM_CONTROL, &got, &fd), 1);
	assert_int_equal(ipc_recv(sv[1], IPC_FROM_CONTROL, &got, &fd), -EAGAIN);
	close(sv[0]);
	close(sv[1]);
}

/* Sends @len bytes of @m with @n_fds copies of descriptor 0. */
static void send_raw(int sock, const void *m, size_t len, unsigned n_fds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(16 * sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)m, .iov_len = len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	const int zeros[16] = {0};

	if (n_fds > 0) {
		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		CMSG_FIRSTHDR(&mh)->cmsg_level = SOL_SOCKET;
		CMSG_FIRSTHDR(&mh)->cmsg_type = SCM_RIGHTS;
		CMSG_FIRSTHDR(&mh)->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&mh)), zeros, n_fds * sizeof(int));
	}
	assert_int_equal(sendmsg(sock, &mh, 0), (int)len);
}

static void refused_messages_leak_nothing(void **state)
{
	static const struct {
		const char *name;
		uint16_t type;
		int extra; /* bytes more or less */
		unsigned n_fds;
		int ret;
	} cases[] = {
		{"right", IPC_PUBLISH, 0, 1, 1},
		{"short", IPC_PUBLISH, -1, 1, -EBADMSG},
		{"long", IPC_PUBLISH, 1, 1, -EBADMSG},
		{"very long", IPC_PUBLISH, 100, 1, -EBADMSG},
		{"no descriptor", IPC_PUBLISH, 0, 0, -EBADMSG},
		{"two descriptors", IPC_PUBLISH, 0, 2, -EBADMSG},
		{"sixteen descriptors", IPC_PUBLISH, 0, 16, -EBADMSG},
		{"uninvited descriptor", IPC_SPAWN, 0, 1, -EBADMSG},
		{"wrong direction", IPC_PASS_FD, 0, 1, -EPROTO},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char bytes[sizeof(struct ipc_msg) + 100] = {0};
		struct ipc_msg m = good(cases[i].type), got;
		unsigned before;
		int sv[2], fd, ret;

		memcpy(bytes, &m, sizeof(m));
		make_channel(sv);
		before = open_fds();
		send_raw(sv[0], bytes, sizeof(m) + (size_t)cases[i].extra, cases[i].n_fds);
		ret = ipc_recv(sv[1], IPC_FROM_CONTROL, &got, &fd);
		if (ret != cases[i].ret)
			fail_msg("%s: %d", cases[i].name, ret);
		if ((fd >= 0) != (ret == 1))
			fail_msg("%s: descriptor %d", cases[i].name, fd);
		if (open_fds() != before + (ret == 1))
			fail_msg("%s: leaks descriptors", cases[i].name);
		if (fd >= 0)
			close(fd);
		close(sv[0]);
		close(sv[1]);
	}
}

/* The message is right, but the receiver has no free number for its descriptor. */
static void no_descriptor_free(void **state)
{
	struct ipc_msg m = good(IPC_PUBLISH), got;
	struct rlimit had, none;
	int sv[2], fd;

	make_channel(sv);
	m.seq = 77;
	assert_int_equal(ipc_send(sv[0], &m, STDERR_FILENO), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
	none = (struct rlimit){0, had.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(ipc_recv(sv[1], IPC_FROM_CONTROL, &got, &fd), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
	assert_int_equal(fd, -1);
	assert_int_equal(got.type, IPC_PUBLISH);
	assert_int_equal(got.seq, 77);
	/* A message that is wrong beside that stays the sender's fault. */
	m.publish.size_bytes = 0;
	assert_int_equal(ipc_send(sv[0], &m, STDERR_FILENO), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(ipc_recv(sv[1], IPC_FROM_CONTROL, &got, &fd), -ERANGE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
	close(sv[0]);
	close(sv[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(over_the_channel),
		cmocka_unit_test(full_channel),
		cmocka_unit_test(refused_messages_leak_nothing),
		cmocka_unit_test(no_descriptor_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
