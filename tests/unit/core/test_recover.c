// SPDX-License-Identifier: MIT
/*
 * test_recover.c - workers killed between any two instructions lose nothing
 *
 * Each case relays the same frames through one worker after another.  A worker is stopped
 * at a random call of the kernel, stepped by a random number of instructions, and killed;
 * the last one is left alone.  Then every datagram must have been sent once, in order, and
 * every counter must say so.
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

#include "tests/unit/core/worker_fixture.h"

#define STREAMS_MAX 64
#define OUTS_MAX    24
#define KILLS       5
#define ROUNDS      8

static struct table_output outputs[STREAMS_MAX][OUTS_MAX];
static struct table_rule rules[STREAMS_MAX];

/* Some output is always full. */
static int would_block(uint16_t port, uint32_t first, uint32_t n, bool segmented)
{
	return port % 2 && first % 5 == 0 ? EAGAIN : 0;
}

static int no_segments(uint16_t port, uint32_t first, uint32_t n, bool segmented)
{
	return segmented && port % 3 == 1 ? EIO : 0;
}

/* An ICMP error of another output, now and then. */
static int stale(uint16_t port, uint32_t first, uint32_t n, bool segmented)
{
	return world->mood++ % 11 == 10 ? ECONNREFUSED : 0;
}

static const struct kill_case {
	const char *name;
	uint32_t streams, outs, frames;
	uint32_t bytes, segment;
	uint32_t pass;
	int (*refuse)(uint16_t port, uint32_t first, uint32_t n, bool segmented);
	bool per_packet, priorities, damaged, any_order, no_iface, unreadable, divided;
	uint64_t pps;
	uint32_t segments_max;
} kill_cases[] = {
	{"one frame at a time", 1, 1, 60, 100, 0, 1},
	{"runs", 1, 1, 900, 100, 0, 64},
	{"sizes that do not join", 1, 2, 300, 0, 0, 40},
	{"fan-out", 1, 3, 600, 200, 0, 50},
	{"super-datagrams", 1, 1, 120, 4000, 400, 20},
	{"super-datagrams, fan-out", 2, 3, 120, 4100, 400, 20},
	{"per packet, fan-out", 2, 3, 400, 300, 100, 30, .per_packet = true},
	{"64 streams, fan-out", 64, 3, 900, 64, 0, 300},
	{"priorities", 9, 2, 500, 64, 0, 100, .priorities = true},
	{"damaged frames and unwanted ones", 3, 1, 400, 64, 0, 60, .damaged = true},
	{"frames that the kernel discards", 2, 2, 300, 4000, 400, 30, .unreadable = true},
	{"rate limit", 2, 2, 400, 64, 0, 60, .pps = 2000},
	{"an output that would block", 3, 3, 500, 64, 0, 60, would_block},
	{"no UDP_SEGMENT on some outputs", 3, 3, 500, 64, 0, 60, no_segments},
	{"64 segments at most", 2, 3, 100, 4000, 40, 20, .segments_max = 64},
	{"stale errors", 3, 2, 500, 64, 0, 60, stale, .any_order = true},
	{"more sends than completions fit", 2, OUTS_MAX, 900, 64, 0, 400, .per_packet = true},
	{"priorities, more sends than completions fit", 6, OUTS_MAX, 900, 64, 0, 400,
	 .per_packet = true, .priorities = true},
	{"stale errors, more sends than completions fit", 2, OUTS_MAX, 900, 64, 0, 400, stale,
	 .per_packet = true, .any_order = true},
	{"divided", 2, 4, 600, 64, 0, 60, .divided = true},
	{"divided super-datagrams, some outputs would block", 3, 3, 300, 4000, 400, 30, would_block,
	 .divided = true},
	{"divided, more sends than completions fit", 2, OUTS_MAX, 900, 64, 0, 400,
	 .per_packet = true, .divided = true},
	{"outputs without an interface", 2, OUTS_MAX, 900, 64, 0, 400, .per_packet = true,
	 .no_iface = true},
};

/* Frames in turn: whole, of the division of now, of the one before. */
static const uint32_t division[SNAPSHOT_DIVISIONS] = {70, 60};

