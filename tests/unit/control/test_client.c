// SPDX-License-Identifier: MIT
/*
 * test_client.c - lines in, answers out, in order, and each client its share
 *
 * Links: core/rules/wiring.c
 * Links: daemon/control/client.c daemon/control/client_input.c daemon/control/client_output.c
 * Links: daemon/control/client_upload.c
 * Links: core/text/request.c core/text/response.c core/text/config.c core/base/complaint.c
 * Links: core/rules/rule.c core/base/addr.c
 * Links: core/text/rule_json.c core/text/json_field.c core/text/json_text.c
 * Links: core/text/json_scan.c
 * Links: core/rules/ruleset.c core/rules/ruleset_cycle.c core/rules/ruleset_ifaces.c
 * Links: core/rules/ruleset_index.c core/rules/slot_pool.c
 */
#include "daemon/control/client.h"
#include "daemon/control/client_output.h"
#include "tests/unit/control/client_fixture.h"

static void test_lines(void **state)
{
	struct fixture *b = *state;
	int fd = join(b);

	say(fd, "one\ntwo\nthr");
	turns(b, 2);
	assert_int_equal(b->lines, 2);
	assert_string_equal(hear(fd), "ok one\nok two\n");
	say(fd, "ee\n\n");
	turns(b, 2);
	assert_string_equal(hear(fd), "ok three\nok \n");
	close(fd);
	turns(b, 2);
	assert_int_equal(b->cs.n_clients[0], 0);
}

/* Requests that were sent before the client closed are carried out. */
static void test_last_words(void **state)
{
	struct fixture *b = *state;
	int fd = join(b);

	say(fd, "one\ntwo\n");
	shutdown(fd, SHUT_WR);
	turns(b, 3);
	assert_string_equal(hear(fd), "ok one\nok two\nEOF");
	close(fd);

	fd = join(b);
	say(fd, "three\nfour\n");
	close(fd);
	turns(b, 3);
	assert_int_equal(b->lines, 4);
	assert_int_equal(b->cs.n_clients[0], 0);
}

static void test_share_of_a_turn(void **state)
{
	struct fixture *b = *state;
	int greedy = join(b), modest = join(b);
	char many[400] = "";

	for (int i = 0; i < 100; i++)
		strcat(many, "a\n");
	say(greedy, many);
	say(modest, "b\n");
	assert_true(turn(b));
	assert_int_equal(b->lines, CLIENT_LINES_PER_TURN + 1);
	assert_string_equal(hear(modest), "ok b\n");
	turns(b, 10);
	assert_int_equal(b->lines, 101);
	assert_false(turn(b));
	close(greedy);
	close(modest);
}

static void test_answers_in_order(void **state)
{
	struct fixture *b = *state;
	int fd = join(b);

	b->hold = true;
	say(fd, "1\n2\n3\n");
	turn(b);
	assert_int_equal(b->n_held, 3);
	client_answer_finish(&b->cs, b->held[2], text_of("c\n"), b->now);
	client_answer_finish(&b->cs, b->held[1], text_of("b\n"), b->now);
	assert_string_equal(hear(fd), "");
	client_answer_finish(&b->cs, b->held[0], text_of("a\n"), b->now);
	assert_string_equal(hear(fd), "a\nb\nc\n");
	close(fd);
	turns(b, 2);
}

/* An answer that comes when its client is gone is forgotten, not delivered to the next one. */
static void test_answer_for_nobody(void **state)
{
	struct fixture *b = *state;
	int fd = join(b), other;

	b->hold = true;
	say(fd, "1\n");
	turn(b);
	close(fd);
	turns(b, 2);
	assert_int_equal(b->cs.n_clients[0], 0);
	other = join(b);
	client_answer_finish(&b->cs, b->held[0], text_of("a\n"), b->now);
	assert_string_equal(hear(other), "");
	close(other);
	turns(b, 2);
}

/* The place of a client that left in this turn is another's: late events are not for it. */
static void test_stale_event(void **state)
{
	struct fixture *b = *state;
	int fd = join(b), other;
	struct client *cl = b->cs.place[0];
	const union epoll_key key = epoll_key_of_client(cl->place, cl->serial);

	close(fd);
	turns(b, 2);
	other = join(b);
	assert_non_null(b->cs.place[0]);
	control_clients_event(&b->cs, key, EPOLLHUP, b->now);
	control_clients_event(&b->cs, epoll_key_of_client(0xffff, 0), EPOLLIN, b->now);
	assert_non_null(b->cs.place[0]);
	assert_false(b->cs.place[0]->hup);
	close(other);
	turns(b, 2);
}

/* With many answers to come, the rest of the input waits. */
static void test_unanswered_bound(void **state)
{
	struct fixture *b = *state;
	int fd = join(b);
	char many[600] = "";

	b->hold = true;
	for (int i = 0; i < 100; i++)
		strcat(many, "a\n");
	say(fd, many);
	turns(b, 20);
	assert_int_equal(b->n_held, CLIENT_ANSWERS_MAX);
	for (unsigned i = 0; i < CLIENT_ANSWERS_MAX; i++)
		client_answer_finish(&b->cs, b->held[i], text_of("x\n"), b->now);
	b->hold = false;
	turns(b, 20);
	assert_int_equal(b->lines, 100);
	close(fd);
	turns(b, 2);
}

/* After an end of file in the middle of a line the answer that waits still goes out. */
static void test_states(void **state)
{
	struct fixture *b = *state;
	int fd = join(b);
	struct client *cl = b->cs.place[0];

	assert_int_equal(cl->state, CLIENT_GREETING);
	b->hold = true;
	say(fd, "one\nhalf");
	turns(b, 2);
	assert_int_equal(cl->state, CLIENT_OPEN);
	assert_false(client_has_line(cl));
	assert_int_equal(b->n_held, 1);

	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	turns(b, 2);
	assert_int_equal(cl->state, CLIENT_CLOSING);
	assert_int_equal(b->cs.in_total, 0); /* nobody completes the line */
	b->now += 31 * S;
	control_clients_sweep(&b->cs, b->now);
	client_answer_finish(&b->cs, b->held[0], text_of("1\n"), b->now);
	turns(b, 2);
	assert_string_equal(hear(fd), "1\nEOF");
	assert_int_equal(b->cs.closed, 0);
	close(fd);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_lines),           T(test_last_words),
		T(test_share_of_a_turn), T(test_answers_in_order),
		T(test_stale_event),     T(test_answer_for_nobody),
		T(test_states),          T(test_unanswered_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
