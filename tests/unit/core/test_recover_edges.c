// SPDX-License-Identifier: MIT
/*
 * test_recover_edges.c - what a successor gives up, and counts
 *
 * Links: core/relay/guard.c daemon/worker/io.c daemon/worker/takeover.c core/relay/recover.c
 * Links: core/relay/journal.c core/relay/finished.c core/relay/refusal.c core/relay/relay.c
 * Links: core/relay/egress.c core/relay/egress_send.c core/relay/egress_done.c core/relay/match.c
 * Links: core/relay/match_build.c
 * Links: core/rules/snapshot.c core/rules/snapshot_parse.c core/base/addr.c core/relay/bufpool.c
 * Links: core/base/arena.c core/base/counters.c core/relay/frame.c core/relay/limiter.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/core/recover_fixture.h"
#include "tests/unit/core/worker_fixture.h"

static const struct kill_case edge = {"edge", 2, 2, 200, 64, 0, 100};

/* A call in the midst of the first batch: received, and some of it sent. */
static uint32_t kill_in_flight(const struct kill_case *c, uint32_t *wanted)
{
	for (uint32_t at = 0;; at++) {
		const struct arena_header *h = arena;
		const struct arena_commit *commit;

		set_up(c, wanted);
		assert_int_equal(one_worker(rules, c->streams, at, 0), -1);
		commit = arena_commit(arena, h->epoch);
		if (commit->flush && world->n_sent)
			return commit->flush;
	}
}

/* A rule that was replaced loses its share of the batch; the other's is whole. */
static void rule_changed_meanwhile(void **state)
{
	uint32_t wanted[STREAMS_MAX], batch;

	batch = kill_in_flight(&edge, wanted);
	rules[0].incarnation = 2;
	last_worker(&edge);
	check_output(&edge, 0, 1, 0);
	check_output(&edge, 0, 1, 1);
	assert_int_equal(page->rule[1].c.matched, wanted[1]);
	assert_int_equal(page->rule[0].c.matched, wanted[0] - batch / 2);
	assert_int_equal(page->ingress.drops[DROP_NOT_MATCHED], batch / 2);
	assert_int_equal(tally(6000).repeated, 0);
	assert_true(ingress_counters_balance(&page->ingress));
	assert_true(egress_counters_balance(&page->egress));
}

/* Without the queue nothing says how far the batch was: it is given up, and only it. */
static void ring_is_gone(void **state)
{
	uint32_t wanted[STREAMS_MAX], batch, lines;

	batch = kill_in_flight(&edge, wanted);
	world->queue_lost = true;
	lines = world->lines;
	last_worker(&edge);
	assert_int_equal(world->lines - lines, 2);
	assert_int_equal(page->ingress.received, edge.frames);
	assert_int_equal(page->ingress.drops[DROP_RECOVERY_LOST], batch);
	assert_true(ingress_counters_balance(&page->ingress));
	assert_true(egress_counters_balance(&page->egress));
	for (uint32_t s = 0; s < 2; s++) {
		const struct tally t = tally((uint16_t)(6000 + s * OUTS_MAX));

		assert_int_equal(t.repeated + t.disordered, 0);
		assert_in_range(t.sent, wanted[s] - batch / 2, wanted[s]);
	}
}

/* A frame that kills every worker that parses it is given up. */
static void deadly_batch_is_given_up(void **state)
{
	uint32_t wanted[STREAMS_MAX], batch;

	batch = kill_in_flight(&edge, wanted);
	/* Killed on arrival at the kernel with the first send of the replay. */
	for (unsigned i = 0; i < RECOVER_ATTEMPTS; i++)
		assert_int_equal(one_worker(rules, edge.streams, 5, 0), -1);
	last_worker(&edge);
	assert_int_equal(page->ingress.received, edge.frames);
	assert_int_equal(page->ingress.frames, edge.frames);
	assert_int_equal(page->ingress.drops[DROP_RECOVERY_LOST], batch);
	assert_int_equal(((struct arena_header *)arena)->attempts, 0);
	assert_true(ingress_counters_balance(&page->ingress));
	assert_true(egress_counters_balance(&page->egress));
}

