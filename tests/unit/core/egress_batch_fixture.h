/* SPDX-License-Identifier: MIT */
/*
 * egress_batch_fixture.h - one rule, a batch of its datagrams, and what must come out
 *
 * Every datagram has bytes of its own, so that what arrives is compared byte for byte
 * and in order.  stop() checks that the counters balance and every buffer is back.
 * Include it after cmocka.h.
 */
#ifndef TESTS_UNIT_CORE_EGRESS_BATCH_FIXTURE_H
#define TESTS_UNIT_CORE_EGRESS_BATCH_FIXTURE_H

#include "core/base/ipc.h"
#include "core/relay/bufpool.h"
#include "tests/unit/core/egress_fixture.h"
#include "tests/unit/core/table_fixture.h"

#define GROUP     0xef010101u
#define PORT      6000
#define MAX_ITEMS 4000u

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

#define OWN_SOCK 200 /* of output 0, 201 of output 1, ... */

/* Gives output @o a socket, connected or not, alone or shared with all to its host. */
static inline void give_egress_socket(uint32_t o, enum egress_socket_kind kind, bool connected)
{
	struct snapshot_output *rec = &env->rule->outputs[o].rec;
	const struct egress_target to = {.kind = kind,
					 .connected = connected,
					 .iface = rec->iface,
					 .to_be = addr_ipv4_be(&rec->group),
					 .port = kind == EGRESS_SOCKET_OWN ? rec->port : 0};

	rec->egress_socket = 40 + o + 1;
	rec->egress_socket_kind = (uint8_t)kind;
	env->k->connected[OWN_SOCK + o] = connected ? rec->port : 0;
	egress_set_own_socket(env->k->egress, 40 + o, &to, OWN_SOCK + (int)o);
}

static inline void start(const char *case_name, uint32_t n_outputs, bool per_packet)
{
	const struct table_rule rule = {
		.group = GROUP, .port = 5000, .n_outputs = n_outputs, .outputs = outputs};

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
	assert_true(fake_attach(env->k, &env->pool, env->page, per_packet, TABLE_IFACES));
}

/* Adds an item of @bytes payload in segments of @segment to the batch. */
static inline void add(uint32_t bytes, uint32_t segment)
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
	*item = (struct egress_item){payload, bytes, segment, 0, (uint32_t)buffer, CHAIN_END};
	do {
		const uint32_t n = bytes - at > segment ? segment : bytes - at;

		for (uint32_t i = 0; i < n; i++)
			payload[at + i] = (uint8_t)((env->n_sent + 1) * (i + 7) >> (i % 3 * 4));
		env->want[env->n_sent++] = (struct fake_datagram){0, n, fake_sum(payload + at, n)};
		at += n;
		item->datagrams++;
	} while (at < bytes);
	if (env->n_items)
		env->items[env->n_items - 1].next = env->n_items;
	env->n_items++;
}

static inline void add_many(uint32_t n, uint32_t bytes)
{
	while (n--)
		add(bytes, bytes);
}

/* As in a flush: the rule's sends, then the batch's own references. */
static inline void flush(void)
{
	env->rule->head = env->n_items ? 0 : CHAIN_END;
	egress_begin(env->k->egress);
	egress_rule(env->k->egress, env->rule, env->items);
	for (uint32_t i = 0; i < env->n_items; i++)
		bufpool_unref(&env->pool, env->items[i].buffer);
	env->n_items = 0;
	fake_drain(env->k);
}

static inline void check_law(void)
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

static inline void check_back(void)
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
static inline void check_complete(uint32_t o)
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

static inline void check_all_complete(void)
{
	for (uint32_t o = 0; o < env->n_outputs; o++)
		check_complete(o);
}

static inline void stop(void)
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

#endif
