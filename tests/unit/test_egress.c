// SPDX-License-Identifier: MIT
/*
 * test_egress.c - runs, fan-out and refusals, against a kernel played by the test
 *
 * Every datagram has bytes of its own, so that what arrives is compared byte for byte
 * and in order.  After each case the counters must balance and every buffer be back.
 *
 * Links: core/egress.c core/match.c core/snapshot.c core/snapshot_parse.c core/addr.c core/bufpool.c core/arena.c core/counters.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/bufpool.h"
#include "tests/unit/egress_fixture.h"
#include "tests/unit/table_fixture.h"

#define GROUP     0xef010101u
#define PORT      6000
#define MAX_ITEMS 4000u
#define NONE      UINT32_MAX

struct env {
	void *arena;
	struct bufpool pool;
	struct worker_page *page;
	struct fake_kernel *k;
	struct match_table *table;
	struct match_rule *rule;
	uint32_t n_outputs;
	uint32_t n_items;
	struct egress_item items[MAX_ITEMS];
	uint32_t next_small, next_super;
	uint32_t n_sent; /* datagrams handed over, with their bytes in @want */
	struct fake_datagram want[100000];
};

static struct env *env;

static const struct table_output outputs[] = {
	{.iface = 0, .group = GROUP + 1, .port = PORT},
	{.iface = 1, .group = GROUP + 1, .port = PORT + 1, .ttl = 9, .dscp = 3},
	{.iface = TABLE_BIG_IFACE, .group = GROUP + 1, .port = PORT + 2},
};

static const char *name; /* of the case, for messages */

static void start(const char *case_name, uint32_t n_outputs, bool per_packet)
{
	const struct table_rule rule = {
		.group = GROUP, .port = 5000, .n_outputs = n_outputs, .outputs = outputs};
	struct egress_io io = {NULL, fake_queue, fake_drain};

	name = case_name;
	env = calloc(1, sizeof(*env));
	assert_non_null(env);
	env->arena = aligned_alloc(ARENA_PAGE, WORKER_ARENA_BYTES);
	env->page = calloc(1, sizeof(*env->page));
	env->k = fake_new();
	assert_true(env->arena && env->page && env->k);
	bufpool_init(&env->pool, env->arena, 0);
	env->table = table_build(&rule, 1, 1, env->page, NULL);
	assert_non_null(env->table);
	env->rule = table_find(env->table, &rule);
	env->n_outputs = n_outputs;
	io.ctx = env->k;
	env->k->egress = egress_new(&env->pool, env->page, &io, per_packet);
	assert_non_null(env->k->egress);
	for (uint32_t i = 0; i < TABLE_IFACES; i++)
		egress_set_socket(env->k->egress, i, 100 + (int)i);
}

/* Adds an item of @bytes payload in segments of @segment to the batch. */
static void add(uint32_t bytes, uint32_t segment)
{
	const enum buf_class class = bytes <= BUF_SMALL_BYTES ? BUF_SMALL : BUF_SUPER;
	uint32_t *next = class == BUF_SMALL ? &env->next_small : &env->next_super;
	const int buffer = bufpool_take(&env->pool, class, *next);
	struct egress_item *item = &env->items[env->n_items];
	uint8_t *payload;
	uint32_t at = 0;

	assert_true(buffer >= 0 && env->n_items < MAX_ITEMS);
	*next = (*next + 1) % arena_class(class).buffers;
	payload = bufpool_data(&env->pool, (uint32_t)buffer);
	*item = (struct egress_item){payload, bytes, segment, 0, (uint32_t)buffer, NONE};
	do {
		const uint32_t n = bytes - at > segment ? segment : bytes - at;

		for (uint32_t i = 0; i < n; i++)
			payload[at + i] = (uint8_t)((env->n_sent + 1) * (i + 7) >> (i % 3 * 4));
		env->want[env->n_sent++] =
			(struct fake_datagram){0, n, fake_sum(payload + at, n)};
		at += n;
		item->datagrams++;
	} while (at < bytes);
	if (env->n_items)
		env->items[env->n_items - 1].next = env->n_items;
	env->n_items++;
}

