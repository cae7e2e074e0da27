// SPDX-License-Identifier: MIT
/*
 * test_control_client_limits.c - a client that floods, stalls or is silent stays within its bounds
 *
 * Links: core/wiring.c
 * Links: daemon/control_client.c daemon/control_client_input.c daemon/control_client_output.c
 * Links: core/request.c core/response.c core/config.c core/complaint.c core/rule.c core/addr.c
 * Links: core/rule_json.c core/json_field.c core/json_text.c core/json_scan.c
 * Links: core/ruleset.c core/ruleset_cycle.c core/ruleset_ifaces.c
 * Links: core/ruleset_index.c core/slot_pool.c
 */
#include "tests/unit/client_bench.h"

static void test_line_limit(void **state)
{
	struct bench *b = *state;
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

	/* One byte more: told, and its further bytes do not fail before it can read that. */
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
	struct bench *b = *state;
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
	struct bench *b = *state;
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
	struct bench *b = *state;
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
	struct bench *b = *state;
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
	struct bench *b = *state;
	int fd[6];

	b->answer_bytes = CLIENT_OUTPUT_MAX - 1024;
	for (unsigned i = 0; i < 6; i++) {
		fd[i] = join(b);
		say(fd[i], "1\n");
		turn(b);
		assert_true(b->cs.out_total <= CLIENTS_OUTPUT_MAX);
	}
	assert_int_equal(b->lines, 6);
	assert_true(b->cs.closed > 0);
	for (unsigned i = 0; i < 6; i++)
		close(fd[i]);
	turns(b, 3);
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
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(silences) / sizeof(silences[0]); i++) {
		int fd = join(b);
		const char *heard;
		bool told;

		if (*silences[i].text)
			say(fd, silences[i].text);
		turns(b, 2);
		b->now += silences[i].wait_ns;
		control_clients_sweep(&b->cs, b->now);
		heard = hear(fd);
		told = strstr(heard, "EOF") != NULL;
		if (!strstr(heard, silences[i].heard) ||
		    told != (strchr(silences[i].heard, ' ') && silences[i].heard[0] != 'o'))
			fail_msg("%s: heard %s", silences[i].name, heard);
		close(fd);
		turns(b, 2);
	}
}

static void test_too_many(void **state)
{
	struct bench *b = *state;
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

/* Those who never said VersionCheck do not keep others out; those who did, do. */
static void test_makes_room(void **state)
{
	struct bench *b = *state;
	int fd[CLIENTS_PER_LISTENER], ret, last;

	for (unsigned i = 0; i < CLIENTS_PER_LISTENER; i++) {
		fd[i] = join(b);
		if (i != 9)
			say(fd[i], "a\n");
	}
	turns(b, 2);
	b->now += S + S / 2;
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
		T(test_line_limit),      T(test_input_of_all),
		T(test_stalled_reader),  T(test_slow_reader_is_served),
		T(test_answer_too_long), T(test_output_of_all),
		T(test_silence),         T(test_too_many),
		T(test_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
