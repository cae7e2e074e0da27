// SPDX-License-Identifier: MIT
/*
 * test_handover_damaged.c - state that is not what handover_save() wrote
 *
 * It is cut short, enlarged and changed, byte by byte: nothing of that may be believed
 * where it can be told, or do harm.
 *
 * Links: daemon/supervisor/handover_child.c daemon/supervisor/handover_socket.c
 * Links: daemon/supervisor/igmp_list.c
 * Links: daemon/supervisor/handover.c daemon/supervisor/handover_field.c
 * Links: daemon/supervisor/membership.c
 * Links: daemon/common/version.c core/base/ipc.c core/base/addr.c
 * Links: daemon/supervisor/descriptor_reserve.c
 * Links: core/base/clock.c
 * Links: daemon/common/memfd.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/stat.h>

#include "daemon/supervisor/handover.h"
#include "tests/unit/supervisor/handover_fixture.h"

/* Everything that handover_save() has written, to be written again, changed. */
static char *saved_bytes(size_t *len)
{
	struct stat st;
	int fd = handover_save(sup);
	char *bytes;

	assert_int_equal(fstat(fd, &st), 0);
	*len = (size_t)st.st_size;
	bytes = malloc(*len + 1);
	assert_int_equal(pread(fd, bytes, *len, 0), *len);
	bytes[*len] = 0;
	close(fd);
	return bytes;
}

static int sealed(const char *bytes, size_t len, int seals)
{
	int fd = memfd_create("state", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(write(fd, bytes, len), len);
	if (seals)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

#define ALL_SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

/*
 * In a process of its own, as after an exec: what it does with descriptors stays there.
 * It has a child of its own in place of the one that the state speaks of.
 */
static _Noreturn void restore_elsewhere(const char *bytes, size_t len, int seals)
{
	struct supervisor *s = supervisor_fresh();
	char *copy = malloc(len);
	pid_t own = fork();
	int ret;

	if (own == 0)
		for (;;)
			pause();
	dup3((int)syscall(SYS_pidfd_open, own, 0), sup->child[0].pidfd, O_CLOEXEC);
	memcpy(copy, bytes, len);
	for (size_t at = 0; at + 4 <= len; at += 4)
		if (!memcmp(copy + at, &child_pid, 4))
			memcpy(copy + at, &own, 4);
	ret = handover_restore(s, sealed(copy, len, seals));
	kill(own, SIGKILL);
	_exit(ret == 0 ? 0 : 1);
}

/* Return: whether it was refused. */
static int restored(const char *bytes, size_t len, int seals)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		restore_elsewhere(bytes, len, seals);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status))
		fail_msg("the reader crashed: status %#x", (unsigned)status);
	return WEXITSTATUS(status);
}

static void test_envelope(void **state)
{
	size_t len;
	char *bytes = saved_bytes(&len);
	struct supervisor *s = supervisor_fresh();
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(handover_restore(s, fds[0]), -EBADMSG);
	assert_int_equal(handover_restore(s, 1), -EBADMSG);
	assert_int_equal(handover_restore(s, -1), -EBADMSG);
	assert_int_equal(handover_restore(s, 4000), -EBADMSG);
	free(s);
	assert_int_equal(restored(bytes, len, ALL_SEALS), 0);
	assert_int_equal(restored(bytes, len, 0), 1);
	assert_int_equal(restored(bytes, len, F_SEAL_SHRINK | F_SEAL_GROW), 1);
	assert_int_equal(restored(bytes, 0, ALL_SEALS), 1);
	assert_int_equal(restored(bytes, len + 1, ALL_SEALS), 1);
	assert_int_equal(restored(bytes, len - 1, ALL_SEALS), 1);
	for (size_t n = 1; n < len; n += n < 2048 ? 37 : 997)
		assert_int_equal(restored(bytes, n, ALL_SEALS), 1);
	free(bytes);
}

