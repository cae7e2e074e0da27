// SPDX-License-Identifier: MIT
/*
 * test_ifspec.c - interfaces as given on a command line: by name or by one of their addresses
 *
 * Links: harness/traffic/ifspec.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "harness/traffic/ifspec.h"

/* The loopback is the one interface that every machine has. */
static void test_loopback(void **state)
{
	const unsigned index = if_nametoindex("lo");
	struct ifspec spec;

	assert_int_equal(ifspec_resolve(&spec, "lo"), 0);
	assert_string_equal(spec.name, "lo");
	assert_int_equal(spec.ifindex, index);
	assert_int_equal(spec.address.s_addr, 0);
	assert_int_equal(ifspec_resolve(&spec, "127.0.0.1"), 0);
	assert_string_equal(spec.name, "lo");
	assert_int_equal(spec.ifindex, index);
	assert_int_equal(ntohl(spec.address.s_addr), INADDR_LOOPBACK);
}

static void test_unknown(void **state)
{
	static const char *const texts[] = {
		"",    "nonesuch0", "192.0.2.1", "127.0.0.300", "0123456789abcdef0123456789",
		"lo ", "0.0.0.0"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct ifspec spec;
		int ret = ifspec_resolve(&spec, texts[i]);

		if (ret != -ENODEV)
			fail_msg("'%s': is %d, should be %d", texts[i], ret, -ENODEV);
		assert_int_equal(spec.ifindex, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
