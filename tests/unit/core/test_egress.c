// SPDX-License-Identifier: MIT
/*
 * test_egress.c - GSO batches, fan-out, and more of them than there is room for
 *
 * Links: core/relay/egress.c core/relay/egress_send.c core/relay/egress_done.c core/relay/match.c
 * Links: core/relay/match_build.c
 * Links: core/relay/limiter.c core/rules/snapshot.c core/rules/snapshot_parse.c core/base/addr.c
 * Links: core/relay/bufpool.c core/base/arena.c core/base/counters.c core/relay/finished.c
 * Links: core/relay/refusal.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/relay/finished.h"
#include "tests/unit/core/egress_batch_fixture.h"

/* --- GSO batches --- */

struct shape {
	uint32_t bytes, segment, times;
};

static const struct run_case {
	const char *name;
	struct shape in[8];
	struct shape sends[8]; /* segment 0: without UDP_SEGMENT */
	bool per_packet;
} run_cases[] = {
	{"one", {{100, 100, 1}}, {{100, 0, 1}}},
	{"equal sizes", {{100, 100, 10}}, {{1000, 100, 1}}},
	{"shorter last closes",
	 {{100, 100, 3}, {60, 60, 1}, {100, 100, 2}},
	 {{360, 100, 1}, {200, 100, 1}}},
	{"longer opens another", {{60, 60, 1}, {100, 100, 3}}, {{60, 0, 1}, {300, 100, 1}}},
	{"shorter after one",
	 {{100, 100, 1}, {60, 60, 1}, {60, 60, 1}},
	 {{160, 100, 1}, {60, 0, 1}}},
	{"mixed sizes",
	 {{100, 100, 1}, {200, 200, 1}, {100, 100, 1}, {100, 100, 1}, {300, 300, 1}},
	 {{100, 0, 1}, {300, 200, 1}, {100, 0, 1}, {300, 0, 1}}},
	{"0 bytes alone", {{0, 0, 3}}, {{0, 0, 3}}},
	{"0 bytes between",
	 {{100, 100, 2}, {0, 0, 1}, {100, 100, 2}},
	 {{200, 100, 1}, {0, 0, 1}, {200, 100, 1}}},
	{"1 byte", {{1, 1, 64}}, {{64, 1, 1}}},
	{"64 iov limit", {{10, 10, 130}}, {{640, 10, 2}, {20, 10, 1}}},
	{"65507 limit", {{1400, 1400, 100}}, {{46 * 1400, 1400, 2}, {8 * 1400, 1400, 1}}},
	{"65507, not 65535", {{1365, 1365, 48}}, {{47 * 1365, 1365, 1}, {1365, 0, 1}}},
	{"65507 exactly", {{65507, 1400, 1}}, {{65507, 1400, 1}}},
	{"supers join", {{5000, 1000, 3}}, {{15000, 1000, 1}}},
	{"super with shorter last closes",
	 {{2500, 1000, 1}, {1000, 1000, 1}},
	 {{2500, 1000, 1}, {1000, 0, 1}}},
	{"datagram joins super",
	 {{3000, 1000, 1}, {1000, 1000, 1}, {10, 10, 1}},
	 {{4010, 1000, 1}}},
	{"super joins datagram", {{1000, 1000, 1}, {3000, 1000, 1}}, {{4000, 1000, 1}}},
	{"super of smaller segments does not join",
	 {{1000, 1000, 1}, {900, 300, 1}},
	 {{1000, 0, 1}, {900, 300, 1}}},
	{"128 segments limit", {{1000, 10, 3}}, {{1000, 10, 3}}},
	{"128 segments exactly", {{640, 10, 3}}, {{1280, 10, 1}, {640, 10, 1}}},
	{"more segments than any send", {{1290, 10, 1}}, {{10, 0, 129}}},
	{"per packet", {{100, 100, 3}, {3000, 1000, 1}}, {{100, 0, 3}, {1000, 0, 3}}, true},
	{"per packet, shorter last", {{2500, 1000, 1}}, {{1000, 0, 2}, {500, 0, 1}}, true},
	{"at the MTU", {{1472, 1472, 2}}, {{2944, 1472, 1}}},
	{"above the MTU", {{1473, 1473, 2}}, {{1473, 0, 2}}},
	{"above the MTU, super", {{5000, 2000, 1}}, {{2000, 0, 2}, {1000, 0, 1}}},
	{"largest", {{65507, 65507, 2}}, {{65507, 0, 2}}},
};

