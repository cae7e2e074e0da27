// SPDX-License-Identifier: MIT
/*
 * test_match.c - a worker's table: lookups, what a swap keeps, hashes, control messages
 *
 * Links: core/relay/match.c core/relay/match_build.c core/relay/limiter.c core/rules/snapshot.c
 * Links: core/rules/snapshot_parse.c core/base/addr.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core/table_fixture.h"

#define GROUP  0xef010101u
#define SOURCE 0x0a000001u

static const struct table_output one_output[] = {{.iface = 1, .group = 0xef020202, .port = 6000}};
#define ONE_OUTPUT .n_outputs = 1, .outputs = one_output

static struct worker_page *page;

static int page_new(void **state)
{
	page = calloc(1, sizeof(*page));
	return page ? 0 : -1;
}

static int page_free(void **state)
{
	free(page);
	return 0;
}

static struct match_table *build(const struct table_rule *rules, uint32_t n,
				 const struct match_table *old)
{
	struct match_table *t = table_build(rules, n, 1, page, old);

	assert_non_null(t);
	return t;
}

/* The rule at which a fragment to GROUP counts, or -1. */
static int fragment_of(const struct match_table *t, uint32_t iface, uint32_t source, uint16_t port)
{
	const struct match_rule *r =
		match_lookup_fragment(t, iface, htonl(source), htonl(GROUP), port);

	return r ? (int)r->rec.slot : -1;
}

static void most_specific_first(void **state)
{
	static const struct table_rule rules[] = {
		{.group = GROUP, .port = 5000, ONE_OUTPUT},                       /* 0: any */
		{.group = GROUP, .source = SOURCE, .port = 5000, ONE_OUTPUT},     /* 1: (S,G) */
		{.iface = 1, .group = GROUP, .port = 5000, ONE_OUTPUT},           /* 2 */
		{.group = GROUP, .source = SOURCE + 1, .port = 5001, ONE_OUTPUT}, /* 3 */
		{.iface = MCR_NO_SLOT, .group = GROUP, .port = 5002, ONE_OUTPUT}, /* 4: away */
		{.group = GROUP + 1, .port = 5000, .worker_mask = 2, ONE_OUTPUT}, /* not ours */
	};
	static const struct {
		const char *name;
		uint32_t iface, source, group;
		uint16_t port;
		int rule;
	} cases[] = {
		{"its source", 0, SOURCE, GROUP, 5000, 1},
		{"another source", 0, SOURCE + 1, GROUP, 5000, 0},
		{"source zero", 0, 0, GROUP, 5000, 0},
		{"another interface, (*,G) there", 1, SOURCE, GROUP, 5000, 2},
		{"interface without rules", 2, SOURCE, GROUP, 5000, -1},
		{"(S,G) alone, its source", 0, SOURCE + 1, GROUP, 5001, 3},
		{"(S,G) alone, another source", 0, SOURCE, GROUP, 5001, -1},
		{"(S,G) alone, source zero", 0, 0, GROUP, 5001, -1},
		{"another port", 0, SOURCE, GROUP, 5003, -1},
		{"another group", 0, SOURCE, GROUP + 2, 5000, -1},
		{"rule of a missing interface", MCR_NO_SLOT, SOURCE, GROUP, 5002, -1},
		{"rule of another worker", 0, SOURCE, GROUP + 1, 5000, -1},
		{"port zero, which no rule has", 0, SOURCE, GROUP, 0, -1},
	};
	struct match_table *t = build(rules, 6, NULL);

	assert_int_equal(match_rules(t), 5);
	assert_int_equal(match_generation(t), 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct match_rule *r = match_lookup(t, cases[i].iface, htonl(cases[i].source),
							  htonl(cases[i].group), cases[i].port);
		const int got = r ? (int)r->rec.slot : -1;

		if (got != cases[i].rule)
			fail_msg("%s: rule %d, not %d", cases[i].name, got, cases[i].rule);
	}
	assert_int_equal(fragment_of(t, 0, SOURCE, 5000), 1);
	assert_int_equal(fragment_of(t, 0, SOURCE, 0), 1);
	assert_int_equal(fragment_of(t, 0, SOURCE + 2, 0), 0);
	assert_int_equal(fragment_of(t, 0, SOURCE + 1, 5003), -1);
	assert_int_equal(fragment_of(t, 1, SOURCE, 0), 2);
	assert_int_equal(fragment_of(t, 2, SOURCE, 0), -1);
	match_free(t);
}

