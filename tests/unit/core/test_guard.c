// SPDX-License-Identifier: MIT
/*
 * test_guard.c - loops are held, streams are not, however alike they look
 *
 * A clock that the test turns, in steps of a worker's pass.  Datagrams received in each step
 * are sent at its end, unless the guard pauses; a loop brings back what was sent.
 *
 * Links: core/relay/guard.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/relay/frame.h"
#include "core/relay/guard.h"

#define SENDER 0x0100000au
#define OTHER  0x0200000au
#define RELAY  0x0300000au

#define STEP_NS  20000u /* 50,000 passes a second */
#define ROOM     192u   /* that a pause gathers */
#define INCOMING 200000u

struct datagram {
	uint32_t payload;
	uint32_t sender;
};

/**
 * struct world - what there is around the rule
 * @rate:      datagrams a second of each sender
 * @burst_ns:  0: evenly; else they come together, once in this time
 * @payloads:  they repeat after so many; 0: never
 * @senders:   1 or 2, which send the same
 * @stall_ns:  the sender stands still for so long, every 50 ms
 * @loops:     what is sent comes back
 * @times:     so often
 * @preserves: with the sender's address, as a kernel's multicast routing would
 * @capacity:  datagrams a step that come back at most
 * @stop_ns:   the sender stops then
 */
struct world {
	const char *name;
	uint32_t rate;
	uint64_t burst_ns;
	uint32_t payloads;
	unsigned senders;
	uint64_t stall_ns;
	bool loops;
	unsigned times;
	bool preserves;
	uint32_t capacity;
	uint64_t stop_ns;
	bool held;
};

static struct {
	struct guard guard;
	struct guard_rule rule;
	uint64_t now_ns;
	uint32_t next, first;
	uint64_t owed_e9, sent, dropped, held_at_ns, longest_wait_ns, waits_since_ns;
	struct datagram back[INCOMING]; /* a ring: on its way back */
	uint32_t back_in, back_out;
	struct datagram batch[INCOMING];
	uint32_t n_batch;
} sim;

static void receive(const struct datagram *d)
{
	uint8_t bytes[200];
	const struct frame_view view = {.payload = bytes,
					.payload_bytes = sizeof(bytes),
					.segment_bytes = sizeof(bytes),
					.datagrams = 1,
					.source_be = d->sender};

	memset(bytes, 0x55, sizeof(bytes));
	memcpy(bytes, &d->payload, sizeof(d->payload));
	if (!guard_admits(&sim.guard, &sim.rule, 7, &view, sim.now_ns)) {
		sim.dropped++;
		return;
	}
	sim.batch[sim.n_batch++] = *d;
}

static void from_senders(const struct world *w)
{
	const uint64_t start_ns = 1000 * NS_PER_S, since_ns = sim.now_ns - start_ns;

	if ((w->stop_ns && since_ns > w->stop_ns) ||
	    (w->stall_ns && since_ns % (50 * NS_PER_MS) < w->stall_ns))
		return;
	sim.owed_e9 += (uint64_t)w->rate * STEP_NS;
	if (w->burst_ns && since_ns % w->burst_ns >= STEP_NS)
		return;
	for (; sim.owed_e9 >= NS_PER_S && sim.n_batch < INCOMING; sim.owed_e9 -= NS_PER_S) {
		struct datagram d = {sim.next++, SENDER};

		if (w->payloads)
			d.payload %= w->payloads;
		for (unsigned s = 0; s < w->senders; s++) {
			d.sender = s ? OTHER : SENDER;
			receive(&d);
		}
	}
}

static void from_loop(const struct world *w)
{
	for (uint32_t i = 0; i < w->capacity && sim.back_out != sim.back_in; i++)
		receive(&sim.back[sim.back_out++ % INCOMING]);
}

static void send_batch(const struct world *w)
{
	for (uint32_t i = 0; i < sim.n_batch; i++) {
		struct datagram d = sim.batch[i];

		sim.sent++;
		if (!w->preserves)
			d.sender = RELAY;
		for (unsigned k = 0; w->loops && k < w->times; k++)
			if (sim.back_in - sim.back_out < INCOMING)
				sim.back[sim.back_in++ % INCOMING] = d;
	}
	sim.n_batch = 0;
}

