/* SPDX-License-Identifier: MIT */
/* recover_fixture.h - rules, frames and accounts of workers that are killed */
#ifndef TESTS_UNIT_CORE_RECOVER_FIXTURE_H
#define TESTS_UNIT_CORE_RECOVER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core/worker_fixture.h"

#define STREAMS_MAX 64
#define OUTS_MAX    24
#define KILLS       5
#define ROUNDS      8

static struct table_output outputs[STREAMS_MAX][OUTS_MAX];
static struct table_rule rules[STREAMS_MAX];

struct kill_case {
	const char *name;
	uint32_t streams, outs, frames;
	uint32_t bytes, segment;
	uint32_t pass;
	int (*refuse)(uint16_t port, uint32_t first, uint32_t n, bool segmented);
	bool per_packet, priorities, damaged, any_order, no_iface, unreadable, divided;
	uint64_t pps;
	uint32_t segments_max;
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

static void last_worker(const struct kill_case *c)
{
	const int status = one_worker(rules, c->streams, UINT32_MAX, 0);

	if (status)
		fail_msg("%s: the last worker ended with %d", c->name, status);
}

static int make(void **state)
{
	world_make();
	return 0;
}

#endif
