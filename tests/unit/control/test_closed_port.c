// SPDX-License-Identifier: MIT
/*
 * test_closed_port.c - when a port counts as closed, and when as open again
 *
 * Links: daemon/control/closed_port.c core/base/addr.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/counters.h"
#include "core/rules/ruleset_entry.h"
#include "daemon/control/closed_port.h"
#include "daemon/control/state.h"

static struct control *c;
static struct rule_output outputs[3];
static struct ruleset_entry entry = {
	.rule = {.n_outputs = 3, .outputs = outputs}, .incarnation = 5, .slot = 2};
static struct egress_counters counters;

static void read_counters(const struct control *control, const struct ruleset_entry *e, unsigned i,
			  struct egress_counters *out)
{
	*out = counters;
}

static int setup(void **state)
{
	c = calloc(1, sizeof(*c));
	counters = (struct egress_counters){.sent = 100};
	for (unsigned i = 0; i < 3; i++) {
		outputs[i].port = (uint16_t)(7000 + i);
		assert_int_equal(addr_parse(i == 2 ? "239.1.1.1" : "10.0.0.1", &outputs[i].group),
				 0);
	}
	c->resolved.rule[2] = (struct resolved_rule){.entry = &entry, .incarnation = 5};
	return 0;
}

static int teardown(void **state)
{
	free(c);
	return 0;
}

static bool refuse(unsigned i, uint64_t at_s)
{
	counters.drops[SEND_DROP_PORT_UNREACHABLE]++;
	return control_port_refused(c, &entry, i, &counters, at_s * NS_PER_S);
}

static void outputs_to_the_same_host_and_port(void **state)
{
	assert_false(control_port_is_closed(c, &outputs[0]));
	assert_true(refuse(0, 1));
	assert_false(refuse(0, 2)); /* no change */
	assert_true(control_port_is_closed(c, &outputs[0]));
	assert_false(control_port_is_closed(c, &outputs[1]));
	assert_false(refuse(2, 3)); /* a group has no port to be closed */
	assert_false(control_port_is_closed(c, &outputs[2]));
}

/* @state of the port after a check at @at_s, in which @sent more were sent and @refused refused. */
struct look {
	uint64_t at_s, sent, refused;
	bool closed;
};

static void look_at(const struct look *looks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const bool was = control_port_is_closed(c, &outputs[0]);

		counters.sent += looks[i].sent;
		counters.drops[SEND_DROP_PORT_UNREACHABLE] += looks[i].refused;
		assert_int_equal(control_ports_check(c, read_counters, looks[i].at_s * NS_PER_S),
				 was != looks[i].closed);
		if (control_port_is_closed(c, &outputs[0]) != looks[i].closed)
			fail_msg("at %lu s", looks[i].at_s);
	}
}

static void open_when_datagrams_are_taken(void **state)
{
	static const struct look looks[] = {
		{14, 50, 0, true},                    /* too soon */
		{15, 50, 1, true},                    /* refused again */
		{19, 50, 0, true}, {20, 0, 0, false}, /* 5 s */
		{21, 50, 1, true}, {26, 50, 0, true}, /* twice as long from now on */
		{31, 0, 0, false}, {32, 50, 1, true},  {51, 50, 0, true},
		{52, 0, 0, false}, {113, 0, 0, false}, /* open for a minute: forgotten */
	};

	assert_true(refuse(0, 10));
	look_at(looks, sizeof(looks) / sizeof(looks[0]));
	assert_int_equal(c->closed_ports.n, 0);
}

/* Without a datagram nothing is known. */
static void stays_closed_without_traffic(void **state)
{
	static const struct look looks[] = {{100, 0, 0, true}, {1000, 0, 0, true}};

	assert_true(refuse(0, 10));
	look_at(looks, 2);
}

static void goes_with_its_rule(void **state)
{
	assert_true(refuse(0, 10));
	c->resolved.rule[2].incarnation = 6;
	assert_true(control_ports_check(c, read_counters, 11 * NS_PER_S));
	assert_false(control_port_is_closed(c, &outputs[0]));
}

static void number_of_ports_is_bounded(void **state)
{
	for (unsigned i = 0; i < CLOSED_PORTS_MAX + 5; i++) {
		outputs[0].port = (uint16_t)(1 + i);
		assert_int_equal(refuse(0, 1), i < CLOSED_PORTS_MAX);
	}
	for (unsigned i = 0; i < CLOSED_PORTS_MAX + 5; i++) {
		outputs[0].port = (uint16_t)(1 + i);
		assert_int_equal(control_port_is_closed(c, &outputs[0]), i < CLOSED_PORTS_MAX);
	}
}

#define PORT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PORT_TEST(outputs_to_the_same_host_and_port),
		PORT_TEST(open_when_datagrams_are_taken),
		PORT_TEST(stays_closed_without_traffic),
		PORT_TEST(goes_with_its_rule),
		PORT_TEST(number_of_ports_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