static void check_sends(const struct run_case *c)
{
	uint32_t at = 0;

	for (const struct shape *s = c->sends; s->times; s++) {
		for (uint32_t i = 0; i < s->times; i++, at++) {
			const struct fake_send *got = &env->k->log[at];

			if (at == env->k->n_log)
				fail_msg("%s: only %u sends", c->name, at);
			if (got->bytes != s->bytes || got->segment != s->segment)
				fail_msg("%s: send %u has %u bytes in segments of %u", c->name, at,
					 got->bytes, got->segment);
			assert_int_equal(got->sock, 100);
		}
	}
	if (at != env->k->n_log)
		fail_msg("%s: %u sends, not %u", c->name, env->k->n_log, at);
	assert_int_equal(env->page->egress.calls, at);
}

static void runs(void **state)
{
	for (size_t i = 0; i < sizeof(run_cases) / sizeof(run_cases[0]); i++) {
		const struct run_case *c = &run_cases[i];

		start(c->name, 1, c->per_packet);
		for (const struct shape *s = c->in; s->times; s++)
			for (uint32_t n = 0; n < s->times; n++)
				add(s->bytes, s->segment);
		flush();
		check_sends(c);
		check_all_complete();
		stop();
	}
}

static void fan_out(void **state)
{
	start("fan-out", 3, false);
	add_many(10, 1000);
	add(4500, 1500); /* whole for the output with the large MTU only */
	flush();
	check_all_complete();
	assert_int_equal(env->k->n_log, 3 + 3 + 3 + 1);
	for (uint32_t i = 0; i < env->k->n_log; i++) {
		const struct fake_send *s = &env->k->log[i];

		/* TTL and DSCP of the second output travel with whole and single sends. */
		assert_int_equal(s->other_control,
				 s->port == PORT + 1 ? 2 * CMSG_SPACE(sizeof(int)) : 0);
		assert_int_equal(s->sock, 100 + (int)outputs[s->port - PORT].iface);
	}
	stop();
}

static void no_socket(void **state)
{
	start("no socket", 2, false);
	egress_set_socket(env->k->egress, 0, -1);
	egress_set_socket(env->k->egress, MCR_MAX_IFACES, 5); /* ignored */
	add_many(5, 100);
	flush();
	check_complete(1);
	assert_int_equal(env->rule->outputs[0].counters->drops[SEND_DROP_NO_INTERFACE], 5);
	egress_set_socket(env->k->egress, 0, 100);
	add_many(5, 100);
	flush();
	assert_int_equal(env->rule->outputs[0].counters->sent, 5);
	stop();
}

/*
 * One less than the TTL received, in sends of one TTL each; datagrams whose TTL runs out are
 * counted.  The other outputs have their own TTL, and get all of them.
 */
static void decrement(void **state)
{
	static const struct {
		const char *name;
		bool connected, per_packet;
	} ways[] = {
		{"unconnected", false, false}, {"connected", true, false}, {"single", true, true}};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		static const uint8_t ttls[] = {5, 5, 5, 2, 2, 1, 0};
		const struct egress_counters *c;
		uint32_t left[256] = {0};

		start(ways[i].name, 3, ways[i].per_packet);
		if (ways[i].connected)
			give_egress_socket(1, EGRESS_SOCKET_OWN, true);
		env->rule->outputs[1].rec.ttl_set = TTL_DECREMENT;
		for (uint32_t k = 0; k < sizeof(ttls); k++) {
			add(100, 100);
			env->items[k].ttl = ttls[k];
		}
		flush();
		for (uint32_t n = 0; n < env->k->n_log; n++) {
			const struct fake_send *s = &env->k->log[n];

			if (s->port == PORT + 1)
				left[s->ttl & 0xff] += s->bytes / 100;
		}
		c = env->rule->outputs[1].counters;
		if (left[4] != 3 || left[1] != 2 || c->sent != 5 ||
		    c->drops[SEND_DROP_TTL_EXPIRED] != 2)
			fail_msg("%s: %u with TTL 4, %u with 1, %lu sent", name, left[4], left[1],
				 (unsigned long)c->sent);
		check_complete(0);
		check_complete(2);
		stop();
	}
}

