// SPDX-License-Identifier: MIT
/*
 * test_kernel_path.c - which rules fit the kernel path, and what its maps say of them
 *
 * Links: core/rules/kernel_path.c core/rules/rule.c core/base/addr.c core/base/complaint.c
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/rules/kernel_path.h"

static struct addr ip(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static struct rule good_rule(void)
{
	return (struct rule){.input = {.interface = "eth0", .group = ip("239.1.1.1"), .port = 5000},
			     .priority = RULE_PRIORITY_NORMAL};
}

static struct rule_output good_output(void)
{
	return (struct rule_output){
		.interface = "eth1", .group = ip("239.130.3.4"), .port = 6000, .dscp = 34};
}

static struct kernel_path_link good_link(void)
{
	return (struct kernel_path_link){.slot = 7,
					 .ifindex = 3,
					 .header = KERNEL_PATH_HEADER_ETHERNET,
					 .mac = {2, 3, 4, 5, 6, 7},
					 .source_be = htonl(0x0a5a0101)};
}

static void rules_that_fit(void **state)
{
	struct rule r = good_rule();

	for (enum rule_path p = RULE_PATH_UNSET; p < RULE_PATHS; p++) {
		r.path = p;
		assert_int_equal(kernel_path_of_rule(&r),
				 p == RULE_PATH_USER ? KERNEL_PATH_NOT_ASKED : KERNEL_PATH_FITS);
	}
	r = good_rule();
	r.limit_pps = 1;
	assert_int_equal(kernel_path_of_rule(&r), KERNEL_PATH_LIMIT);
	r = good_rule();
	r.limit_bps = 1;
	assert_int_equal(kernel_path_of_rule(&r), KERNEL_PATH_LIMIT);
	r = good_rule();
	r.priority = RULE_PRIORITY_LOW;
	assert_int_equal(kernel_path_of_rule(&r), KERNEL_PATH_PRIORITY);
	r = good_rule();
	r.input.group = ip("10.1.1.1");
	assert_int_equal(kernel_path_of_rule(&r), KERNEL_PATH_UNICAST_INPUT);
}

static void an_output_is_encoded(void **state)
{
	static const uint8_t mac[] = {0x01, 0x00, 0x5e, 0x02, 3, 4, 2, 3, 4, 5, 6, 7};
	const struct kernel_path_link link = good_link();
	struct rule_output o = good_output();
	struct kernel_path_output out;

	assert_int_equal(kernel_path_encode(&o, &link, &out), KERNEL_PATH_FITS);
	assert_int_equal(out.ifindex, 3);
	assert_int_equal(out.slot, 7);
	assert_int_equal(ntohl(out.source), 0x0a5a0101);
	assert_int_equal(ntohl(out.group), 0xef820304);
	assert_int_equal(ntohs(out.port), 6000);
	assert_int_equal(out.ttl, 1);
	assert_int_equal(out.ttl_set, KERNEL_PATH_TTL_GIVEN);
	assert_int_equal(out.tos, 34 << 2);
	assert_memory_equal(out.mac, mac, sizeof(mac)); /* 23 bits of the group (RFC 1112) */
	assert_int_equal(out.source_port, 0);
	o.ttl = 200;
	o.source_port = 7000;
	assert_int_equal(kernel_path_encode(&o, &link, &out), KERNEL_PATH_FITS);
	assert_int_equal(out.ttl, 200);
	assert_int_equal(ntohs(out.source_port), 7000);
	o.ttl = 0;
	o.ttl_decrement = true;
	assert_int_equal(kernel_path_encode(&o, &link, &out), KERNEL_PATH_FITS);
	assert_int_equal(out.ttl_set, KERNEL_PATH_TTL_DECREMENT);
}