static void add_many(uint32_t n, uint32_t bytes)
{
	while (n--)
		add(bytes, bytes);
}

/* What a flush does: the rule's sends, then the batch's own references. */
static void flush(void)
{
	env->rule->head = env->n_items ? 0 : NONE;
	egress_rule(env->k->egress, env->rule, env->items);
	for (uint32_t i = 0; i < env->n_items; i++)
		bufpool_unref(&env->pool, env->items[i].buffer);
	env->n_items = 0;
	fake_drain(env->k);
}

static void check_law(void)
{
	struct egress_counters sum = {0};

	for (uint32_t o = 0; o < env->n_outputs; o++) {
		const struct egress_counters *c = env->rule->outputs[o].counters;

		if (c->matched != env->n_sent || !egress_counters_balance(c))
			fail_msg("%s: output %u: matched %lu of %u, sent %lu", name, o,
				 (unsigned long)c->matched, env->n_sent, (unsigned long)c->sent);
		egress_counters_add(&sum, c);
	}
	if (!egress_counters_balance(&env->page->egress))
		fail_msg("%s: the worker's counters do not balance", name);
	sum.calls = env->page->egress.calls; /* per worker only */
	assert_memory_equal(&sum, &env->page->egress, sizeof(sum));
}

static void check_back(void)
{
	if (egress_in_flight(env->k->egress))
		fail_msg("%s: %u in flight", name, egress_in_flight(env->k->egress));
	for (enum buf_class c = BUF_SMALL; c < BUF_CLASSES; c++)
		if (env->pool.class[c].offered != env->pool.class[c].buffers)
			fail_msg("%s: %u of %u buffers are back", name, env->pool.class[c].offered,
				 env->pool.class[c].buffers);
	if (env->k->bad)
		fail_msg("%s: %s", name, env->k->bad);
}

/* Output @o got exactly the datagrams handed over, in order. */
static void check_complete(uint32_t o)
{
	uint32_t n = 0;
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < env->k->n_got; i++) {
		const struct fake_datagram *d = &env->k->got[i];

		if (d->port != PORT + o)
			continue;
		if (n == env->n_sent || d->bytes != env->want[n].bytes ||
		    d->sum != env->want[n].sum)
			fail_msg("%s: output %u, datagram %u of %u: %u bytes are not those sent",
				 name, o, n, env->n_sent, d->bytes);
		bytes += d->bytes;
		n++;
	}
	if (n != env->n_sent)
		fail_msg("%s: output %u got %u of %u", name, o, n, env->n_sent);
	assert_int_equal(env->rule->outputs[o].counters->sent, n);
	assert_int_equal(env->rule->outputs[o].counters->bytes, bytes);
}

static void check_all_complete(void)
{
	for (uint32_t o = 0; o < env->n_outputs; o++)
		check_complete(o);
}

static void stop(void)
{
	check_law();
	check_back();
	egress_free(env->k->egress);
	match_free(env->table);
	free(env->k);
	free(env->page);
	free(env->arena);
	free(env);
}

