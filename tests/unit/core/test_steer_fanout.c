// SPDX-License-Identifier: MIT
/*
 * test_steer_fanout.c - the program that chooses a socket of a fan-out group
 *
 * Links: core/rules/steer.c
 */
#include <errno.h>
#include <linux/filter.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "core/rules/steer.h"
#include "tests/unit/core/bpf_fixture.h"
#include "tests/unit/core/steer_fixture.h"

/* Every socket of a group is chosen, in the order in which it joined. */
static uint8_t in_order[MCR_MAX_WORKERS];

static void number_members(void)
{
	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++)
		in_order[i] = (uint8_t)i;
}

static void fanout_is_steer_worker(void **state)
{
	unsigned used[64] = {0};

	number_members();

	for (enum link_layer link = LINK_ETHERNET; link < LINK_LAYERS; link++) {
		for (unsigned n = 1; n <= 64; n++) {
			struct sock_filter prog[STEER_FANOUT_MAX];
			const unsigned len = steer_fanout(STEER_RULE, in_order, n, prog);

			assert_true(len <= STEER_SMALL_MAX);
			for (unsigned i = 0; i < 400; i++) {
				const uint32_t group = rng() % 2 ? 0xef000000u + i : rng();
				const uint16_t port = (uint16_t)(rng() % 2 ? 5000 + i : rng());
				const struct sample s =
					sample_of(link, group, port, 5 + rng() % 11, 120);
				const unsigned w = steer_worker(group, port, n);

				assert_true(w < n);
				assert_int_equal(bpf_run(prog, len, &s), w);
				if (n == 64)
					used[w]++;
			}
		}
	}
	assert_int_equal(steer_worker(1, 1, 0), 0);
	for (unsigned w = 0; w < 64; w++) /* 12.5 each on average */
		if (used[w] == 0)
			fail_msg("worker %u of 64 gets none of 800 flows", w);
}

/* The k-th worker's socket may be any member of the group. */
static void fanout_to_members(void **state)
{
	struct sock_filter prog[STEER_FANOUT_MAX];
	uint8_t members[MCR_MAX_WORKERS];

	for (unsigned n = 1; n <= MCR_MAX_WORKERS; n++) {
		unsigned len;

		for (unsigned i = 0; i < n; i++)
			members[i] = (uint8_t)(MCR_MAX_WORKERS - 1 - i);
		len = steer_fanout(STEER_RULE, members, n, prog);
		for (unsigned i = 0; i < 100; i++) {
			const uint32_t group = 0xef000000u + i;
			const struct sample s = sample_of(LINK_ETHERNET, group, 5000, 5, 120);

			assert_int_equal(bpf_run(prog, len, &s),
					 members[steer_worker(group, 5000, n)]);
		}
		assert_true(steer_fanout(STEER_CPU, members, n, prog) <= STEER_FANOUT_MAX);
		assert_int_equal(prog[0].k, (uint32_t)(SKF_AD_OFF + SKF_AD_CPU));
	}
}

/* Flows as operators number them, one group or one port apart, spread over the workers. */
static void neighbours_spread(void **state)
{
	for (unsigned n = 2; n <= 8; n++) {
		unsigned by_group[8] = {0}, by_port[8] = {0};

		for (unsigned i = 0; i < 1000; i++) {
			by_group[steer_worker(0xef010100u + i, 5000, n)]++;
			by_port[steer_worker(0xef010101u, (uint16_t)(5000 + 2 * i), n)]++;
		}
		for (unsigned w = 0; w < n; w++) {
			if (by_group[w] < 1000 / n * 3 / 4 || by_port[w] < 1000 / n * 3 / 4)
				fail_msg("worker %u of %u: %u and %u of 1000", w, n, by_group[w],
					 by_port[w]);
		}
	}
}

static void fanout_of_short_frames_is_socket_0(void **state)
{
	struct sock_filter prog[STEER_FANOUT_MAX];
	const unsigned n = (number_members(), steer_fanout(STEER_RULE, in_order, 7, prog));
	struct sample s = sample_of(LINK_ETHERNET, 0xef010101, 5000, 5, 0);

	for (; s.len < ETHER + 24; s.len++)
		assert_int_equal(bpf_run(prog, n, &s), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fanout_is_steer_worker),
		cmocka_unit_test(fanout_to_members),
		cmocka_unit_test(neighbours_spread),
		cmocka_unit_test(fanout_of_short_frames_is_socket_0),
	};

	rng_state = 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