static void a_host_is_encoded(void **state)
{
	static const uint8_t mac[] = {2, 9, 8, 7, 6, 5, 2, 3, 4, 5, 6, 7};
	struct rule_output o = good_output();
	struct kernel_path_link link = good_link();
	struct kernel_path_output out;

	o.group = ip("192.0.2.7");
	link.hop = KERNEL_PATH_HOP_KNOWN;
	memcpy(link.hop_mac, mac, 6);
	assert_int_equal(kernel_path_encode(&o, &link, &out), KERNEL_PATH_FITS);
	assert_int_equal(ntohl(out.group), 0xc0000207);
	assert_int_equal(out.ttl, 64); /* ip(7) */
	assert_int_equal(out.flags, 0);
	assert_memory_equal(out.mac, mac, sizeof(mac));
}

static void an_output_without_mac_header(void **state)
{
	static const uint8_t none[12];
	const char *const groups[] = {"239.130.3.4", "192.0.2.7"};
	struct kernel_path_link link = good_link();
	struct rule_output o = good_output();
	struct kernel_path_output out;

	link.header = KERNEL_PATH_HEADER_NONE;
	for (int i = 0; i < 2; i++) {
		o.group = ip(groups[i]);
		assert_int_equal(kernel_path_encode(&o, &link, &out), KERNEL_PATH_FITS);
		assert_int_equal(out.flags, KERNEL_PATH_OUTPUT_NO_MAC);
		assert_memory_equal(out.mac, none, sizeof(none));
	}
}

/* A TTL that has expired is told before the hold, as a worker does. */
static void held_outputs(void **state)
{
	struct kernel_path_link down = good_link(), missing = {.slot = 7, .hold = 3};
	struct rule_output o = good_output(), host = good_output();
	struct kernel_path_output out;

	down.hold = 5;
	down.source_be = 0;
	host.group = ip("192.0.2.7");
	host.ttl_decrement = true;
	assert_int_equal(kernel_path_encode(&o, &missing, &out), KERNEL_PATH_FITS);
	assert_memory_equal(&out, (&(struct kernel_path_output){.slot = 7, .hold = 3}),
			    sizeof(out));
	assert_int_equal(kernel_path_encode(&host, &down, &out), KERNEL_PATH_FITS);
	assert_memory_equal(&out,
			    (&(struct kernel_path_output){
				    .slot = 7, .hold = 5, .ttl_set = KERNEL_PATH_TTL_DECREMENT}),
			    sizeof(out));
}

static void outputs_that_need_a_worker(void **state)
{
	const struct {
		const char *group;
		enum kernel_path_header header;
		enum kernel_path_hop hop;
		bool local, no_source, held, no_header;
		enum kernel_path_reason why;
	} cases[] = {
		{"239.1.1.1", KERNEL_PATH_HEADER_OTHER, .why = KERNEL_PATH_OUTPUT_LINK},
		{"239.1.1.1", KERNEL_PATH_HEADER_OTHER, .held = true,
		 .why = KERNEL_PATH_OUTPUT_LINK},
		{"239.1.1.1", KERNEL_PATH_HEADER_ETHERNET, .no_source = true,
		 .why = KERNEL_PATH_SOURCE_UNKNOWN},
		{"239.1.1.1", KERNEL_PATH_HEADER_NONE, .no_source = true,
		 .why = KERNEL_PATH_SOURCE_UNKNOWN},
		{"239.1.1.1", KERNEL_PATH_HEADER_ETHERNET, .no_header = true,
		 .why = KERNEL_PATH_OUTPUT_HEADER},
		{"239.1.1.1", KERNEL_PATH_HEADER_NONE, .no_header = true, .why = KERNEL_PATH_FITS},
		{"192.0.2.7", KERNEL_PATH_HEADER_ETHERNET, .local = true,
		 .why = KERNEL_PATH_LOCAL_OUTPUT},
		{"192.0.2.7", KERNEL_PATH_HEADER_ETHERNET, .why = KERNEL_PATH_NEIGHBOUR_UNKNOWN},
		{"192.0.2.7", KERNEL_PATH_HEADER_ETHERNET, KERNEL_PATH_HOP_NEVER,
		 .why = KERNEL_PATH_OUTPUT_NEIGHBOUR},
		{"192.0.2.7", KERNEL_PATH_HEADER_ETHERNET, KERNEL_PATH_HOP_NEVER, .held = true,
		 .why = KERNEL_PATH_OUTPUT_NEIGHBOUR},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kernel_path_link link = good_link();
		struct rule_output o = good_output();
		struct kernel_path_output out;

		o.group = ip(cases[i].group);
		link.header = cases[i].header;
		link.hop = cases[i].hop;
		link.local = cases[i].local;
		link.no_header = cases[i].no_header;
		link.hold = cases[i].held;
		if (cases[i].no_source)
			link.source_be = 0;
		assert_int_equal(kernel_path_encode(&o, &link, &out), cases[i].why);
	}
}