static void empty_table(void **state)
{
	struct match_table *t = build(NULL, 0, NULL);

	assert_null(match_lookup(t, 0, 0, 0, 0));
	assert_true(match_hash_step(t, 1));
	assert_int_equal(match_hash(t), 0);
	match_free(t);
	match_free(NULL);
}

static struct table_rule *many_rules(uint32_t n)
{
	struct table_rule *rules = calloc(n, sizeof(*rules));

	assert_non_null(rules);
	for (uint32_t i = 0; i < n; i++)
		rules[i] = (struct table_rule){
			.iface = i % 2,
			.group = GROUP + i / 8,
			.source = i % 4 < 2 ? 0 : SOURCE + i % 3,
			.port = (uint16_t)(5000 + i % 8 / 4),
			.worker_mask = 1ull << i % 5 | 1,
			.n_outputs = 1,
			.outputs = one_output,
		};
	return rules;
}

static void ten_thousand(void **state)
{
	const uint32_t n = 10000;
	struct table_rule *rules = many_rules(n);
	struct match_table *t = build(rules, n, NULL);

	assert_int_equal(match_rules(t), n);
	for (uint32_t i = 0; i < n; i++) {
		const struct match_rule *r = table_find(t, &rules[i]);

		if (!r || r->rec.slot != i)
			fail_msg("rule %u: %d", i, r ? (int)r->rec.slot : -1);
		assert_ptr_equal(r->counters, &page->rule[i].c);
		assert_ptr_equal(r->outputs[0].counters, &page->output[i].c);
		assert_int_equal(r->head, UINT32_MAX);
		assert_int_equal(r->tail, UINT32_MAX);
	}
	for (uint32_t i = 0; i < n; i++)
		assert_null(match_lookup(t, i % 2, 0, htonl(GROUP + n + i), 5000));
	match_free(t);
	free(rules);
}

static void carry_over(void **state)
{
	static const struct table_output outs[] = {{.iface = 1, .group = GROUP + 9, .port = 1},
						   {.iface = 2, .group = GROUP + 9, .port = 1}};
	struct table_rule rules[] = {
		{.group = GROUP,
		 .port = 1,
		 .incarnation = 7,
		 .pps = 5,
		 .n_outputs = 2,
		 .outputs = outs},
		{.group = GROUP,
		 .port = 2,
		 .incarnation = 8,
		 .pps = 5,
		 .n_outputs = 2,
		 .outputs = outs},
	};
	struct match_table *a = build(rules, 2, NULL), *b;
	struct match_rule *r;

	for (unsigned i = 0; i < 2; i++) {
		r = table_find(a, &rules[i]);
		r->limit->datagrams_due = 11;
	}
	rules[1].incarnation = 9;
	b = build(rules, 2, a);
	match_free(a);
	r = table_find(b, &rules[0]);
	assert_int_equal(r->limit->datagrams_due, 11);
	r = table_find(b, &rules[1]); /* another rule in the same place learns anew */
	assert_int_equal(r->limit->datagrams_due, 0);
	match_free(b);
}

static void counters_of_new_incarnations_are_zeroed(void **state)
{
	struct table_rule rules[] = {
		{.group = GROUP, .port = 1, .incarnation = 70, ONE_OUTPUT},
		{.group = GROUP, .port = 2, .incarnation = 80, ONE_OUTPUT},
	};
	struct match_table *t;

	/* Left behind by an owner that is gone. */
	memset(&page->rule[0], 0xff, sizeof(page->rule[0]));
	memset(&page->output[0], 0xff, sizeof(page->output[0]));
	t = build(rules, 2, NULL);
	assert_int_equal(page->rule[0].incarnation, 70);
	assert_int_equal(page->rule[0].c.matched | page->rule[0].c.drops_shed, 0);
	assert_int_equal(page->output[0].incarnation, 70);
	assert_int_equal(page->output[0].c.sent | page->output[0].c.calls, 0);
	for (unsigned i = 0; i < 2; i++) {
		page->rule[i].c.matched = 5;
		page->output[i].c.sent = 6;
	}
	match_free(t);
	rules[1].incarnation = 81;
	t = build(rules, 2, NULL); /* as a new worker does: no old table */
	assert_int_equal(page->rule[0].c.matched, 5);
	assert_int_equal(page->output[0].c.sent, 6);
	assert_int_equal(page->rule[1].c.matched, 0);
	assert_int_equal(page->output[1].c.sent, 0);
	match_free(t);
}