/* --- runs --- */

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
	{"shorter last closes", {{100, 100, 3}, {60, 60, 1}, {100, 100, 2}},
	 {{360, 100, 1}, {200, 100, 1}}},
	{"longer opens another", {{60, 60, 1}, {100, 100, 3}}, {{60, 0, 1}, {300, 100, 1}}},
	{"shorter after one", {{100, 100, 1}, {60, 60, 1}, {60, 60, 1}},
	 {{160, 100, 1}, {60, 0, 1}}},
	{"mixed sizes", {{100, 100, 1}, {200, 200, 1}, {100, 100, 1}, {100, 100, 1}, {300, 300, 1}},
	 {{100, 0, 1}, {300, 200, 1}, {100, 0, 1}, {300, 0, 1}}},
	{"0 bytes alone", {{0, 0, 3}}, {{0, 0, 3}}},
	{"0 bytes between", {{100, 100, 2}, {0, 0, 1}, {100, 100, 2}},
	 {{200, 100, 1}, {0, 0, 1}, {200, 100, 1}}},
	{"1 byte", {{1, 1, 64}}, {{64, 1, 1}}},
	{"64 iov limit", {{10, 10, 130}}, {{640, 10, 2}, {20, 10, 1}}},
	{"65507 limit", {{1400, 1400, 100}}, {{46 * 1400, 1400, 2}, {8 * 1400, 1400, 1}}},
	{"65507 exactly", {{65507, 1400, 1}}, {{65507, 1400, 1}}},
	{"supers join", {{5000, 1000, 3}}, {{15000, 1000, 1}}},
	{"super with shorter last closes", {{2500, 1000, 1}, {1000, 1000, 1}},
	 {{2500, 1000, 1}, {1000, 0, 1}}},
	{"datagram joins super", {{3000, 1000, 1}, {1000, 1000, 1}, {10, 10, 1}},
	 {{4010, 1000, 1}}},
	{"super joins datagram", {{1000, 1000, 1}, {3000, 1000, 1}}, {{4000, 1000, 1}}},
	{"super of smaller segments does not join", {{1000, 1000, 1}, {900, 300, 1}},
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

static void unknown_completion_is_ignored(void **state)
{
	start("unknown completion", 1, false);
	egress_done(env->k->egress, EGRESS_SENDS, -EIO);
	egress_done(env->k->egress, UINT32_MAX, 5);
	assert_int_equal(egress_in_flight(env->k->egress), 0);
	assert_false(egress_retry(env->k->egress));
	stop();
}

/* --- refusals --- */

static int error, error_calls;

static int refuse_all(struct fake_kernel *k, const struct fake_send *s)
{
	return s->port == PORT ? error : 0;
}

static int refuse_segments(struct fake_kernel *k, const struct fake_send *s)
{
	return s->port == PORT && s->segment ? error : 0;
}

/* The first @error_calls sends fail, whatever they are. */
static int refuse_first(struct fake_kernel *k, const struct fake_send *s)
{
	if (s->port != PORT || error_calls == 0)
		return 0;
	error_calls--;
	return error;
}

/* Three runs of one flow: 46 datagrams, 46 and 8. */
static void offer_three_runs(void)
{
	add_many(100, 1400);
	flush();
}

static const struct {
	const char *name;
	int error;
	enum send_drop drop;
	bool again;   /* the same once more before it counts */
	bool singles; /* datagram by datagram before it counts */
} errors[] = {
	{"EAGAIN", EAGAIN, SEND_DROP_WOULD_BLOCK, false, false},
	{"ENOBUFS", ENOBUFS, SEND_DROP_QUEUE_FULL, false, false},
	{"ENODEV", ENODEV, SEND_DROP_NO_INTERFACE, false, false},
	{"ENETDOWN", ENETDOWN, SEND_DROP_NO_INTERFACE, false, false},
	{"EPERM", EPERM, SEND_DROP_REFUSED, false, false},
	{"EADDRNOTAVAIL", EADDRNOTAVAIL, SEND_DROP_NO_SOURCE, false, false},
	{"ENOMEM", ENOMEM, SEND_DROP_OTHER, false, false},
	{"ECONNREFUSED", ECONNREFUSED, SEND_DROP_REFUSED, true, false},
	{"EACCES", EACCES, SEND_DROP_REFUSED, true, false},
	{"EHOSTUNREACH", EHOSTUNREACH, SEND_DROP_UNREACHABLE, true, false},
	{"ENETUNREACH", ENETUNREACH, SEND_DROP_UNREACHABLE, true, false},
	{"EINVAL", EINVAL, SEND_DROP_NO_SOURCE, false, true},
	{"EMSGSIZE", EMSGSIZE, SEND_DROP_TOO_BIG, false, true},
	{"EIO", EIO, SEND_DROP_OTHER, false, true},
	{"EOPNOTSUPP", EOPNOTSUPP, SEND_DROP_OTHER, false, true},
};

/* An error that stays: every datagram is counted under its reason, the other output goes on. */
static void lasting_errors(void **state)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		const bool gso = errors[i].error == EIO || errors[i].error == EOPNOTSUPP;
		uint32_t attempts = 0;

		start(errors[i].name, 2, false);
		error = errors[i].error;
		env->k->refuse = refuse_all;
		offer_three_runs();
		check_complete(1);
		if (env->rule->outputs[0].counters->drops[errors[i].drop] != 100)
			fail_msg("%s: %lu counted", name,
				 (unsigned long)env->rule->outputs[0]
					 .counters->drops[errors[i].drop]);
		for (uint32_t s = 0; s < env->k->n_log; s++)
			attempts += env->k->log[s].port == PORT;
		if (attempts != (errors[i].singles ? 103u : errors[i].again ? 6u : 3u))
			fail_msg("%s: %u attempts", name, attempts);
		assert_int_equal(env->rule->outputs[0].no_gso, gso);
		assert_false(env->rule->outputs[1].no_gso);
		assert_int_equal(env->page->gso_fallbacks, gso);
		assert_int_equal(env->page->egress.calls, env->k->n_log);
		/* It is over: the output recovers by itself. */
		env->k->refuse = NULL;
		env->k->n_log = 0;
		add_many(10, 1400);
		flush();
		assert_int_equal(env->rule->outputs[0].counters->sent, 10);
		assert_int_equal(env->k->n_log, gso ? 11 : 2);
		stop();
	}
}

