// SPDX-License-Identifier: MIT
/*
 * test_division.c - numbers for what the kernel path has of a rule: made, kept, forgotten
 *
 * Links: core/rules/division.c core/rules/rule.c core/base/addr.c core/base/complaint.c
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/rules/division.h"

#define SECOND  NS_PER_S
#define ADDR(x) addr_from_ipv4_be(htonl(x))

static struct divisions all, *d = &all;
static struct rule_output outputs[3];
static struct rule rule;

static const bool first[] = {true, false, false}, last_two[] = {false, true, true},
		  last[] = {false, false, true};

static int start(void **state)
{
	all = (struct divisions){0};
	for (unsigned i = 0; i < 3; i++)
		outputs[i] = (struct rule_output){
			.interface = "eth1", .group = ADDR(0xef020200 + i), .port = 6000};
	rule = (struct rule){
		.input = {.interface = "eth0", .group = ADDR(0xef010101), .port = 5000},
		.n_outputs = 3,
		.outputs = outputs};
	return 0;
}

static int stop(void **state)
{
	divisions_fini(d);
	return 0;
}

static struct divided_input *made(const bool *set, uint64_t now_ns)
{
	assert_int_equal(divisions_make(d, &rule, set, 7, now_ns), 0);
	return divisions_find(d, &rule.input);
}

/* The number of now and the one before, and which outputs have which. */
static void check(const struct divided_input *in, uint32_t now, uint32_t before,
		  const uint8_t bits[3])
{
	assert_int_equal(in->division[0].number, now);
	assert_int_equal(in->division[1].number, before);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(division_bits(in, &outputs[i]), bits[i]);
}

static void numbers_in_turn(void **state)
{
	struct divided_input *in;

	assert_null(divisions_find(d, &rule.input));
	divisions_seen(d, 40);
	divisions_seen(d, 30);
	in = made(first, SECOND);
	check(in, 41, 0, (const uint8_t[]){1, 0, 0});
	assert_int_equal(in->division[0].after, 7);
	/* No frame has it: another one takes its place. */
	in = made(last, SECOND);
	check(in, 42, 0, (const uint8_t[]){0, 0, 1});
	in->division[0].used = true;
	in = made(last_two, SECOND);
	check(in, 43, 42, (const uint8_t[]){0, 1, 3});
	/* And again, while the one before stays. */
	in = made(first, SECOND);
	check(in, 44, 42, (const uint8_t[]){1, 0, 2});
}

/* Three numbers that frames may have are more than a worker knows. */
static void the_one_before_rests(void **state)
{
	struct divided_input *in = made(first, SECOND);

	in->division[0].used = true;
	in = made(last, SECOND);
	in->division[0].used = true;
	in->division[1].used_ns = SECOND + 5;
	assert_int_equal(divisions_free_ns(in), SECOND + 5 + DIVISION_REST_NS);
	assert_int_equal(divisions_make(d, &rule, last_two, 8, SECOND + DIVISION_REST_NS + 4),
			 -EBUSY);
	check(in, 2, 1, (const uint8_t[]){2, 0, 1});
	in = made(last_two, SECOND + DIVISION_REST_NS + 5);
	check(in, 3, 2, (const uint8_t[]){0, 1, 3});
}

static void sets(void **state)
{
	static const struct {
		const char *name;
		bool set[3];
		bool is, fits;
	} rows[] = {
		{"the same", {false, true, true}, true, true},
		{"one more", {true, true, true}, false, true},
		{"one less", {false, true, false}, false, false},
		{"another", {true, false, true}, false, false},
	};
	const struct division *v = &made(last_two, SECOND)->division[0];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (division_is(v, &rule, rows[i].set) != rows[i].is ||
		    division_fits(v, &rule, rows[i].set) != rows[i].fits)
			fail_msg("%s", rows[i].name);
	assert_false(division_fits(&divisions_find(d, &rule.input)->division[1], &rule, last_two));
	/* By destination, whatever else the output has. */
	outputs[1].ttl = 9;
	assert_true(division_has(v, &outputs[1]));
	snprintf(outputs[1].interface, sizeof(outputs[1].interface), "eth2");
	assert_false(division_has(v, &outputs[1]));
	/* The rule that replaces it has one of its outputs no more. */
	assert_true(division_is(v, &rule, last));
	assert_false(division_is(v, &rule, last_two));
	assert_true(division_fits(v, &rule, last_two));
	rule.n_outputs = 2;
	assert_false(division_fits(v, &rule, last_two));
}

static void inputs_have_their_own(void **state)
{
	struct divided_input *in;

	for (uint16_t port = 1; port < 3000; port++) {
		rule.input.port = port;
		in = made(first, SECOND);
		assert_int_equal(in->division[0].number, port);
	}
	for (uint16_t port = 1; port < 3000; port++) {
		rule.input.port = port;
		assert_int_equal(divisions_find(d, &rule.input)->division[0].number, port);
	}
	rule.input.source = ADDR(0x0a000001);
	assert_null(divisions_find(d, &rule.input));
}

static void restored(void **state)
{
	struct divided_input *in;

	assert_int_equal(divisions_restore(d, &rule, 1, 50, first, 9, SECOND), 0);
	in = divisions_find(d, &rule.input);
	check(in, 0, 50, (const uint8_t[]){2, 0, 0});
	assert_int_equal(divisions_restore(d, &rule, 0, 12, last, 9, SECOND), 0);
	check(in, 12, 50, (const uint8_t[]){2, 0, 1});
	/* Workers may not have it yet, and frames may have it. */
	assert_int_equal(in->division[0].after, 9);
	assert_true(in->division[0].used && in->division[1].used);
	assert_int_equal(divisions_make(d, &rule, last_two, 9, SECOND), -EBUSY);
	in = made(last_two, SECOND + DIVISION_REST_NS);
	check(in, 51, 12, (const uint8_t[]){0, 1, 3});
}

static bool has_rule(const void *ctx, const struct rule_input *in)
{
	return ctx && rule_same_input(in, ctx);
}

static void forgotten_without_a_rule(void **state)
{
	made(first, SECOND);
	divisions_forget(d, has_rule, &rule.input, 100 * SECOND);
	divisions_forget(d, has_rule, NULL, 100 * SECOND + DIVISION_KEEP_NS - 1);
	assert_non_null(divisions_find(d, &rule.input));
	divisions_forget(d, has_rule, NULL, 100 * SECOND + DIVISION_KEEP_NS);
	assert_null(divisions_find(d, &rule.input));
	/* No number comes twice. */
	assert_int_equal(made(first, SECOND)->division[0].number, 2);
}

static void number_zero_is_none(void **state)
{
	divisions_seen(d, UINT32_MAX);
	assert_int_equal(made(first, SECOND)->division[0].number, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(numbers_in_turn),
		TEST(the_one_before_rests),
		TEST(sets),
		TEST(inputs_have_their_own),
		TEST(restored),
		TEST(forgotten_without_a_rule),
		TEST(number_zero_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