/* Single fields of the head that must not be believed. */
static void test_fields(void **state)
{
	static const struct {
		const char *name;
		size_t offset; /* of the 32-bit word in what follows the head */
		uint32_t value;
	} heads[] = {
		{"magic", 0, 1},
		{"version", 8, SUPERVISOR_STATE_VERSION + 1},
		{"no worker", 12, 0},
		{"too many workers", 12, MCR_MAX_WORKERS + 1},
		{"size of rings", 24, RING_SIZES},
		{"one worker more", 12, WORKERS + 1},
		{"one worker less", 12, WORKERS - 1},
	};
	size_t len;
	char *bytes = saved_bytes(&len), *copy = malloc(len);

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		print_message("  %s\n", heads[i].name);
		memcpy(copy, bytes, len);
		memcpy(copy + heads[i].offset, &heads[i].value, 4);
		assert_int_equal(restored(copy, len, ALL_SEALS), 1);
	}
	free(copy);
	free(bytes);
}

/* Each descriptor in turn: another kind, another's number, one that is closed. */
static void test_descriptors(void **state)
{
	enum { A_FILE, A_MEMORY, A_UDP, NONE, CLOSED, INPUT_0, TWICE, WRONGS };
	const int wrong[WRONGS] = {[A_FILE] = open("/dev/null", O_RDWR),
				   [A_MEMORY] = memory(100),
				   [A_UDP] = udp(),
				   [NONE] = -1,
				   [CLOSED] = 4000,
				   [INPUT_0] = 0,
				   [TWICE] = sup->output[6].sock[1]};
	const struct {
		const char *name;
		int fd;
		unsigned may; /* bits of wrongs that may stand there */
	} places[] = {
		{"control listener", sup->control_listener, 0},
		{"status listener", sup->status_listener, 0},
		{"eventfd", sup->applied, 0},
		{"limits", sup->limits_fd, 0},
		{"interface page", sup->iface_page_fd, 0},
		{"heartbeat page", sup->heartbeat_fd, 0},
		{"snapshot", sup->snapshot_fd, 0},
		{"changes", sup->changes_fd, 1u << NONE},
		{"pidfd", sup->child[0].pidfd, 0},
		{"channel", sup->child[0].channel, 0},
		{"log", sup->child[0].log.fd, 1u << NONE},
		{"worker page", sup->worker[0].page_fd, 0},
		{"arena", sup->worker[1].arena_fd, 0},
		{"ring", sup->worker[1].last.fd, 1u << NONE},
		{"output", sup->output[6].sock[0], 1u << A_UDP},
		{"input", sup->input[5].sock[1], 0},
		{"counting socket", sup->input[5].ipv4_udp, 0},
	};
	size_t len, at;
	char *bytes = saved_bytes(&len);

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (places[i].fd < 0)
			continue;
		print_message("  %s\n", places[i].name);
		for (at = 0; at + 4 <= len && memcmp(bytes + at, &places[i].fd, 4); at += 4)
			;
		assert_true(at + 4 <= len);
		for (unsigned k = 0; k < WRONGS; k++) {
			memcpy(bytes + at, &wrong[k], 4);
			assert_int_equal(restored(bytes, len, ALL_SEALS),
					 !(places[i].may >> k & 1));
		}
		memcpy(bytes + at, &places[i].fd, 4);
	}
	free(bytes);
}

/* A changed byte is refused or harmless, never a crash. */
static void test_random_bytes(void **state)
{
	size_t len;
	char *bytes = saved_bytes(&len);
	unsigned seed = 1, refused = 0;

	for (unsigned i = 0; i < 400; i++) {
		size_t at = (size_t)rand_r(&seed) % len;
		char was = bytes[at];

		bytes[at] = (char)rand_r(&seed);
		refused += (unsigned)restored(bytes, len, ALL_SEALS);
		bytes[at] = was;
	}
	assert_true(refused > 0);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_envelope, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random_bytes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