/* Errors that only UDP_SEGMENT meets, or that strike once, lose nothing and keep the order. */
static void harmless_errors(void **state)
{
	static const struct {
		const char *name;
		int error, calls; /* calls 0: every UDP_SEGMENT send */
	} cases[] = {
		{"EIO", EIO, 0},
		{"EOPNOTSUPP", EOPNOTSUPP, 0},
		{"EMSGSIZE", EMSGSIZE, 0},
		{"EINVAL", EINVAL, 0},
		{"one ECONNREFUSED on the last run", ECONNREFUSED, 1},
		{"three EHOSTUNREACH", EHOSTUNREACH, 3},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(cases[i].name, 2, false);
		error = cases[i].error;
		error_calls = cases[i].calls;
		env->k->refuse = error_calls ? refuse_first : refuse_segments;
		if (cases[i].calls == 1)
			add_many(40, 1400);
		else
			add_many(100, 1400);
		flush();
		check_all_complete();
		if (!(env->page->send_retries > 0))
			fail_msg("%s: nothing was sent again", name);
		stop();
	}
}

static void refused_gso_is_remembered(void **state)
{
	start("EIO remembered", 2, false);
	error = EIO;
	env->k->refuse = refuse_segments;
	offer_three_runs();
	assert_true(env->rule->outputs[0].no_gso);
	env->k->n_log = 0;
	offer_three_runs();
	for (uint32_t i = 0; i < env->k->n_log; i++)
		assert_int_equal(env->k->log[i].segment != 0, env->k->log[i].port != PORT);
	check_all_complete();
	assert_int_equal(env->page->gso_fallbacks, 1);
	stop();
}

/* The MTU shrank: this run goes out singly, the next is tried whole again. */
static void smaller_mtu(void **state)
{
	start("MTU shrank", 1, false);
	env->k->payload_max = 1000;
	add_many(10, 1400);
	flush();
	assert_int_equal(env->k->n_log, 11);
	env->k->payload_max = 0;
	add_many(10, 1400);
	flush();
	assert_int_equal(env->k->n_log, 12);
	check_all_complete();
	stop();
}