/* An output that control holds: counted with its reason, not sent to; the others are. */
static void held(void **state)
{
	static const struct {
		enum output_hold hold;
		enum send_drop drop;
	} holds[] = {
		{OUTPUT_HOLD_UNREACHABLE, SEND_DROP_UNREACHABLE},
		{OUTPUT_HOLD_NO_SOURCE, SEND_DROP_NO_SOURCE},
		{OUTPUT_HOLD_REFUSED, SEND_DROP_REFUSED},
	};

	for (size_t i = 0; i < sizeof(holds) / sizeof(holds[0]); i++) {
		const struct egress_counters *c;

		start(send_drop_name(holds[i].drop), 3, i == 1);
		env->rule->outputs[1].rec.hold = (uint8_t)holds[i].hold;
		add_many(7, 100);
		add(4500, 1500);
		flush();
		c = env->rule->outputs[1].counters;
		assert_int_equal(c->matched, 10);
		assert_int_equal(c->drops[holds[i].drop], 10);
		assert_int_equal(c->sent, 0);
		for (uint32_t n = 0; n < env->k->n_log; n++)
			assert_int_not_equal(env->k->log[n].port, PORT + 1);
		check_complete(0);
		check_complete(2);
		stop();
	}
}

/* Its datagrams keep their numbers: what a predecessor has sent counts as sent. */
static void held_after_a_crash(void **state)
{
	const struct arena_finished ends[] = {{.unit = 1, .n = 1, .res = 0}};
	const struct finished finished = {.ends = ends, .n = 1};

	start("held after a crash", 1, false);
	egress_set_finished(env->k->egress, &finished);
	env->rule->outputs[0].rec.hold = OUTPUT_HOLD_UNREACHABLE;
	add_many(3, 100);
	flush();
	assert_int_equal(env->k->n_log, 0);
	assert_int_equal(env->rule->outputs[0].counters->sent, 1);
	assert_int_equal(env->rule->outputs[0].counters->drops[SEND_DROP_UNREACHABLE], 2);
	assert_int_equal(egress_unit(env->k->egress), 3);
	stop();
}

static void unknown_completion_is_ignored(void **state)
{
	start("unknown completion", 1, false);
	egress_done(env->k->egress, EGRESS_SENDS, -EIO);
	egress_done(env->k->egress, UINT32_MAX, 5);
	assert_int_equal(egress_in_flight(env->k->egress), 0);
	assert_false(egress_retry(env->k->egress));
	stop();
}

/* --- exhaustion --- */

/* More GSO batches and sends than there are: drained in between, nothing lost, order kept. */
static void out_of_runs(void **state)
{
	start("out of GSO batches", 2, false);
	for (uint32_t i = 0; i < EGRESS_GSO_BATCHES + 500; i++)
		add(100 + i % 2 * 200, 100 + i % 2 * 200); /* 100, 300, 100: GSO batches of two */
	add_many(1500, 0);
	flush();
	assert_true(env->k->drains > 1);
	check_all_complete();
	stop();
}

static void out_of_sends(void **state)
{
	start("out of sends", 3, true);
	add_many(3000, 50);
	flush();
	assert_true(env->k->drains > 1);
	check_all_complete();
	stop();
}

/* Few sends of many datagrams each: what is in flight is bounded in datagrams, too. */
static void out_of_units(void **state)
{
	start("out of units", 1, false);
	for (uint32_t i = 0; i < 4 * EGRESS_UNITS / 128; i++)
		add(1280, 10);
	flush();
	assert_true(env->k->n_log < EGRESS_SENDS);
	assert_in_range(env->k->units_most, EGRESS_UNITS / 2, EGRESS_UNITS + 128);
	check_all_complete();
	stop();
}

static void one_item_larger_than_all_sends(void **state)
{
	start("65507 segments of 1", 1, false);
	add(65507, 1);
	flush();
	assert_true(env->k->drains >= 65507 / EGRESS_SENDS);
	check_all_complete();
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs),
		cmocka_unit_test(fan_out),
		cmocka_unit_test(no_socket),
		cmocka_unit_test(decrement),
		cmocka_unit_test(held),
		cmocka_unit_test(held_after_a_crash),
		cmocka_unit_test(unknown_completion_is_ignored),
		cmocka_unit_test(out_of_runs),
		cmocka_unit_test(out_of_sends),
		cmocka_unit_test(out_of_units),
		cmocka_unit_test(one_item_larger_than_all_sends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
