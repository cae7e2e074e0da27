// SPDX-License-Identifier: MIT
/*
 * test_budget.c - how much control may say: its budget, and how it fills again
 *
 * Links: daemon/supervisor/prefilter.c
 * Links: daemon/supervisor/budget.c
 * Links: daemon/supervisor/probe.c
 * Links: daemon/supervisor/igmp_list.c daemon/supervisor/verify.c
 * Links: daemon/supervisor/request.c daemon/supervisor/iface.c daemon/supervisor/membership.c
 * Links: daemon/supervisor/stats.c daemon/supervisor/handover_field.c core/base/ipc.c
 * Links: daemon/supervisor/softnet.c
 * Links: core/base/addr.c
 * Links: core/rules/steer.c
 * Links: daemon/supervisor/descriptor_reserve.c daemon/supervisor/limit.c
 * Links: daemon/supervisor/egress_socket.c
 * Links: daemon/common/memfd.c
 * Links: daemon/supervisor/kernel_path.c daemon/supervisor/kernel_attach.c
 * Links: daemon/priv/bpf_tcx.c daemon/priv/bpf_clsact.c daemon/priv/bpf_lock.c
 * Links: daemon/priv/bpf_check.c
 * Links: core/rules/kernel_path.c daemon/priv/bpf.c
 * Links: core/rules/rule.c
 * Links: core/base/complaint.c
 * Links: core/base/decimal.c daemon/priv/bpf_pin.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/resource.h>

#include "tests/unit/supervisor/request_fixture.h"

#define DAY_NS (24 * 3600 * NS_PER_S)
#define FULL   200000u
#define PER_S  20000u
/* The least number of nanoseconds that times PER_S does not fit into 64 bits. */
#define WRAPS_NS (UINT64_MAX / PER_S + 1)

static const struct {
	const char *name;
	unsigned had;
	uint64_t silent_ns;
	enum ipc_ending ends;
	unsigned has; /* after one message */
} cases[] = {
	{"nothing left, no time", 0, 0, END_FLOOD, 0},
	{"nothing left, less than a message's time", 0, NS_PER_S / PER_S - 1, END_FLOOD, 0},
	{"nothing left, a message's time", 0, NS_PER_S / PER_S, END_NONE, 0},
	{"something left, no time", 5, 0, END_NONE, 4},
	{"a second", 0, NS_PER_S, END_NONE, PER_S - 1},
	{"until it is full", 0, 10 * NS_PER_S, END_NONE, FULL - 1},
	{"full, and more time", FULL, 10 * NS_PER_S, END_NONE, FULL - 1},
	{"almost full", FULL - 1, NS_PER_S, END_NONE, FULL - 1},
	{"a day", 0, DAY_NS, END_NONE, FULL - 1},
	{"just before the product wraps", 0, WRAPS_NS - 1, END_NONE, FULL - 1},
	{"the product wraps", 0, WRAPS_NS, END_NONE, FULL - 1},
	{"a year", 0, 365 * DAY_NS, END_NONE, FULL - 1},
};

static void begin(unsigned budget, uint64_t silent_ns)
{
	struct child *control = &sup->child[CONTROL_INDEX];

	control->channel = channel[1];
	control->ending = END_NONE;
	sup->budget = budget;
	sup->budget_ns = 1000;
	fixture_now_ns = 1000 + silent_ns;
	replied.n = 0;
}

static void test_budget(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ipc_msg m = {.type = IPC_REFRESH_STATS};

		print_message("%s\n", cases[i].name);
		begin(cases[i].had, cases[i].silent_ns);
		assert_int_equal(ipc_send(channel[0], &m, -1), 0);
		request_read(sup);
		assert_int_equal(sup->child[CONTROL_INDEX].ending, cases[i].ends);
		assert_int_equal(replied.n, cases[i].ends == END_NONE);
		if (cases[i].ends == END_NONE)
			assert_int_equal(sup->budget, cases[i].has);
	}
}

/* A descriptor for which there is no room costs its request, not control. */
static void test_no_room_for_a_descriptor(void **state)
{
	struct ipc_msg m = {.type = IPC_SET_FILTER, .seq = 7};
	struct rlimit had, none;

	begin(10, 0);
	assert_int_equal(ipc_send(channel[0], &m, STDERR_FILENO), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
	none = (struct rlimit){0, had.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	request_read(sup);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
	assert_int_equal(sup->child[CONTROL_INDEX].ending, END_NONE);
	assert_int_equal(replied.n, 1);
	assert_int_equal(replied.seq, 7);
	assert_int_equal(replied.type, IPC_SET_FILTER);
	assert_int_equal(replied.status, -EMFILE);
	/* The next one, with room again, is carried out: there is no such input. */
	assert_int_equal(ipc_send(channel[0], &m, STDERR_FILENO), 0);
	request_read(sup);
	assert_int_equal(replied.n, 2);
	assert_int_equal(replied.status, -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_room_for_a_descriptor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_budget, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
