// SPDX-License-Identifier: MIT
/*
 * test_addr.c - text form and kinds of addresses
 *
 * Links: core/base/addr.c
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/addr.h"

static const struct {
	const char *text;
	int ret;
	bool multicast, host, loopback, reserved, source_specific;
} cases[] = {
	{"239.1.1.1", 0, true, false},
	{"224.0.0.1", 0, true, false},
	{"239.255.255.255", 0, true, false},
	{"223.255.255.255", 0, false, true},
	{"240.0.0.1", 0, false, true, .reserved = true},
	{"10.0.0.1", 0, false, true},
	{"127.0.0.1", 0, false, true, .loopback = true},
	{"127.255.255.255", 0, false, true, .loopback = true},
	{"126.255.255.255", 0, false, true},
	{"128.0.0.1", 0, false, true},
	{"231.255.255.255", 0, true, false},
	{"232.0.0.0", 0, true, false, .source_specific = true},
	{"232.255.255.255", 0, true, false, .source_specific = true},
	{"233.0.0.0", 0, true, false},
	{"0.0.0.0", 0, false, false},
	{"0.1.2.3", 0, false, false},
	{"1.0.0.0", 0, false, true},
	{"255.255.255.255", 0, false, false, .reserved = true},
	{"255.255.255.254", 0, false, true, .reserved = true},
	{"ff3e::1", -EAFNOSUPPORT},
	{"::ffff:10.0.0.1", -EAFNOSUPPORT},
	{"", -EINVAL},
	{"any", -EINVAL},
	{"10.1", -EINVAL},
	{"10.0.0.256", -EINVAL},
	{"010.0.0.1", -EINVAL},
	{" 10.0.0.1", -EINVAL},
	{"10.0.0.1 ", -EINVAL},
	{"10.0.0.1:5000", -EINVAL},
	{"10.0.0.1/8", -EINVAL},
};

static void parse_and_kind(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct addr a;
		char text[ADDR_TEXT_MAX];

		memset(&a, 0xaa, sizeof(a));
		if (addr_parse(cases[i].text, &a) != cases[i].ret)
			fail_msg("\"%s\": wrong result", cases[i].text);
		if (cases[i].ret < 0)
			continue;
		if (strcmp(addr_format(&a, text), cases[i].text) != 0)
			fail_msg("%s comes back as %s", cases[i].text, text);
		if (addr_is_multicast(&a) != cases[i].multicast)
			fail_msg("%s: multicast?", cases[i].text);
		if (addr_is_host(&a) != cases[i].host)
			fail_msg("%s: host?", cases[i].text);
		if (addr_is_loopback(&a) != cases[i].loopback)
			fail_msg("%s: loopback?", cases[i].text);
		if (addr_is_reserved(&a) != cases[i].reserved)
			fail_msg("%s: reserved?", cases[i].text);
		if (addr_is_source_specific(&a) != cases[i].source_specific)
			fail_msg("%s: source-specific?", cases[i].text);
		if (!addr_is_set(&a))
			fail_msg("%s: set?", cases[i].text);
	}
}

static void ipv4_round_trip(void **state)
{
	struct addr a = addr_from_ipv4_be(htonl(0xef010203));
	struct addr parsed;

	assert_int_equal(a.bytes[0], 0xef);
	assert_int_equal(a.bytes[3], 0x03);
	assert_int_equal(ntohl(addr_ipv4_be(&a)), 0xef010203);
	assert_int_equal(addr_parse("239.1.2.3", &parsed), 0);
	assert_true(addr_equal(&a, &parsed));
	parsed.bytes[3]++;
	assert_false(addr_equal(&a, &parsed));
}

static void other_families(void **state)
{
	struct addr none = {0};
	struct addr six = {.family = ADDR_IPV6, .bytes = {0xff, 0x3e, [15] = 1}};
	char text[ADDR_TEXT_MAX];

	assert_string_equal(addr_format(&none, text), "any");
	assert_string_equal(addr_format(&six, text), "ff3e::1");
	assert_false(addr_is_set(&none));
	assert_true(addr_is_set(&six));
	assert_int_equal(addr_ipv4_be(&six), 0);
	assert_false(addr_is_multicast(&six));
	assert_false(addr_is_host(&six));
	assert_false(addr_is_host(&none));
	six.family = ADDR_IPV4; /* only the tag differs */
	assert_true(addr_is_host(&six));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_and_kind),
		cmocka_unit_test(ipv4_round_trip),
		cmocka_unit_test(other_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
