// SPDX-License-Identifier: MIT
/*
 * test_counters.c - names, errno to reason, sums and the conservation law
 *
 * Links: core/base/counters.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/counters.h"

static void names_differ(void **state)
{
	for (int i = 0; i < DROP_REASONS; i++) {
		for (int j = 0; j < i; j++)
			assert_string_not_equal(drop_reason_name((enum drop_reason)i),
						drop_reason_name((enum drop_reason)j));
	}
	for (int i = 0; i < SEND_DROPS; i++) {
		for (int j = 0; j < i; j++)
			assert_string_not_equal(send_drop_name((enum send_drop)i),
						send_drop_name((enum send_drop)j));
	}
	assert_string_equal(drop_reason_name(DROP_NOT_MATCHED), "not_matched");
	assert_string_equal(drop_reason_name(DROP_SHED), "shed");
	assert_string_equal(send_drop_name(SEND_DROP_WOULD_BLOCK), "would_block");
	assert_string_equal(send_drop_name(SEND_DROP_OTHER), "other");
}

static void reasons_of_errno(void **state)
{
	static const struct {
		const char *name;
		int err;
		enum send_drop want;
	} cases[] = {
		{"EAGAIN", EAGAIN, SEND_DROP_WOULD_BLOCK},
		{"EWOULDBLOCK", EWOULDBLOCK, SEND_DROP_WOULD_BLOCK},
		{"ENOBUFS", ENOBUFS, SEND_DROP_QUEUE_FULL},
		{"ENODEV", ENODEV, SEND_DROP_NO_INTERFACE},
		{"ENETDOWN", ENETDOWN, SEND_DROP_NO_INTERFACE},
		{"ENETUNREACH", ENETUNREACH, SEND_DROP_UNREACHABLE},
		{"EHOSTUNREACH", EHOSTUNREACH, SEND_DROP_UNREACHABLE},
		{"EPERM", EPERM, SEND_DROP_REFUSED},
		{"EACCES", EACCES, SEND_DROP_REFUSED},
		{"ECONNREFUSED", ECONNREFUSED, SEND_DROP_PORT_UNREACHABLE},
		{"EINVAL", EINVAL, SEND_DROP_NO_SOURCE},
		{"EADDRNOTAVAIL", EADDRNOTAVAIL, SEND_DROP_NO_SOURCE},
		{"EMSGSIZE", EMSGSIZE, SEND_DROP_TOO_BIG},
		{"EIO", EIO, SEND_DROP_OTHER},
		{"ENOMEM", ENOMEM, SEND_DROP_OTHER},
		{"0", 0, SEND_DROP_OTHER},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum send_drop got = send_drop_from_errno(cases[i].err);

		if (got != cases[i].want)
			fail_msg("%s: %s", cases[i].name, send_drop_name(got));
	}
}

/* The structs are 64-bit words throughout, so the sum is seen word by word. */
static void sums_take_every_word(void **state)
{
	union {
		struct ingress_counters c;
		uint64_t words[sizeof(struct ingress_counters) / 8];
	} in, in_sum;
	union {
		struct egress_counters c;
		uint64_t words[sizeof(struct egress_counters) / 8];
	} out, out_sum;

	for (size_t i = 0; i < sizeof(in) / 8; i++) {
		in.words[i] = i + 1;
		in_sum.words[i] = 1000 * i;
	}
	ingress_counters_add(&in_sum.c, &in.c);
	for (size_t i = 0; i < sizeof(in) / 8; i++)
		assert_int_equal(in_sum.words[i], 1000 * i + i + 1);

	for (size_t i = 0; i < sizeof(out) / 8; i++) {
		out.words[i] = i + 1;
		out_sum.words[i] = 1000 * i;
	}
	egress_counters_add(&out_sum.c, &out.c);
	for (size_t i = 0; i < sizeof(out) / 8; i++)
		assert_int_equal(out_sum.words[i], 1000 * i + i + 1);
}

static void balance(void **state)
{
	struct ingress_counters in = {.received = 10, .matched = 10};
	struct egress_counters out = {.matched = 10, .sent = 10};

	assert_true(ingress_counters_balance(&in));
	assert_true(egress_counters_balance(&out));
	for (int i = 0; i < DROP_REASONS; i++) {
		in.drops[i]++;
		assert_false(ingress_counters_balance(&in));
		in.received++;
		assert_true(ingress_counters_balance(&in));
	}
	for (int i = 0; i < SEND_DROPS; i++) {
		out.drops[i]++;
		assert_false(egress_counters_balance(&out));
		out.matched++;
		assert_true(egress_counters_balance(&out));
	}
	in.frames = in.bytes = in.buf_exhaust = 99;
	out.bytes = out.calls = 99;
	assert_true(ingress_counters_balance(&in));
	assert_true(egress_counters_balance(&out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_differ),
		cmocka_unit_test(reasons_of_errno),
		cmocka_unit_test(sums_take_every_word),
		cmocka_unit_test(balance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