static uint8_t divided_of(uint32_t output)
{
	return (output % 2 == 0) | (output % 3 == 0) << 1;
}

/* Is a frame of stream @s, the @i-th of all, sent to the output? */
static bool is_sent(const struct kill_case *c, uint32_t i, uint32_t output)
{
	const uint32_t turn = i / c->streams % 3;

	return !c->divided || !turn || !(divided_of(output) >> (turn - 1) & 1);
}

static void make_rules(const struct kill_case *c, uint64_t incarnation)
{
	for (uint32_t s = 0; s < c->streams; s++) {
		for (uint32_t o = 0; o < c->outs; o++)
			outputs[s][o] = (struct table_output){
				.iface = c->no_iface && o % 3 == 1 ? MCR_NO_SLOT : o % 2,
				.group = FIXTURE_GROUP + 1,
				.port = (uint16_t)(6000 + s * OUTS_MAX + o),
				.divided = c->divided ? divided_of(o) : 0};
		rules[s] = (struct table_rule){.group = FIXTURE_GROUP,
					       .port = (uint16_t)(5000 + s),
					       .incarnation = incarnation,
					       .pps = c->pps,
					       .priority = c->priorities ? s % RULE_PRIORITIES
									 : RULE_PRIORITY_NORMAL,
					       .n_outputs = c->outs,
					       .outputs = outputs[s]};
		if (c->divided)
			memcpy(rules[s].division, division, sizeof(division));
	}
}

static uint32_t datagrams(const struct fake_frame *f)
{
	return f->segment ? (f->bytes + f->segment - 1u) / f->segment : 1;
}

/* How many datagrams a rule should get, by stream; frames in turn over the streams. */
static void make_frames(const struct kill_case *c, uint32_t *wanted)
{
	memset(wanted, 0, STREAMS_MAX * sizeof(*wanted));
	for (uint32_t i = 0; i < c->frames; i++) {
		const uint32_t s = i % c->streams;
		struct fake_frame *f = &world->frames[i];

		*f = (struct fake_frame){
			.port = (uint16_t)(5000 + s),
			.segment = (uint16_t)c->segment,
			.bytes = c->bytes ? c->bytes : 8 + i * 37 % 300,
			.first = wanted[s],
			.division = c->divided && i / c->streams % 3
					    ? division[i / c->streams % 3 - 1]
					    : 0,
			.damaged = c->damaged && i % 7 == 3,
			.unreadable = c->unreadable && (i % 9 == 4 || i % 9 == 5),
		};
		if (c->damaged && i % 11 == 5)
			f->port = 4000;
		else if (!f->damaged && !f->unreadable)
			wanted[s] += datagrams(f);
	}
	world->n_frames = c->frames;
}

struct tally {
	uint32_t sent, repeated, disordered;
};

static struct tally tally(uint16_t port)
{
	static uint8_t seen[100000];
	struct tally t = {0};
	uint32_t next = 0;

	memset(seen, 0, sizeof(seen));
	for (uint32_t i = 0; i < world->n_sent; i++) {
		const struct fake_sent *s = &world->sent[i];

		if (s->port != port)
			continue;
		assert_true(s->number < sizeof(seen));
		if (seen[s->number]++)
			t.repeated++;
		else
			t.sent++;
		if (s->number < next)
			t.disordered++;
		else
			next = s->number + 1;
	}
	return t;
}

static uint64_t send_drops(const struct egress_counters *c)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < SEND_DROPS; i++)
		n += c->drops[i];
	return n;
}

/* Datagrams of a stream that the kernel path has sent to the output. */
static uint64_t divided(const struct kill_case *c, uint32_t stream, uint32_t output)
{
	uint64_t n = 0;

	for (uint32_t i = stream; i < world->n_frames; i += c->streams)
		n += is_sent(c, i, output) ? 0 : datagrams(&world->frames[i]);
	return n;
}