/* Ten seconds, or until it is held. */
static void run(const struct world *w)
{
	memset(&sim, 0, sizeof(sim));
	sim.now_ns = 1000 * NS_PER_S;
	for (unsigned step = 0; step < 500000 && !sim.held_at_ns; step++, sim.now_ns += STEP_NS) {
		from_senders(w);
		from_loop(w);
		if (guard_pauses(&sim.guard, sim.now_ns, sim.n_batch >= ROOM)) {
			if (!sim.waits_since_ns)
				sim.waits_since_ns = sim.now_ns;
			if (sim.now_ns - sim.waits_since_ns > sim.longest_wait_ns)
				sim.longest_wait_ns = sim.now_ns - sim.waits_since_ns;
			continue;
		}
		sim.waits_since_ns = 0;
		send_batch(w);
		if (sim.rule.held_until_ns)
			sim.held_at_ns = sim.now_ns;
	}
}

static const struct world worlds[] = {
	{"a stream", 100000, .senders = 1, .held = false},
	{"equal payloads", 100000, .payloads = 1, .senders = 1},
	{"equal payloads, slowly", 1500, .payloads = 1, .senders = 1},
	{"equal payloads from two senders", 50000, .payloads = 1, .senders = 2},
	{"a capture of 100 datagrams, again and again", 100000, .payloads = 100, .senders = 1},
	{"a capture of 5,000, again and again", 50000, .payloads = 5000, .senders = 1},
	{"each datagram from two senders", 50000, .senders = 2},
	{"equal payloads in bursts, 50 a second", 5000, .burst_ns = 20 * NS_PER_MS, .payloads = 1,
	 .senders = 1},
	{"equal payloads in bursts, 500 a second", 20000, .burst_ns = 2 * NS_PER_MS, .payloads = 1,
	 .senders = 1},
	{"equal payloads of a sender that stalls", 100000, .payloads = 1, .senders = 1,
	 .stall_ns = 9 * NS_PER_MS},

	{"one datagram in a loop", 1000000, .senders = 1, .stop_ns = STEP_NS / 2, .loops = true,
	 .times = 1, .capacity = 100, .held = true},
	{"ten, by a relay that keeps the sender", 1000000, .senders = 1, .stop_ns = 10 * 1000,
	 .loops = true, .times = 1, .preserves = true, .capacity = 100, .held = true},
	{"a stream in a loop", 1000, .senders = 1, .loops = true, .times = 1, .capacity = 3,
	 .held = true},
	{"a fast stream in a loop", 50000, .senders = 1, .loops = true, .times = 1, .capacity = 3,
	 .held = true},
	{"a stream that doubles each time", 100, .senders = 1, .loops = true, .times = 2,
	 .capacity = 20, .held = true},
	{"a stream of equal payloads in a loop", 1000, .payloads = 1, .senders = 1, .loops = true,
	 .times = 1, .capacity = 3, .held = true},
	{"a stream in a loop that keeps the sender", 1000, .senders = 1, .loops = true, .times = 1,
	 .preserves = true, .capacity = 3, .held = true},
};

static void loops_are_held_and_streams_are_not(void **state)
{
	for (size_t i = 0; i < sizeof(worlds) / sizeof(worlds[0]); i++) {
		const struct world *w = &worlds[i];
		uint64_t at_ms;

		run(w);
		at_ms = sim.held_at_ns ? (sim.held_at_ns - 1000 * NS_PER_S) / NS_PER_MS : 0;
		print_message("%s: %s after %llu ms, a pause of %llu ms at most\n", w->name,
			      sim.held_at_ns ? "held" : "not held", (unsigned long long)at_ms,
			      (unsigned long long)(sim.longest_wait_ns / NS_PER_MS));
		if (w->held != (sim.held_at_ns != 0) || at_ms > 1000)
			fail_msg("%s", w->name);
		if (!w->held && (sim.dropped || sim.longest_wait_ns > 40 * NS_PER_MS))
			fail_msg("%s: %llu dropped", w->name, (unsigned long long)sim.dropped);
	}
}

