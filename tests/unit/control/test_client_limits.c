// SPDX-License-Identifier: MIT
/*
 * test_client_limits.c - a client that floods, stalls or is silent stays within its bounds
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
#include "core/base/complaint.h"
#include "core/text/config.h"
#include "core/text/request.h"
#include "daemon/control/client.h"
#include "daemon/control/client_output.h"
#include "daemon/control/client_upload.h"
#include "tests/unit/control/client_fixture.h"

static void test_line_limit(void **state)
{
	struct fixture *b = *state;
	char *big = malloc(REQUEST_LINE_MAX + 2);
	int fd = join(b);
	size_t sent = 0;

	memset(big, 'a', REQUEST_LINE_MAX + 1);
	big[REQUEST_LINE_MAX] = '\n';
	while (sent < REQUEST_LINE_MAX + 1) {
		ssize_t n = write(fd, big + sent, REQUEST_LINE_MAX + 1 - sent);

		sent += n > 0 ? (size_t)n : 0;
		turn(b);
	}
	turns(b, 30);
	assert_int_equal(b->lines, 1);
	assert_int_equal(b->last_len, REQUEST_LINE_MAX);
	hear(fd);

	/* One byte more: refused, and its further bytes do not fail before it can read that. */
	memset(big, 'a', REQUEST_LINE_MAX + 1);
	for (sent = 0; sent < 3u * REQUEST_LINE_MAX;) {
		ssize_t n = write(fd, big, 65536);

		if (n < 0 && errno != EAGAIN)
			break;
		sent += n > 0 ? (size_t)n : 0;
		turn(b);
	}
	assert_true(sent >= 3u * REQUEST_LINE_MAX);
	assert_int_equal(b->lines, 1);
	turns(b, 3);
	assert_non_null(strstr(hear(fd), "-32004"));
	assert_true(b->cs.in_total == 0);
	b->now += 3 * S;
	control_clients_sweep(&b->cs, b->now);
	assert_int_equal(b->cs.n_clients[0], 0);
	close(fd);
	free(big);
}

static void test_input_of_all(void **state)
{
	struct fixture *b = *state;
	int fd[24];
	char *chunk = malloc(65536);

	memset(chunk, 'a', 65536);
	for (unsigned i = 0; i < 24; i++)
		fd[i] = join(b);
	for (unsigned i = 0; i < 24; i++) {
		/* Just below the limit of a line, never ended. */
		for (size_t sent = 0; sent < REQUEST_LINE_MAX - 65536;) {
			ssize_t n = write(fd[i], chunk, 65536);

			if (n < 0 && errno != EAGAIN)
				break;
			sent += n > 0 ? (size_t)n : 0;
			turn(b);
		}
		assert_true(b->cs.in_total <= CLIENTS_INPUT_MAX);
	}
	assert_true(b->cs.closed > 0);
	for (unsigned i = 0; i < 24; i++)
		close(fd[i]);
	turns(b, 80);
	assert_int_equal(b->cs.n_clients[0], 0);
	free(chunk);
}

static void test_stalled_reader(void **state)
{
	struct fixture *b = *state;
	int fd = join(b), other = join(b);

	b->answer_bytes = 1 << 20;
	say(fd, "1\n2\n3\n4\n");
	turns(b, 3);
	/* It does not read: nothing more of its input is handled. */
	assert_int_equal(b->lines, 1);
	assert_true(b->cs.out_total > 0 && b->cs.out_total <= 1 << 20);
	b->answer_bytes = 0;
	say(other, "x\n");
	turn(b);
	assert_string_equal(hear(other), "ok x\n");
	b->now += 9 * S;
	control_clients_sweep(&b->cs, b->now);
	assert_int_equal(b->cs.n_clients[0], 2);
	b->now += 2 * S;
	control_clients_sweep(&b->cs, b->now);
	assert_int_equal(b->cs.n_clients[0], 1);
	assert_int_equal(b->cs.out_total, 0);
	close(fd);
	close(other);
}

