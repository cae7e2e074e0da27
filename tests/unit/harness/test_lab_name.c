// SPDX-License-Identifier: MIT
/*
 * test_lab_name.c - names of labs: which are allowed, and the address that each stands for
 *
 * Links: harness/lab/name.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/lab/name.h"

#define CHARS_63 "012345678901234567890123456789012345678901234567890123456789012"

static const struct {
	const char *name;
	int ret;
} cases[] = {
	{"a", 0},         {"chain3-4711", 0},      {"A_b.c-9", 0},        {".", 0},
	{CHARS_63, 0},    {CHARS_63 "3", -EINVAL}, {"", -EINVAL},         {"a b", -EINVAL},
	{"a/b", -EINVAL}, {"a\nb", -EINVAL},       {"\xc3\xa4", -EINVAL},
};

static void test_names(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct lab_name_address address;
		int ret = lab_name_address(&address, cases[i].name);

		if (ret != cases[i].ret)
			fail_msg("'%s': is %d, should be %d", cases[i].name, ret, cases[i].ret);
	}
}

/* Abstract: a NUL, then the name without one behind it, and nothing else counts. */
static void test_address(void **state)
{
	static const char expected[] = "\0mcr-lab/demo";
	struct lab_name_address address;

	assert_int_equal(lab_name_address(&address, "demo"), 0);
	assert_int_equal(address.sun.sun_family, AF_UNIX);
	assert_int_equal(address.length,
			 offsetof(struct sockaddr_un, sun_path) + sizeof(expected) - 1);
	assert_memory_equal(address.sun.sun_path, expected, sizeof(expected) - 1);
}

static void test_current_user(void **state)
{
	int sockets[2];
	int pipes[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
	assert_true(lab_name_peer_is_allowed(sockets[0]));
	assert_int_equal(pipe(pipes), 0);
	assert_false(lab_name_peer_is_allowed(pipes[0]));
	for (unsigned i = 0; i < 2; i++) {
		close(sockets[i]);
		close(pipes[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_current_user),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