/* The loop is still there: each hold is longer.  It has gone: the rule relays again. */
static void holds_grow_and_end(void **state)
{
	const struct world loop = {"",         1000,         .senders = 1, .loops = true,
				   .times = 1, .capacity = 3};
	const struct world still = {"", 1000, .senders = 1};
	uint32_t last_ms = 0;

	run(&loop);
	for (unsigned n = 0; n < 4; n++) {
		assert_true(sim.rule.hold_ms > last_ms);
		last_ms = sim.rule.hold_ms;
		while (sim.rule.held_until_ns) {
			sim.now_ns += STEP_NS;
			from_senders(&loop);
			from_loop(&loop);
			guard_pauses(&sim.guard, sim.now_ns, false);
			send_batch(&loop);
		}
		assert_int_equal(sim.rule.free_until_ns, 0);
		for (unsigned i = 0; i < 50000 && !sim.rule.held_until_ns; i++) {
			sim.now_ns += STEP_NS;
			from_senders(&loop);
			from_loop(&loop);
			if (!guard_pauses(&sim.guard, sim.now_ns, sim.n_batch >= ROOM))
				send_batch(&loop);
		}
		assert_true(sim.rule.held_until_ns);
	}
	sim.back_out = sim.back_in;
	for (unsigned i = 0; i < 1000000; i++) {
		sim.now_ns += STEP_NS;
		from_senders(&still);
		assert_false(guard_pauses(&sim.guard, sim.now_ns, false));
		send_batch(&still);
	}
	assert_int_equal(sim.rule.held_until_ns, 0);
}

/* A number anywhere in the first 64 bytes makes a payload another one, whatever follows. */
static void sequence_numbers_tell_payloads_apart(void **state)
{
	static const uint32_t lengths[] = {12, 64, 96, 97, 200, 1400, 8900};
	static uint8_t bytes[8900];

	for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++) {
		const struct frame_view view = {.payload = bytes,
						.payload_bytes = lengths[k],
						.segment_bytes = lengths[k],
						.datagrams = 1,
						.source_be = SENDER};

		for (uint32_t at = 0; at < 64 && at < lengths[k]; at++) {
			memset(&sim, 0, sizeof(sim));
			memset(bytes, 0x55, sizeof(bytes));
			for (unsigned i = 0; i < 200; i++, bytes[at]++)
				guard_admits(&sim.guard, &sim.rule, 7, &view, NS_PER_S + i);
			assert_true(sim.rule.tracked > 100);
			assert_int_equal(sim.rule.same, 0);
		}
	}
}

/* The cost of one frame, on average over a stream and over equal payloads. */
static void cost(void **state)
{
	enum { FRAMES = 2000000 };
	uint8_t bytes[1400] = {0};
	struct frame_view view = {.payload = bytes,
				  .payload_bytes = sizeof(bytes),
				  .segment_bytes = sizeof(bytes),
				  .datagrams = 1,
				  .source_be = SENDER};
	struct timespec a, b;

	for (unsigned kind = 0; kind < 3; kind++) {
		static const char *const names[] = {"nothing", "a stream", "equal payloads"};
		const struct guard_rule before = {0};
		uint64_t n = 0;

		memset(&sim, 0, sizeof(sim));
		sim.rule = before;
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
		for (uint64_t i = 0; i < FRAMES; i++) {
			const uint64_t number = kind == 2 ? 0 : i;

			memcpy(bytes, &number, sizeof(number));
			if (kind)
				n += guard_admits(&sim.guard, &sim.rule, 7, &view,
						  NS_PER_S + i * 10000);
			if (i % 32 == 0)
				n += guard_pauses(&sim.guard, NS_PER_S + i * 10000, true);
		}
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
		print_message(
			"%s: %.1f ns a frame\n", names[kind],
			((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) /
				FRAMES);
		assert_int_equal(n, kind ? FRAMES : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loops_are_held_and_streams_are_not),
		cmocka_unit_test(holds_grow_and_end),
		cmocka_unit_test(sequence_numbers_tell_payloads_apart),
		cmocka_unit_test(cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