static void test_slow_reader_is_served(void **state)
{
	struct fixture *b = *state;
	int fd = join(b);
	size_t got = 0;
	char buf[4096];

	b->answer_bytes = 1 << 20;
	say(fd, "1\n");
	turn(b);
	while (got < b->answer_bytes) {
		ssize_t n = read(fd, buf, sizeof(buf));

		assert_true(n > 0);
		got += (size_t)n;
		b->now += S / 100;
		turn(b);
		control_clients_sweep(&b->cs, b->now);
	}
	assert_int_equal(b->cs.out_total, 0);
	assert_int_equal(b->cs.n_clients[0], 1);
	close(fd);
}

static void test_answer_too_long(void **state)
{
	struct fixture *b = *state;
	int fd = join(b);

	b->answer_bytes = CLIENT_OUTPUT_MAX + 1;
	say(fd, "1\n");
	turns(b, 2);
	assert_non_null(strstr(hear(fd), "-32004"));
	assert_int_equal(b->cs.out_total, 0);
	assert_int_equal(b->cs.n_clients[0], 0);
	close(fd);
}

static void test_output_of_all(void **state)
{
	struct fixture *b = *state;
	int fd[14];

	b->answer_bytes = CLIENT_OUTPUT_MAX - 1024;
	for (unsigned i = 0; i < 14; i++) {
		fd[i] = join(b);
		say(fd[i], "1\n");
		turn(b);
		assert_true(b->cs.out_total <= CLIENTS_OUTPUT_MAX);
	}
	assert_int_equal(b->lines, 14);
	assert_true(b->cs.closed > 0);
	for (unsigned i = 0; i < 14; i++)
		close(fd[i]);
	turns(b, 3);
}

/* A client that takes nothing: answers that come meanwhile do not put off its end. */
static void test_stalled_while_answers_come(void **state)
{
	struct fixture *b = *state;
	int fd = join(b);

	b->hold = true;
	say(fd, "1\n2\n3\n");
	turn(b);
	for (unsigned i = 0; i < 3; i++) {
		char *text = malloc((1 << 20) + 1);

		memset(text, 'x', 1 << 20);
		text[1 << 20] = '\0';
		client_answer_finish(&b->cs, b->held[i], text, b->now);
		b->now += 4 * S;
		control_clients_sweep(&b->cs, b->now);
	}
	assert_int_equal(b->cs.n_clients[0], 0);
	assert_int_equal(b->cs.out_total, 0);
	close(fd);
}

/* Answers that are held back for an earlier one count as well. */
static void test_held_back(void **state)
{
	struct fixture *b = *state;
	int fd = join(b);
	struct client_answer *late;
	char buf[65536];
	size_t got = 0;

	b->hold = true;
	say(fd, "1\n2\n");
	turn(b);
	late = b->held[0];
	b->hold = false;
	b->answer_bytes = 1 << 20;
	say(fd, "3\n4\n5\n");
	turns(b, 5);
	assert_int_equal(b->lines, 3);
	assert_int_equal(b->cs.out_total, 1 << 20);
	assert_false(client_answer_held(late));
	assert_true(client_answer_held(b->held[1]));
	client_answer_finish(&b->cs, b->held[1], text_of("two\n"), b->now);
	assert_int_equal(read(fd, buf, sizeof(buf)), -1);
	client_answer_finish(&b->cs, late, text_of("one\n"), b->now);
	for (unsigned i = 0; i < 4000 && got < 8 + 3 * (1 << 20); i++) {
		ssize_t n = read(fd, buf, sizeof(buf));

		got += n > 0 ? (size_t)n : 0;
		turn(b);
	}
	assert_int_equal(got, 8 + 3 * (1 << 20));
	assert_int_equal(b->lines, 5);
	assert_int_equal(b->cs.out_total, 0);
	close(fd);
}