static void check_output(const struct kill_case *c, uint32_t round, uint32_t stream, uint32_t o)
{
	const struct egress_counters *counted = &page->output[stream * c->outs + o].c;
	const struct tally t = tally((uint16_t)(6000 + stream * OUTS_MAX + o));
	const uint64_t matched = page->rule[stream].c.matched - divided(c, stream, o);

	if (counted->divided != divided(c, stream, o))
		fail_msg("%s, round %u: output %u.%u: divided %lu", c->name, round, stream, o,
			 (unsigned long)counted->divided);
	if (t.repeated || (t.disordered && !c->any_order))
		fail_msg("%s, round %u: output %u.%u: %u repeated, %u out of order", c->name, round,
			 stream, o, t.repeated, t.disordered);
	if (t.sent + send_drops(counted) != matched)
		fail_msg("%s, round %u: output %u.%u: sent %u, dropped %lu, of %lu", c->name, round,
			 stream, o, t.sent, (unsigned long)send_drops(counted),
			 (unsigned long)matched);
	if (counted->sent != t.sent || counted->matched != matched)
		fail_msg("%s, round %u: output %u.%u: counted %lu of %lu, sent %u of %lu", c->name,
			 round, stream, o, (unsigned long)counted->sent,
			 (unsigned long)counted->matched, t.sent, (unsigned long)matched);
}

static void check(const struct kill_case *c, uint32_t round, const uint32_t *wanted)
{
	struct egress_counters sum = {0};
	uint64_t received = 0, unreadable = 0;

	for (uint32_t i = 0; i < world->n_frames; i++) {
		const struct fake_frame *f = &world->frames[i];

		received += f->damaged || f->unreadable ? 1 : datagrams(f);
		unreadable += f->unreadable;
	}
	if (page->ingress.drops[DROP_UNREADABLE] != unreadable)
		fail_msg("%s, round %u: unreadable %lu of %lu", c->name, round,
			 (unsigned long)page->ingress.drops[DROP_UNREADABLE],
			 (unsigned long)unreadable);
	if (page->ingress.received != received || page->ingress.frames != world->n_frames ||
	    !ingress_counters_balance(&page->ingress))
		fail_msg("%s, round %u: received %lu of %lu, frames %lu, matched %lu", c->name,
			 round, (unsigned long)page->ingress.received, (unsigned long)received,
			 (unsigned long)page->ingress.frames, (unsigned long)page->ingress.matched);
	for (uint32_t s = 0; s < c->streams; s++) {
		const struct rule_counters *r = &page->rule[s].c;

		if (r->matched + r->drops_rate_limited != wanted[s])
			fail_msg("%s, round %u: rule %u: matched %lu, limited %lu, of %u", c->name,
				 round, s, (unsigned long)r->matched,
				 (unsigned long)r->drops_rate_limited, wanted[s]);
		for (uint32_t o = 0; o < c->outs; o++) {
			check_output(c, round, s, o);
			egress_counters_add(&sum, &page->output[s * c->outs + o].c);
		}
	}
	sum.calls = page->egress.calls;
	sum.divided = 0; /* of outputs only */
	assert_memory_equal(&sum, &page->egress, sizeof(sum));
	assert_int_equal(((struct arena_header *)arena)->attempts, 0);
}

/* Datagrams that each rule has matched before its outputs came. */
static uint64_t matched_before;

static void set_up(const struct kill_case *c, uint32_t *wanted)
{
	world_reset();
	for (uint32_t s = 0; s < c->streams && matched_before; s++) {
		page->rule[s].incarnation = 1;
		page->rule[s].c.matched = matched_before;
	}
	make_rules(c, 1);
	make_frames(c, wanted);
	world->pass = c->pass;
	world->refuse = c->refuse;
	world->per_packet = c->per_packet;
	if (c->segments_max)
		world->segments_max = c->segments_max;
}

/* Mostly few instructions: that is where the records change hands. */
static uint32_t some_instructions(void)
{
	return (uint32_t)random() % (1u << (random() % 13));
}

static void last_worker(const struct kill_case *c)
{
	const int status = one_worker(rules, c->streams, UINT32_MAX, 0);

	if (status)
		fail_msg("%s: the last worker ended with %d", c->name, status);
}

static uint32_t rounds(void)
{
	const char *text = getenv("MCR_RECOVER_ROUNDS");

	return text ? (uint32_t)atoi(text) : ROUNDS;
}

