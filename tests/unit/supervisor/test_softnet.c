// SPDX-License-Identifier: MIT
/*
 * test_softnet.c - lines of /proc/net/softnet_stat
 *
 * Links: daemon/supervisor/softnet.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "core/base/statpage.h"
#include "daemon/supervisor/softnet.h"

static const struct {
	const char *what, *text;
	int ret;
	uint64_t dropped, squeezed;
} cases[] = {
	{"nothing", "", 0, 0, 0},
	{"one CPU", "0000000a 00000002 0000001f 00000000\n", 0, 2, 0x1f},
	{"two", "1 2 3 4\n5 6 7 8\n", 0, 8, 10},
	{"three numbers, no end of line", "1 2 3", 0, 2, 3},
	{"64 bits", "1 ffffffffffffffff 0\n", 0, UINT64_MAX, 0},
	{"65 bits", "1 1ffffffffffffffff 0\n", -EBADMSG, 0, 0},
	{"two numbers", "1 2\n", -EBADMSG, 0, 0},
	{"an empty line", "1 2 3\n\n", -EBADMSG, 0, 0},
	{"words", "cpu dropped squeezed\n", -EBADMSG, 0, 0},
	{"a minus", "1 -2 3\n", -EBADMSG, 0, 0},
};

static void lines(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct softnet_counts n = {0};
		const int ret = softnet_parse(cases[i].text, strlen(cases[i].text), &n);

		if (ret != cases[i].ret || n.dropped != cases[i].dropped ||
		    n.squeezed != cases[i].squeezed)
			fail_msg("%s: %d, %lu, %lu", cases[i].what, ret, (unsigned long)n.dropped,
				 (unsigned long)n.squeezed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(lines)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
