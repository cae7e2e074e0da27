// SPDX-License-Identifier: MIT
/*
 * test_io.c - the completion of a receive belongs to the socket that it was armed for
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

#define OTHER MCR_MAX_IFACES /* an input of a worker for which this one stands in */

static struct worker *w;

static union ring_tag tag_of(uint32_t serial)
{
	return (union ring_tag){
		.kind = RING_RECV, .class = BUF_SUPER, .link = LINK_ETHERNET, .serial = serial};
}

/* A receive ends: the kernel says MORE no longer. */
static void end_receive(uint32_t serial, int res)
{
	complete(tag_of(serial).u64, res, 0);
	__atomic_store_n(w->ring.uring.cq.ktail, kernel.tail, __ATOMIC_RELEASE);
	worker_reap(w);
}

/* A worker with a table, whose slot 0 has had two sockets, and which stands in for another. */
static int start(void **state)
{
	static const struct table_output output = {.group = FIXTURE_GROUP + 1, .port = 6000};
	static const struct table_rule rule = {
		.group = FIXTURE_GROUP, .port = 5000, .n_outputs = 1, .outputs = &output};

	memset(&kernel, 0, sizeof(kernel));
	world_reset();
	w = calloc(1, sizeof(*w));
	assert_non_null(w);
	worker_start(w, &rule, 1);
	w->inputs[0].serial = 2;
	w->inputs[OTHER] = (struct worker_input){
		.sock = 6, .worker = 1, .class = BUF_SUPER, .link = LINK_ETHERNET, .serial = 3};
	w->n_inputs = OTHER + 1;
	worker_arm(w);
	assert_true(w->inputs[0].armed && w->inputs[OTHER].armed);
	return 0;
}

static int stop(void **state)
{
	egress_free(w->egress);
	relay_free(w->relay);
	match_free(w->table);
	free(w);
	return 0;
}

/* The receive of a closed socket ends late, with an error: the new one's goes on. */
static void end_of_an_old_socket(void **state)
{
	end_receive(1, -ENETDOWN);
	assert_true(w->inputs[0].armed && w->inputs[OTHER].armed);
	assert_int_equal(w->inputs[0].rearm_ns, 0);
	end_receive(1, -ENOBUFS);
	assert_false(w->inputs[0].starved || w->inputs[OTHER].starved);
}

/* Each socket's own end is its own, also where two workers' sockets have the same slot. */
static void end_of_the_own_socket(void **state)
{
	end_receive(3, -ENETDOWN);
	assert_true(w->inputs[0].armed);
	assert_false(w->inputs[OTHER].armed);
	assert_true(w->inputs[OTHER].rearm_ns > w->now_ns);
	end_receive(2, -ENOBUFS);
	assert_false(w->inputs[0].armed);
	assert_true(w->inputs[0].starved);
	assert_int_equal(w->inputs[0].rearm_ns, 0);
}

/* Nobody's: counted as nothing, and nothing changes. */
static void end_of_a_closed_socket(void **state)
{
	w->inputs[OTHER].sock = -1;
	end_receive(3, -ENETDOWN);
	assert_true(w->inputs[0].armed);
	assert_int_equal(w->inputs[OTHER].rearm_ns, 0);
}

/* Received datagrams are sent before the next reader of the socket may overtake them. */
static void input_that_is_finished(void **state)
{
	const uint32_t lines = world->lines;

	world->pass = 40;
	for (world->n_frames = 0; world->n_frames < world->pass; world->n_frames++)
		world->frames[world->n_frames] =
			(struct fake_frame){.port = 5000, .bytes = 100, .first = world->n_frames};
	ring_submit(&w->ring);
	assert_int_equal(world->taken, 40);
	assert_int_equal(world->n_sent, 0);
	worker_finish_input(w, &w->inputs[OTHER]);
	assert_int_equal(world->n_sent, 40);
	assert_false(kernel.armed || w->inputs[OTHER].armed || journal_waiting(&w->journal));
	assert_int_equal(w->inputs[OTHER].rearm_ns, 0);
	assert_int_equal(world->lines, lines);
}

static int make(void **state)
{
	world_make();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(end_of_an_old_socket, start, stop),
		cmocka_unit_test_setup_teardown(end_of_the_own_socket, start, stop),
		cmocka_unit_test_setup_teardown(end_of_a_closed_socket, start, stop),
		cmocka_unit_test_setup_teardown(input_that_is_finished, start, stop),
	};

	return cmocka_run_group_tests(tests, make, NULL);
}
