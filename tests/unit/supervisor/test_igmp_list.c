// SPDX-License-Identifier: MIT
/*
 * test_igmp_list.c - the text of /proc/net/igmp
 *
 * Links: daemon/supervisor/igmp_list.c
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/supervisor/igmp_list.h"

#define HEAD "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n"
#define LO   "1\tlo        :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n"
#define ETH0                                                                              \
	"12\teth0      :     3      V3\n\t\t\t\t010101EF     1 0:00000000\t\t0\n\t\t\t\t" \
	"FB0000E0     1 0:00000000\t\t0\n\t\t\t\t010000E0     1 0:00000000\t\t0\n"

static const struct {
	const char *what, *text;
	int ret;
	size_t n;
} texts[] = {
	{"empty", "", 0, 0},
	{"heading only", HEAD, 0, 0},
	{"two interfaces", HEAD LO ETH0, 0, 4},
	{"an interface without groups", HEAD "3\tx         :     0      V3\n" LO, 0, 1},
	{"a group of no interface", HEAD "\t\t\t\t010000E0     1 0:0\t\t0\n", -EBADMSG, 0},
	{"no end of the last line", HEAD LO "2\teth0", -EBADMSG, 0},
	{"index 0", HEAD "0\tlo        :     1\n", -EBADMSG, 0},
	{"an index beyond 32 bits", HEAD "4294967296\tlo :\n", -EBADMSG, 0},
	{"no index", HEAD "lo        :     1\n", -EBADMSG, 0},
	{"no group", HEAD "1\tlo :\n\t\t\t\tXY     1\n", -EBADMSG, 0},
	{"a group of nine digits", HEAD "1\tlo :\n\t\t\t\t1010101EF 1\n", -EBADMSG, 0},
	{"tabs only", HEAD "1\tlo :\n\t\t\t\t\n", -EBADMSG, 0},
	{"an empty line", HEAD "\n" LO, -EBADMSG, 0},
};

static void reads_what_the_kernel_writes(void **state)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct igmp_list list = {0};
		int ret = igmp_list_parse(texts[i].text, strlen(texts[i].text), &list);

		if (ret != texts[i].ret || list.n != texts[i].n)
			fail_msg("%s: %d, %zu groups", texts[i].what, ret, list.n);
		igmp_list_fini(&list);
	}
}

static void finds_groups(void **state)
{
	static const char text[] = HEAD LO ETH0;
	const uint32_t group_be = inet_addr("239.1.1.1");
	struct igmp_list list = {0};

	assert_false(igmp_list_has(&list, 12, group_be));
	assert_int_equal(igmp_list_parse(text, sizeof(text) - 1, &list), 0);
	assert_true(igmp_list_has(&list, 12, group_be));
	assert_true(igmp_list_has(&list, 12, inet_addr("224.0.0.251")));
	assert_true(igmp_list_has(&list, 1, inet_addr("224.0.0.1")));
	assert_false(igmp_list_has(&list, 1, group_be));
	assert_false(igmp_list_has(&list, 12, inet_addr("239.1.1.2")));
	igmp_list_fini(&list);
}

static void reads_this_host(void **state)
{
	struct igmp_list list = {0};

	if (access("/proc/net/igmp", R_OK) < 0)
		skip();
	assert_int_equal(igmp_list_read(&list), 0);
	igmp_list_fini(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_the_kernel_writes),
		cmocka_unit_test(finds_groups),
		cmocka_unit_test(reads_this_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