/* "kernel" is refused for what stays, and waits for what may pass. */
static void reasons(void **state)
{
	struct rule r = good_rule();

	for (enum kernel_path_reason why = KERNEL_PATH_FITS; why < KERNEL_PATH_REASONS; why++)
		assert_int_equal(strlen(kernel_path_reason_text(why)) == 0,
				 why == KERNEL_PATH_FITS);
	assert_false(kernel_path_is_lasting(KERNEL_PATH_FITS));
	assert_true(kernel_path_is_lasting(KERNEL_PATH_NO_RIGHT));
	assert_true(kernel_path_is_lasting(KERNEL_PATH_LIMIT));
	assert_true(kernel_path_is_lasting(KERNEL_PATH_LOCAL_OUTPUT));
	assert_false(kernel_path_is_lasting(KERNEL_PATH_INACTIVE));
	assert_false(kernel_path_is_lasting(KERNEL_PATH_RESTING));
	assert_false(kernel_path_is_lasting(KERNEL_PATH_NEIGHBOUR_UNKNOWN));
	/* The user path is news to who asked for another one. */
	assert_true(kernel_path_is_no_news(&r, KERNEL_PATH_NOT_STARTED));
	r.path = RULE_PATH_AUTO;
	assert_false(kernel_path_is_no_news(&r, KERNEL_PATH_NOT_STARTED));
	assert_true(kernel_path_is_no_news(&r, KERNEL_PATH_NOT_ASKED));
	assert_false(kernel_path_is_no_news(&r, KERNEL_PATH_LIMIT));
}

static void keys_are_ordered(void **state)
{
	struct rule_input in = good_rule().input, other = in;
	const struct kernel_path_key any = kernel_path_key_of(&in, 5);
	struct kernel_path_key one, port;

	assert_int_equal(any.ifindex, 5);
	assert_int_equal(ntohl(any.group), 0xef010101);
	assert_int_equal(ntohs(any.port), 5000);
	assert_int_equal(any.source, 0);
	in.source = ip("10.9.9.9");
	one = kernel_path_key_of(&in, 5);
	other.port = 5001;
	port = kernel_path_key_of(&other, 5);
	assert_true(kernel_path_compare(&any, &one) < 0 && kernel_path_compare(&one, &any) > 0);
	assert_int_equal(kernel_path_compare(&any, &any), 0);
	assert_true(kernel_path_same_stream(&any, &one));
	assert_false(kernel_path_same_stream(&any, &port));
	/* No other stream comes between those of one. */
	assert_true((kernel_path_compare(&any, &port) < 0) ==
		    (kernel_path_compare(&one, &port) < 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_that_fit),    cmocka_unit_test(an_output_is_encoded),
		cmocka_unit_test(a_host_is_encoded), cmocka_unit_test(an_output_without_mac_header),
		cmocka_unit_test(held_outputs),      cmocka_unit_test(outputs_that_need_a_worker),
		cmocka_unit_test(reasons),           cmocka_unit_test(keys_are_ordered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