static const struct kill_case in_parts = {"in parts", 2, OUTS_MAX, 900,
					  64,         0, 400,      .per_packet = true};
static const struct kill_case divided_in_parts = {
	"divided, in parts", 2, OUTS_MAX, 900, 64, 0, 400, .per_packet = true, .divided = true};

/* A call in the midst of a batch, a part of which is committed. */
static void kill_after_part(const struct kill_case *c, uint32_t *wanted)
{
	for (uint32_t at = 0;; at++) {
		const struct arena_header *h = arena;

		set_up(c, wanted);
		assert_int_equal(one_worker(rules, c->streams, at, 0), -1);
		if (arena_commit(arena, h->epoch)->counted)
			return;
	}
}

/* Workers die over the rest of a batch: outputs count it as well, the law holds there, too. */
static void give_up_rest(const struct kill_case *k)
{
	uint32_t wanted[STREAMS_MAX];
	uint64_t lost = 0, divided = 0;

	kill_after_part(k, wanted);
	/* Killed before the replay has sent anything. */
	for (unsigned i = 0; i < RECOVER_ATTEMPTS; i++)
		assert_int_equal(one_worker(rules, k->streams, 4, 0), -1);
	last_worker(k);
	assert_true(ingress_counters_balance(&page->ingress));
	assert_true(egress_counters_balance(&page->egress));
	for (uint32_t s = 0; s < k->streams; s++) {
		for (uint32_t o = 0; o < k->outs; o++) {
			const struct egress_counters *c = &page->output[s * k->outs + o].c;

			if (c->matched + c->divided + matched_before != page->rule[s].c.matched ||
			    !egress_counters_balance(c))
				fail_msg("%s: output %u.%u: %lu of %lu", k->name, s, o,
					 (unsigned long)c->matched,
					 (unsigned long)page->rule[s].c.matched);
			lost += c->drops[SEND_DROP_RECOVERY_LOST];
			divided += c->divided;
		}
	}
	assert_true(lost);
	assert_true(!k->divided == !divided);
	assert_int_equal(page->egress.drops[SEND_DROP_RECOVERY_LOST], lost);
	assert_int_equal(page->egress.matched + divided, page->ingress.matched * k->outs);
}

static void deadly_rest_is_given_up(void **state)
{
	give_up_rest(&in_parts);
	give_up_rest(&divided_in_parts);
	/* Outputs that came later have not missed what was before. */
	matched_before = 100000;
	give_up_rest(&in_parts);
	give_up_rest(&divided_in_parts);
	matched_before = 0;
}

/* A super-datagram that is given up counts as the datagrams in it. */
static void lost_supers(void **state)
{
	static const struct kill_case supers = {"supers", 1, 1, 40, 4000, 400, 20};
	uint32_t wanted[STREAMS_MAX], batch;

	batch = kill_in_flight(&supers, wanted);
	for (unsigned i = 0; i < RECOVER_ATTEMPTS; i++)
		assert_int_equal(one_worker(rules, supers.streams, 5, 0), -1);
	last_worker(&supers);
	assert_int_equal(page->ingress.received, 10 * supers.frames);
	assert_int_equal(page->ingress.drops[DROP_RECOVERY_LOST], 10 * batch);
	assert_true(ingress_counters_balance(&page->ingress));
}

/* A worker that ends in order leaves nothing. */
static void clean_end(void **state)
{
	struct recovery *r = calloc(1, sizeof(*r));
	uint32_t wanted[STREAMS_MAX];
	struct ring_queue last;

	assert_non_null(r);
	set_up(&edge, wanted);
	last_worker(&edge);
	last = last_queue();
	recover_begin(arena, page, world->rings + 1, &last, r);
	assert_true(r->predecessor);
	assert_int_equal(r->receives + r->sends + r->lost, 0);
	assert_int_equal(r->finished.n, 0);
	free(r);
	check(&edge, 0, wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clean_end),
		cmocka_unit_test(rule_changed_meanwhile),
		cmocka_unit_test(ring_is_gone),
		cmocka_unit_test(deadly_batch_is_given_up),
		cmocka_unit_test(deadly_rest_is_given_up),
		cmocka_unit_test(lost_supers),
	};

	return cmocka_run_group_tests(tests, make, NULL);
}