static void hash_is_that_of_the_snapshot(void **state)
{
	const uint32_t n = 1000;
	struct table_rule *rules = many_rules(n);
	struct table_snapshot s;

	assert_true(table_snapshot_init(&s, rules, n, 3));
	for (unsigned worker = 0; worker < 6; worker++) {
		struct match_table *t = match_build(&s.view, worker, page, &table_limits, NULL);
		const uint64_t want = snapshot_hash_worker(&s.view, worker);
		unsigned steps = 0;

		assert_non_null(t);
		assert_int_equal(match_hash(t), want);
		if (match_rules(t)) {
			assert_int_not_equal(want, 0);
			while (!match_hash_step(t, 7)) {
				assert_int_equal(match_hash(t),
						 want); /* half a pass is not shown */
				steps++;
			}
			assert_int_equal(steps, (match_rules(t) + 6) / 7 - 1);
		}
		assert_int_equal(match_hash(t), want);
		match_free(t);
	}
	table_snapshot_fini(&s);
	free(rules);
}

/* --- corruption --- */

static uint64_t rehash(struct match_table *t)
{
	while (!match_hash_step(t, 1))
		;
	return match_hash(t);
}

/* Flips every bit of @bytes and expects each to show; @from, @to: what is not hashed. */
static void flip_all(struct match_table *t, void *at, size_t bytes, size_t from, size_t to,
		     const char *what)
{
	const uint64_t good = rehash(t);
	uint8_t *p = at;

	for (size_t i = 0; i < bytes; i++) {
		if (i >= from && i < to)
			continue;
		for (unsigned bit = 0; bit < 8; bit++) {
			p[i] ^= (uint8_t)(1 << bit);
			if (rehash(t) == good)
				fail_msg("%s: byte %zu, bit %u changed unseen", what, i, bit);
			p[i] ^= (uint8_t)(1 << bit);
		}
	}
	assert_int_equal(rehash(t), good);
}

#define SKIP(type, member) \
	offsetof(type, member), offsetof(type, member) + sizeof(((type *)NULL)->member)

static void corruption_changes_the_hash(void **state)
{
	static const struct table_output outs[] = {
		{.iface = 1, .group = GROUP + 9, .port = 1, .source = SOURCE, .ttl = 9, .dscp = 8},
		{.iface = 2, .group = GROUP + 9, .port = 1}};
	static const struct table_rule rules[] = {
		{.group = GROUP, .port = 1, ONE_OUTPUT},
		{.group = GROUP, .port = 2, .n_outputs = 2, .outputs = outs},
		{.group = GROUP, .port = 3, ONE_OUTPUT},
	};
	struct match_table *t = build(rules, 3, NULL);

	for (unsigned i = 0; i < 3; i++) {
		struct match_rule *r = table_find(t, &rules[i]);

		/* first_output and reserved bytes mean nothing to a worker. */
		flip_all(t, &r->rec, offsetof(struct snapshot_rule, reserved),
			 SKIP(struct snapshot_rule, first_output), "rule");
		flip_all(t, r->rec.in_name,
			 sizeof(r->rec) - offsetof(struct snapshot_rule, in_name), 0, 0, "names");
	}
	for (unsigned i = 0; i < 2; i++) {
		struct match_output *o = &table_find(t, &rules[1])->outputs[i];

		flip_all(t, &o->rec, sizeof(o->rec), SKIP(struct snapshot_output, reserved),
			 "output");
		/* Sends use addresses that are derived from the record, and checked against it. */
		flip_all(t, &o->to, sizeof(o->to), SKIP(struct sockaddr_in, sin_zero), "address");
		flip_all(t, &o->control_bytes, sizeof(o->control_bytes), 0, 0, "control length");
		flip_all(t, o->control, o->control_bytes, 0, 0, "control messages");
	}
	match_free(t);
}

