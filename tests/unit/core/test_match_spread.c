// SPDX-License-Identifier: MIT
/*
 * test_match_spread.c - keys with a pattern are spread over a table as well as any others
 *
 * Measured as CPU time against that for keys without a pattern, in the same run.
 *
 * Links: core/relay/match.c core/relay/match_build.c core/relay/limiter.c core/rules/snapshot.c
 * Links: core/rules/snapshot_parse.c core/base/addr.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/core/table_fixture.h"

#define GROUP  0xef010101u
#define SOURCE 0x0a000001u

static const struct table_output one_output[] = {{.iface = 1, .group = 0xef020202, .port = 6000}};

static struct worker_page *page;

/* Keys as operators number them, rule @i of many. */
static struct table_rule groups_in_a_row(uint32_t i)
{
	return (struct table_rule){.group = GROUP + i, .port = 5000};
}

static struct table_rule ports_in_a_row(uint32_t i)
{
	return (struct table_rule){.group = GROUP, .port = (uint16_t)(5000 + i)};
}

static struct table_rule sources_in_a_row(uint32_t i)
{
	return (struct table_rule){.group = GROUP, .source = SOURCE + i, .port = 5000};
}

static struct table_rule third_octets(uint32_t i)
{
	return (struct table_rule){.group = GROUP + (i << 8), .port = 5000};
}

static struct table_rule ports_of_groups(uint32_t i)
{
	return (struct table_rule){.group = GROUP + i / 16, .port = (uint16_t)(5000 + i % 16)};
}

static struct table_rule interfaces(uint32_t i)
{
	return (struct table_rule){
		.iface = i % TABLE_IFACES, .group = GROUP + i / TABLE_IFACES, .port = 5000};
}

/* Keys without a pattern, for comparison: the state of a linear congruential generator. */
static struct table_rule at_random(uint32_t i)
{
	const uint64_t x = (i + 1) * 6364136223846793005ull;

	return (struct table_rule){.group = 0xef000000u | (uint32_t)(x >> 40),
				   .port = (uint16_t)((x >> 20 & 0x7fff) + 1)};
}

/* CPU time to build a table of @n rules and to look each up, best of three. */
static uint64_t build_ns(struct table_rule (*make)(uint32_t i), uint32_t n)
{
	struct table_rule *rules = calloc(n, sizeof(*rules));
	uint64_t best_ns = UINT64_MAX;

	assert_non_null(rules);
	for (uint32_t i = 0; i < n; i++) {
		rules[i] = make(i);
		rules[i].n_outputs = 1;
		rules[i].outputs = one_output;
	}
	for (unsigned round = 0; round < 3; round++) {
		struct timespec from, to;
		struct match_table *t;
		uint64_t ns;

		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
		t = table_build(rules, n, 1, page, NULL);
		assert_non_null(t);
		for (uint32_t i = 0; i < n; i++)
			assert_non_null(table_find(t, &rules[i]));
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
		match_free(t);
		ns = (uint64_t)(to.tv_sec - from.tv_sec) * 1000000000u + (uint64_t)to.tv_nsec -
		     (uint64_t)from.tv_nsec;
		best_ns = ns < best_ns ? ns : best_ns;
	}
	free(rules);
	return best_ns;
}

/* A worker stands still while its table is built, so keys in a row must not collide. */
static void patterns_do_not_collide(void **state)
{
	static const struct {
		const char *name;
		struct table_rule (*make)(uint32_t i);
	} cases[] = {
		{"groups in a row", groups_in_a_row},
		{"ports in a row", ports_in_a_row},
		{"sources in a row", sources_in_a_row},
		{"groups that differ in the third octet", third_octets},
		{"sixteen ports each of groups in a row", ports_of_groups},
		{"the same groups on several interfaces", interfaces},
	};
	uint64_t random_ns;

	page = calloc(1, sizeof(*page));
	assert_non_null(page);
	random_ns = build_ns(at_random, MCR_MAX_RULES);

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint64_t ns = build_ns(cases[i].make, MCR_MAX_RULES);

		if (ns > 4 * random_ns)
			fail_msg("%s: %llu us, at random %llu us", cases[i].name,
				 (unsigned long long)ns / 1000,
				 (unsigned long long)random_ns / 1000);
	}
	free(page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_do_not_collide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