static void test_uploads(void **state)
{
	struct fixture *b = *state;
	struct complaint c = {0};
	int one = join(b), two = join(b);
	struct client *first = b->cs.place[0], *second = b->cs.place[1];
	char *piece = malloc(1 << 20), *text;
	size_t len;

	memset(piece, ' ', 1 << 20);
	say(one, "hello\n");
	say(two, "hello\n");
	turn(b);
	for (uint64_t at = 0; at < CONFIG_TEXT_MAX; at += 1 << 20)
		assert_int_equal(client_upload_put(&b->cs, first, at, piece, 1 << 20, b->now, &c),
				 0);
	assert_int_equal(client_upload_put(&b->cs, first, CONFIG_TEXT_MAX, "x", 1, b->now, &c),
			 -E2BIG);
	assert_int_equal(client_upload_put(&b->cs, first, 1, "x", 1, b->now, &c), -ERANGE);
	assert_int_equal(client_upload_put(&b->cs, second, 0, "x", 1, b->now, &c), -EBUSY);
	/* In use it stays; forgotten it goes. */
	b->now += 30 * S;
	control_clients_sweep(&b->cs, b->now);
	assert_int_equal(client_upload_bytes(first), CONFIG_TEXT_MAX);
	b->now += 1;
	control_clients_sweep(&b->cs, b->now);
	assert_int_equal(client_upload_bytes(first), 0);
	assert_null(client_upload_take(&b->cs, first, &len));
	assert_int_equal(client_upload_put(&b->cs, second, 0, "x", 1, b->now, &c), 0);
	assert_int_equal(client_upload_put(&b->cs, second, 1, "yz", 2, b->now, &c), 0);
	text = client_upload_take(&b->cs, second, &len);
	assert_string_equal(text, "xyz");
	assert_int_equal(len, 3);
	free(text);
	assert_int_equal(client_upload_put(&b->cs, second, 0, "left behind", 11, b->now, &c), 0);
	close(one);
	close(two);
	turns(b, 2);
	assert_int_equal(b->cs.upload_total, 0);
	free(piece);
}

/* Lines that take long: few in a turn, and everybody has a turn. */
static void test_time_of_a_turn(void **state)
{
	struct fixture *b = *state;
	int fd[8];

	for (unsigned i = 0; i < 8; i++) {
		fd[i] = join(b);
		say(fd[i], "a\nb\nc\nd\n");
	}
	b->line_ns = CLIENTS_TURN_NS / 2;
	assert_true(turn(b));
	assert_int_equal(b->lines, 2);
	b->line_ns = 10 * CLIENTS_TURN_NS;
	for (unsigned i = 1; i < 8; i++)
		assert_true(turn(b));
	assert_int_equal(b->lines, 9);
	for (unsigned i = 0; i < 8; i++)
		assert_true(strncmp(hear(fd[i]), "ok a\n", 5) == 0);
	turns(b, 40);
	assert_int_equal(b->lines, 32);
	for (unsigned i = 0; i < 8; i++)
		close(fd[i]);
	turns(b, 2);
}

/* The clock of half a line stops with its other half. */
static void test_other_half_in_time(void **state)
{
	struct fixture *b = *state;
	int fd = join(b);

	say(fd, "a\nhal");
	turns(b, 2);
	b->now += 20 * S;
	say(fd, "f\n");
	turns(b, 2);
	b->now += 20 * S;
	control_clients_sweep(&b->cs, b->now);
	assert_string_equal(hear(fd), "ok a\nok half\n");
	/* Another half line has its own time. */
	say(fd, "hal");
	turns(b, 2);
	b->now += 20 * S;
	control_clients_sweep(&b->cs, b->now);
	assert_string_equal(hear(fd), "");
	close(fd);
	turns(b, 2);
}

/* Every client but @fd[9] has sent its VersionCheck, a second and a half ago. */
static void take_all_places(struct fixture *b, int fd[static CLIENTS_PER_LISTENER])
{
	for (unsigned i = 0; i < CLIENTS_PER_LISTENER; i++) {
		fd[i] = join(b);
		if (i != 9)
			say(fd[i], "a\n");
	}
	turns(b, 2);
	b->now += S + S / 2;
}