static void kill_anywhere(void **state)
{
	uint32_t wanted[STREAMS_MAX];

	srandom(1);
	for (size_t i = 0; i < sizeof(kill_cases) / sizeof(kill_cases[0]); i++) {
		const struct kill_case *c = &kill_cases[i];
		uint32_t calls;

		set_up(c, wanted);
		last_worker(c);
		check(c, 0, wanted);
		calls = world->calls;
		for (uint32_t round = 1; round <= rounds(); round++) {
			set_up(c, wanted);
			for (unsigned k = 0; k < KILLS; k++) {
				const uint32_t at = (uint32_t)random() % (calls / 3 + 4);
				const int status =
					one_worker(rules, c->streams, at, some_instructions());

				if (status > 0)
					fail_msg("%s, round %u: a worker ended with %d", c->name,
						 round, status);
			}
			last_worker(c);
			check(c, round, wanted);
		}
	}
}

/* --- the edges of the promise --- */

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

/* A frame that kills whoever looks at it does not do so for ever. */
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

/* A super-datagram that is given up counts as what it holds. */
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

static void finished_is_tidied(void **state)
{
	static const struct {
		const char *name;
		struct arena_finished in[4], out[4];
		uint32_t n_in, n_out;
	} cases[] = {
		{"none", {{0}}, {{0}}, 0, 0},
		{"joined", {{5, 5, 9}, {0, 5, 9}}, {{0, 10, 9}}, 2, 1},
		{"hole", {{0, 5, 9}, {6, 1, 0}}, {{0, 5, 9}, {6, 1, 0}}, 2, 2},
		{"failures stay apart",
		 {{0, 1, -11}, {1, 1, -11}, {2, 1, 9}},
		 {{0, 1, -11}, {1, 1, -11}, {2, 1, 9}},
		 3,
		 3},
		{"overlap", {{0, 5, 9}, {4, 2, 9}, {5, 1, 9}}, {{0, 6, 9}}, 3, 1},
		{"empty", {{3, 0, 9}}, {{0}}, 1, 0},
		{"beyond the last number", {{UINT32_MAX, 2, 9}}, {{0}}, 1, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena_finished ends[4];
		uint32_t n;

		memcpy(ends, cases[i].in, sizeof(ends));
		n = finished_tidy(ends, cases[i].n_in);
		if (n != cases[i].n_out || memcmp(ends, cases[i].out, n * sizeof(ends[0])) != 0)
			fail_msg("%s: %u entries", cases[i].name, n);
	}
}

static void finished_is_found(void **state)
{
	static const struct arena_finished ends[] = {{10, 5, 100}, {15, 1, -11}, {20, 2, 7}};
	const struct finished p = {ends, 3, 3};
	static const struct {
		uint32_t unit, n;
		bool touches;
		int end; /* index of the entry that has @unit, or -1 */
	} cases[] = {
		{0, 1, true, -1},  {2, 1, true, -1}, {3, 7, false, -1},  {3, 8, true, -1},
		{10, 1, true, 0},  {14, 1, true, 0}, {15, 1, true, 1},   {16, 4, false, -1},
		{16, 5, true, -1}, {21, 9, true, 2}, {22, 9, false, -1}, {9, 1, false, -1},
		{14, 9, true, 0},  {0, 0, true, -1}, {11, 0, false, 0},
	};
	const struct finished none = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct arena_finished *end = finished_end(&p, cases[i].unit);

		if (finished_touches(&p, cases[i].unit, cases[i].n) != cases[i].touches)
			fail_msg("%u from %u", cases[i].n, cases[i].unit);
		if (end != (cases[i].end < 0 ? NULL : &ends[cases[i].end]))
			fail_msg("end of %u", cases[i].unit);
	}
	assert_false(finished_touches(&none, 0, 100));
	assert_null(finished_end(&none, 0));
}

static int make(void **state)
{
	world_make();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finished_is_tidied),
		cmocka_unit_test(finished_is_found),
		cmocka_unit_test(clean_end),
		cmocka_unit_test(kill_anywhere),
		cmocka_unit_test(rule_changed_meanwhile),
		cmocka_unit_test(ring_is_gone),
		cmocka_unit_test(deadly_batch_is_given_up),
		cmocka_unit_test(deadly_rest_is_given_up),
		cmocka_unit_test(lost_supers),
	};

	return cmocka_run_group_tests(tests, make, NULL);
}