/* Two names of one interface make two rules of one input: no reason to call it damage. */
static void same_input_twice_is_sound(void **state)
{
	static const struct table_rule rules[] = {{.group = GROUP, .port = 1, ONE_OUTPUT},
						  {.group = GROUP, .port = 1, ONE_OUTPUT}};
	struct table_snapshot s;
	struct match_table *t;

	assert_true(table_snapshot_init(&s, rules, 2, 1));
	t = match_build(&s.view, 0, page, &table_limits, NULL);
	assert_non_null(t);
	assert_int_equal(match_hash(t), snapshot_hash_worker(&s.view, 0));
	assert_int_equal(table_find(t, &rules[0])->rec.slot, 0);
	match_free(t);
	table_snapshot_fini(&s);
}

/* --- control messages --- */

static const struct control_case {
	const char *name;
	struct table_output out;
	int ttl, tos; /* -1: not sent */
	uint32_t source;
} control_cases[] = {
	{"multicast, default TTL", {.group = GROUP, .port = 1}, -1, -1, 0},
	{"multicast, TTL 1", {.group = GROUP, .port = 1, .ttl = 1}, -1, -1, 0},
	{"multicast, TTL 8", {.group = GROUP, .port = 1, .ttl = 8}, 8, -1, 0},
	{"multicast, TTL 255", {.group = GROUP, .port = 1, .ttl = 255}, 255, -1, 0},
	{"unicast, TTL 1", {.group = SOURCE, .port = 1, .ttl = 1}, 1, -1, 0},
	{"unicast, TTL 64", {.group = SOURCE, .port = 1, .ttl = 64}, 64, -1, 0},
	{"DSCP 34", {.group = GROUP, .port = 1, .dscp = 34}, -1, 136, 0},
	{"DSCP 63", {.group = GROUP, .port = 1, .dscp = 63}, -1, 252, 0},
	{"source", {.group = GROUP, .port = 1, .source = SOURCE}, -1, -1, SOURCE},
	{"all",
	 {.group = GROUP, .port = 1, .source = SOURCE, .ttl = 8, .dscp = 34},
	 8,
	 136,
	 SOURCE},
};

static void check_control(const struct control_case *c, const struct match_output *o)
{
	struct msghdr m = {.msg_control = (void *)(uintptr_t)o->control,
			   .msg_controllen = o->control_bytes};
	int ttl = -1, tos = -1;
	uint32_t source = 0;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
		struct in_pktinfo info;

		assert_int_equal(h->cmsg_level, IPPROTO_IP);
		switch (h->cmsg_type) {
		case IP_TTL:
			assert_int_equal(h->cmsg_len, CMSG_LEN(sizeof(ttl)));
			memcpy(&ttl, CMSG_DATA(h), sizeof(ttl));
			break;
		case IP_TOS:
			assert_int_equal(h->cmsg_len, CMSG_LEN(sizeof(tos)));
			memcpy(&tos, CMSG_DATA(h), sizeof(tos));
			break;
		case IP_PKTINFO:
			assert_int_equal(h->cmsg_len, CMSG_LEN(sizeof(info)));
			memcpy(&info, CMSG_DATA(h), sizeof(info));
			assert_int_equal(info.ipi_ifindex, 0);
			source = ntohl(info.ipi_spec_dst.s_addr);
			break;
		default:
			fail_msg("%s: control message %d", c->name, h->cmsg_type);
		}
	}
	if (ttl != c->ttl || tos != c->tos || source != c->source)
		fail_msg("%s: ttl %d, tos %d, source %08x", c->name, ttl, tos, source);
	if (o->control_bytes + CMSG_SPACE(sizeof(uint16_t)) > MATCH_CONTROL_MAX)
		fail_msg("%s: no room for UDP_SEGMENT", c->name);
}

static void control_messages(void **state)
{
	for (size_t i = 0; i < sizeof(control_cases) / sizeof(control_cases[0]); i++) {
		const struct control_case *c = &control_cases[i];
		const struct table_rule rule = {
			.group = GROUP, .port = 1, .n_outputs = 1, .outputs = &c->out};
		struct match_table *t = build(&rule, 1, NULL);

		check_control(c, table_find(t, &rule)->outputs);
		match_free(t);
	}
}

