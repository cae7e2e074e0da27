/* SPDX-License-Identifier: MIT */
/* relay_fixture.h - a relay with one rule per input port */
#ifndef TESTS_UNIT_CORE_RELAY_FIXTURE_H
#define TESTS_UNIT_CORE_RELAY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/relay/bufpool.h"
#include "core/relay/relay.h"
#include "tests/unit/core/egress_fixture.h"
#include "tests/unit/core/frame_fixture.h"
#include "tests/unit/core/table_fixture.h"

#define SECOND 1000000000ull

/* One rule per input port from 5000 on; rule i sends to port 6000 + i. */
enum { NORMAL, HIGH, LOW, PPS, BPS, TWO_OUTPUTS, OTHER_IFACE, DIVIDED, RULES };

static const struct table_output outs[] = {
	{.iface = 0, .group = FIXTURE_GROUP + 1, .port = 6000 + NORMAL},
	{.iface = 0, .group = FIXTURE_GROUP + 1, .port = 6000 + HIGH},
	{.iface = 0, .group = FIXTURE_GROUP + 1, .port = 6000 + LOW},
	{.iface = 0, .group = FIXTURE_GROUP + 1, .port = 6000 + PPS},
	{.iface = 0, .group = FIXTURE_GROUP + 1, .port = 6000 + BPS},
	{.iface = 0, .group = FIXTURE_GROUP + 1, .port = 6000 + TWO_OUTPUTS},
	{.iface = 1, .group = FIXTURE_GROUP + 1, .port = 6100},
};

/* Under division 70 the kernel path has the first two, under 60 the last; outputs 8, 9 and 10. */
static const struct table_output divided_outs[] = {
	{.iface = 0, .group = FIXTURE_GROUP + 1, .port = 6200, .divided = 1},
	{.iface = 1, .group = FIXTURE_GROUP + 1, .port = 6201, .divided = 1},
	{.iface = 1, .group = FIXTURE_GROUP + 1, .port = 6202, .divided = 2},
};
#define DIVIDED_SLOT 8

#define RULE(i, level, n, ...)                    \
	[i] = {.group = FIXTURE_GROUP,            \
	       .port = 5000 + (i),                \
	       .n_outputs = n,                    \
	       .outputs = &outs[i],               \
	       .priority = RULE_PRIORITY_##level, \
	       __VA_ARGS__}

static const struct table_rule rules[RULES] = {
	RULE(NORMAL, NORMAL, 1),
	RULE(HIGH, HIGH, 1),
	RULE(LOW, LOW, 1),
	RULE(PPS, NORMAL, 1, .pps = 100),
	RULE(BPS, NORMAL, 1, .bps = 80000000), /* 500,000 bytes in 50 ms */
	RULE(TWO_OUTPUTS, NORMAL, 2),
	RULE(OTHER_IFACE, NORMAL, 1, .iface = 2),
	[DIVIDED] = {.group = FIXTURE_GROUP,
		     .port = 5000 + DIVIDED,
		     .priority = RULE_PRIORITY_NORMAL,
		     .division = {70, 60},
		     .n_outputs = 3,
		     .outputs = divided_outs},
};

struct env {
	void *arena;
	struct bufpool pool;
	struct worker_page *page;
	struct fake_kernel *k;
	struct relay *relay;
	struct match_table *table;
	uint32_t next[BUF_CLASSES];
};

static struct env *env;

static int start(void **state)
{
	env = calloc(1, sizeof(*env));
	assert_non_null(env);
	memset(&table_limits, 0, sizeof(table_limits));
	env->arena = aligned_alloc(ARENA_PAGE, WORKER_ARENA_BYTES);
	env->page = calloc(1, sizeof(*env->page));
	env->k = fake_new();
	assert_true(env->arena && env->page && env->k);
	bufpool_init(&env->pool, env->arena, 0);
	assert_true(fake_attach(env->k, &env->pool, env->page, false, TABLE_IFACES));
	env->relay = relay_new(&env->pool, env->k->egress, env->page);
	env->table = table_build(rules, RULES, 1, env->page, NULL);
	assert_true(env->relay && env->table);
	assert_null(relay_swap(env->relay, env->table));
	return 0;
}

static void check(void)
{
	assert_null(env->k->bad);
	assert_int_equal(egress_in_flight(env->k->egress), 0);
	for (enum buf_class c = BUF_SMALL; c < BUF_CLASSES; c++)
		assert_int_equal(env->pool.class[c].offered, env->pool.class[c].buffers);
	assert_true(ingress_counters_balance(&env->page->ingress));
	assert_true(egress_counters_balance(&env->page->egress));
	for (uint32_t i = 0; i < DIVIDED_SLOT + 3; i++)
		assert_true(egress_counters_balance(&env->page->output[i].c));
}

static int stop(void **state)
{
	check();
	relay_free(env->relay);
	egress_free(env->k->egress);
	match_free(env->table);
	free(env->k);
	free(env->page);
	free(env->arena);
	free(env);
	return 0;
}

static void flush(void)
{
	relay_flush(env->relay);
	fake_drain(env->k);
	assert_int_equal(relay_gathered(env->relay), 0);
	check();
}

/* A frame of @len true bytes, of which the buffer has what fits. */
static void input_bytes(const uint8_t *frame, size_t len, enum buf_class class, uint32_t iface,
			uint64_t now_ns)
{
	const uint32_t room = env->pool.class[class].buffer_bytes;
	const uint32_t bid = env->next[class]++ % env->pool.class[class].buffers;
	const int buffer = bufpool_take(&env->pool, class, bid);

	assert_true(buffer >= 0);
	memcpy(bufpool_data(&env->pool, (uint32_t)buffer), frame, len < room ? len : room);
	relay_input(env->relay, (uint32_t)buffer, len, iface, LINK_ETHERNET, now_ns);
}

static void input_at(int rule, uint32_t bytes, uint16_t gso_size, uint8_t fill, uint64_t now_ns)
{
	static uint8_t frame[FIXTURE_MAX];
	const struct frame_spec spec = {.port = (uint16_t)(5000 + rule),
					.payload_bytes = bytes,
					.gso_size = gso_size,
					.fill = fill};
	const uint32_t len = fixture_frame(frame, &spec);

	input_bytes(frame, len, len <= BUF_SMALL_BYTES ? BUF_SMALL : BUF_SUPER, 0, now_ns);
}

static void input(int rule, uint32_t bytes)
{
	input_at(rule, bytes, 0, 0, SECOND);
}

static uint64_t drops(enum drop_reason why)
{
	return env->page->ingress.drops[why];
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

#endif