/* Bytes now and then are no VersionCheck. */
static void test_trickle_keeps_no_place(void **state)
{
	struct fixture *b = *state;
	int fd[CLIENTS_PER_LISTENER], ret, last;

	take_all_places(b, fd);
	say(fd[9], "{");
	turns(b, 2);
	last = join_as(b, false, &ret);
	assert_int_equal(ret, 0);
	assert_non_null(strstr(hear(fd[9]), "EOF"));
	close(last);
	for (unsigned i = 0; i < CLIENTS_PER_LISTENER; i++)
		close(fd[i]);
	turns(b, 2);
}

static const struct {
	const char *name;
	const char *text;
	uint64_t wait_ns;
	const char *heard;
} silences[] = {
	{"no VersionCheck, in time", "", 5 * S, ""},
	{"no VersionCheck", "", 5 * S + 1, "VersionCheck did not come"},
	{"half a line first", "{\"half", 5 * S + 1, "VersionCheck did not come"},
	{"half a line, in time", "a\nhalf", 30 * S, "ok a\n"},
	{"half a line", "a\nhalf", 30 * S + 1, "rest of a line"},
	{"silent between requests", "a\n", 3600 * S, "ok a\n"},
};

static void test_silence(void **state)
{
	struct fixture *b = *state;

	for (size_t i = 0; i < sizeof(silences) / sizeof(silences[0]); i++) {
		int fd = join(b);
		const char *heard;
		bool refused;

		if (*silences[i].text)
			say(fd, silences[i].text);
		turns(b, 2);
		b->now += silences[i].wait_ns;
		control_clients_sweep(&b->cs, b->now);
		heard = hear(fd);
		refused = strstr(heard, "EOF") != NULL;
		if (!strstr(heard, silences[i].heard) ||
		    refused != (strchr(silences[i].heard, ' ') && silences[i].heard[0] != 'o'))
			fail_msg("%s: heard %s", silences[i].name, heard);
		close(fd);
		turns(b, 2);
	}
}

static void test_too_many(void **state)
{
	struct fixture *b = *state;
	int fd[CLIENTS_PER_LISTENER], ret, last;

	for (unsigned i = 0; i < CLIENTS_PER_LISTENER; i++)
		fd[i] = join(b);
	last = join_as(b, false, &ret);
	assert_int_equal(ret, -EBUSY);
	assert_non_null(strstr(hear(last), "too many clients"));
	close(last);
	/* The other listener has places of its own. */
	last = join_as(b, true, &ret);
	assert_int_equal(ret, 0);
	close(last);
	close(fd[3]);
	turns(b, 2);
	fd[3] = join(b);
	for (unsigned i = 0; i < CLIENTS_PER_LISTENER; i++)
		close(fd[i]);
	turns(b, 2);
}

/* Clients without VersionCheck give way to new ones; clients with it do not. */
static void test_makes_room(void **state)
{
	struct fixture *b = *state;
	int fd[CLIENTS_PER_LISTENER], ret, last;

	take_all_places(b, fd);
	last = join_as(b, false, &ret);
	assert_int_equal(ret, 0);
	assert_non_null(strstr(hear(fd[9]), "EOF"));
	close(last);
	turns(b, 2);
	say(fd[0], "still\n");
	turns(b, 2);
	assert_non_null(strstr(hear(fd[0]), "ok still"));
	for (unsigned i = 0; i < CLIENTS_PER_LISTENER; i++)
		close(fd[i]);
	turns(b, 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_line_limit),
		T(test_input_of_all),
		T(test_stalled_reader),
		T(test_slow_reader_is_served),
		T(test_answer_too_long),
		T(test_output_of_all),
		T(test_silence),
		T(test_too_many),
		T(test_makes_room),
		T(test_stalled_while_answers_come),
		T(test_held_back),
		T(test_uploads),
		T(test_time_of_a_turn),
		T(test_other_half_in_time),
		T(test_trickle_keeps_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