static void destinations(void **state)
{
	static const struct table_output outs[] = {
		{.iface = 1, .group = 0xef020304, .port = 6001},
		{.iface = TABLE_BIG_IFACE, .group = SOURCE, .port = 6002},
		{.iface = MCR_NO_SLOT, .group = GROUP, .port = 6003}};
	static const struct table_rule rule = {
		.group = GROUP, .port = 1, .n_outputs = 3, .outputs = outs};
	static const uint32_t payload_max[] = {TABLE_MTU - 28, TABLE_BIG_MTU - 28, 0};
	struct match_table *t = build(&rule, 1, NULL);
	const struct match_rule *r = table_find(t, &rule);

	for (unsigned i = 0; i < 3; i++) {
		const struct match_output *o = &r->outputs[i];

		assert_int_equal(o->to.sin_family, AF_INET);
		assert_int_equal(ntohl(o->to.sin_addr.s_addr), outs[i].group);
		assert_int_equal(ntohs(o->to.sin_port), outs[i].port);
		assert_int_equal(o->payload_max, payload_max[i]);
	}
	match_free(t);
}

/* Of a frame with a division: the outputs to skip, or the division is not known. */
static void divisions(void **state)
{
	static const struct table_output outs[] = {
		{.iface = 1, .group = 0xef020202, .port = 6000, .divided = 1},
		{.iface = 1, .group = 0xef020202, .port = 6001, .divided = 3},
		{.iface = 1, .group = 0xef020202, .port = 6002},
	};
	static const struct table_rule rules[] = {
		{.group = GROUP, .port = 5000, ONE_OUTPUT},
		{.group = GROUP, .port = 5001, .division = {9, 5}, .n_outputs = 3, .outputs = outs},
		{.group = GROUP, .port = 5002, .division = {0, 4}, ONE_OUTPUT},
	};
	static const struct {
		const char *name;
		unsigned rule;
		uint32_t division;
		bool known;
		uint8_t bits;
		uint32_t outputs;
	} rows[] = {
		{"whole", 1, 0, true, 0, 3},
		{"the division of now", 1, 9, true, 1, 1},
		{"the one before", 1, 5, true, 2, 2},
		{"one that is forgotten", 1, 4, false, 0, 3},
		{"a sender's address, and no division", 0, 9, true, 0, 1},
		{"whole, divided before", 2, 0, true, 0, 1},
		{"nothing left of it", 2, 4, true, 2, 1},
		{"before that", 2, 9, false, 0, 1},
	};
	struct match_table *t = build(rules, 3, NULL);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct match_rule *r = table_find(t, &rules[rows[i].rule]);
		uint8_t bits = 99;

		if (match_divided(r, rows[i].division, &bits) != rows[i].known)
			fail_msg("%s: %s", rows[i].name, rows[i].known ? "unknown" : "known");
		if (bits != rows[i].bits || match_outputs(r, bits) != rows[i].outputs)
			fail_msg("%s: bits %#x, %u outputs", rows[i].name, bits,
				 match_outputs(r, bits));
	}
	match_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(most_specific_first, page_new, page_free),
		cmocka_unit_test_setup_teardown(empty_table, page_new, page_free),
		cmocka_unit_test_setup_teardown(ten_thousand, page_new, page_free),
		cmocka_unit_test_setup_teardown(carry_over, page_new, page_free),
		cmocka_unit_test_setup_teardown(counters_of_new_incarnations_are_zeroed, page_new,
						page_free),
		cmocka_unit_test_setup_teardown(hash_is_that_of_the_snapshot, page_new, page_free),
		cmocka_unit_test_setup_teardown(corruption_changes_the_hash, page_new, page_free),
		cmocka_unit_test_setup_teardown(same_input_twice_is_sound, page_new, page_free),
		cmocka_unit_test_setup_teardown(control_messages, page_new, page_free),
		cmocka_unit_test_setup_teardown(destinations, page_new, page_free),
		cmocka_unit_test_setup_teardown(divisions, page_new, page_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