/* A kernel of 64 segments refuses a larger send once; then runs are made to fit. */
static void old_kernel(void **state)
{
	start("64 segments", 1, false);
	env->k->segments_max = EGRESS_SEGMENTS_OLD;
	add(1000, 10);
	flush();
	assert_int_equal(env->k->n_log, 101);
	env->k->n_log = 0;
	add(400, 10);
	add(400, 10);
	add(240, 10);
	flush();
	assert_int_equal(env->k->n_log, 2);
	assert_int_equal(env->k->log[0].datagrams, 40);
	assert_int_equal(env->k->log[1].datagrams, 64);
	add(1000, 10); /* a super-datagram too large for it */
	flush();
	check_all_complete();
	assert_false(env->rule->outputs[0].no_gso);
	stop();
}

/* EINVAL on a small run is not about the number of segments. */
static void limit_stays(void **state)
{
	start("limit stays", 1, false);
	error = EINVAL;
	error_calls = 1;
	env->k->refuse = refuse_first;
	add_many(10, 100);
	flush();
	env->k->n_log = 0;
	add(1000, 10);
	flush();
	assert_int_equal(env->k->n_log, 1);
	check_all_complete();
	stop();
}

/* --- exhaustion --- */

/* More runs and sends than there are: drained in between, nothing lost, order kept. */
static void out_of_runs(void **state)
{
	start("out of runs", 2, false);
	for (uint32_t i = 0; i < EGRESS_RUNS + 500; i++)
		add(100 + i % 2 * 200, 100 + i % 2 * 200); /* 100, 300, 100: runs of two */
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

static void one_item_larger_than_all_sends(void **state)
{
	start("65507 segments of 1", 1, false);
	add(65507, 1);
	flush();
	assert_true(env->k->drains >= 65507 / EGRESS_SENDS);
	check_all_complete();
	stop();
}

/* Every send fails at once and has to be sent again, while none is free. */
static void out_of_sends_while_refused(void **state)
{
	static const int codes[] = {EIO, EMSGSIZE, ECONNREFUSED};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		start("refused when full", 3, false);
		error = codes[i];
		error_calls = 4096;
		env->k->refuse = codes[i] == ECONNREFUSED ? refuse_first : refuse_segments;
		for (uint32_t n = 0; n < 1300; n++) { /* a run of three each */
			add(3000, 1000);
			env->items[env->n_items - 1].segment_bytes = 1000;
			if (n % 50 == 49)
				flush();
		}
		flush();
		check_complete(1);
		check_complete(2);
		if (codes[i] != ECONNREFUSED)
			check_complete(0);
		stop();
	}
}

/* Slots come back after every kind of end: many more sends than slots, refused in turn. */
static int refuse_in_turn(struct fake_kernel *k, const struct fake_send *s)
{
	static const int codes[] = {0, EAGAIN, EMSGSIZE, ECONNREFUSED, 0, ENOBUFS, EINVAL, EPERM};

	return codes[k->n_log % 8];
}

static void nothing_leaks(void **state)
{
	start("refused in turn", 3, false);
	env->k->refuse = refuse_in_turn;
	for (unsigned round = 0; round < 60; round++) {
		add_many(30, 1000);
		add(2500, 1000);
		add_many(3, 0);
		add(3000, 1500);
		add_many(70, 1);
		flush();
		check_law();
		check_back();
	}
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs),
		cmocka_unit_test(fan_out),
		cmocka_unit_test(no_socket),
		cmocka_unit_test(unknown_completion_is_ignored),
		cmocka_unit_test(lasting_errors),
		cmocka_unit_test(harmless_errors),
		cmocka_unit_test(refused_gso_is_remembered),
		cmocka_unit_test(smaller_mtu),
		cmocka_unit_test(old_kernel),
		cmocka_unit_test(limit_stays),
		cmocka_unit_test(out_of_runs),
		cmocka_unit_test(out_of_sends),
		cmocka_unit_test(one_item_larger_than_all_sends),
		cmocka_unit_test(out_of_sends_while_refused),
		cmocka_unit_test(nothing_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
