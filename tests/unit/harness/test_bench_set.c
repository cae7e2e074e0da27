// SPDX-License-Identifier: MIT
/*
 * test_bench_set.c - a choice of names fits together or is refused in one line; a burst size is a
 * scenario
 *
 * Links: harness/bench/set.c harness/bench/scenario.c harness/base/decimal.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "harness/bench/set.h"
#include "harness/lab/state.h"

static const struct {
	const char *name;
	struct bench_choice choice;
	const char *scenarios; /* of the set, in order */
	const char *backends;
} chosen[] = {
	{"the claims",
	 {NULL, NULL, NULL, BENCH_ROWS_CLAIMS, 0},
	 "gro plain flows fanout latency",
	 "mcr mcr-per-packet recv-send socat kernel mcr-kernel"},
	{"by name, in the order of the table",
	 {"latency,gro", NULL, NULL, BENCH_ROWS_ALL, 0},
	 "gro latency",
	 "mcr mcr-per-packet kernel mcr-kernel"},
	{"a repeated name counts once",
	 {"gro,gro", "mcr,mcr", "4,4", BENCH_ROWS_CLAIMS, 0},
	 "gro@4",
	 "mcr"},
	{"one relay", {"gro,plain", "kernel", NULL, BENCH_ROWS_CLAIMS, 0}, "gro plain", "kernel"},
	{"a profile is narrowed to what the relay can carry",
	 {NULL, "socat", NULL, BENCH_ROWS_CLAIMS, 0},
	 "plain",
	 "socat"},
	{"a profile is narrowed to what has bursts",
	 {NULL, "kernel", "8", BENCH_ROWS_CLAIMS, 0},
	 "gro@8 plain@8",
	 "kernel"},
	{"the whole table is",
	 {NULL, "kernel", "8", BENCH_ROWS_ALL, 0},
	 "gro@8 plain@8 size-64@8 size-512@8 size-8900@8 gro-64@8 flows-1@8 noise@8 consume@8 "
	 "gro-consume@8 super@8 fanout-if@8 fanout-if-off@8 fanout-30-if@8",
	 "kernel"},
	{"the table of the kernel path",
	 {NULL, NULL, NULL, BENCH_ROWS_TABLE, 1u << BENCH_MCR_KERNEL | 1u << BENCH_NFTABLES},
	 "gro plain fanout latency size-64 size-8900 flows-1000 rules-10000 noise unwanted consume "
	 "burst-4 burst-42 super fanout-50 fanout-if fanout-if-off fanout-30-if fanout-50-if "
	 "unicast",
	 "mcr-kernel nftables"},
	{"the relays of the profile, unless some are named",
	 {"unicast", "mcr", NULL, BENCH_ROWS_TABLE, 1u << BENCH_MCR_KERNEL | 1u << BENCH_NFTABLES},
	 "unicast",
	 "mcr"},
	{"every size of a scenario stands together",
	 {"plain,gro", "mcr,kernel", "16,1,64", BENCH_ROWS_CLAIMS, 0},
	 "gro@16 gro@1 gro@64 plain@16 plain@1 plain@64",
	 "mcr kernel"},
	{"as many sizes as there may be",
	 {"gro", "mcr", "1,2,3,4,5,6,7,8", BENCH_ROWS_CLAIMS, 0},
	 "gro@1 gro@2 gro@3 gro@4 gro@5 gro@6 gro@7 gro@8",
	 "mcr"},
};

static void append(char *text, size_t bytes, const char *word)
{
	size_t used = strlen(text);

	snprintf(text + used, bytes - used, "%s%s", used ? " " : "", word);
}

static void test_chosen(void **state)
{
	for (size_t i = 0; i < sizeof(chosen) / sizeof(*chosen); i++) {
		char scenarios[512] = "", backends[128] = "";
		struct lab_error error = {""};
		static struct bench_set set;

		if (bench_set_choose(&set, &chosen[i].choice, &error))
			fail_msg("%s: %s", chosen[i].name, error.text);
		for (unsigned k = 0; k < set.n; k++) {
			append(scenarios, sizeof(scenarios), set.scenarios[k].name);
			assert_int_equal(bench_set_find(&set, set.scenarios[k].name), k);
		}
		for (int b = 0; b < BENCH_BACKENDS; b++)
			if (bench_set_backends(&set) & 1u << b)
				append(backends, sizeof(backends), bench_backend_name(b));
		if (strcmp(scenarios, chosen[i].scenarios) || strcmp(backends, chosen[i].backends))
			fail_msg("%s: scenarios '%s', relays '%s'", chosen[i].name, scenarios,
				 backends);
		if (set.sweep != !!chosen[i].choice.bursts)
			fail_msg("%s: sweep is %d", chosen[i].name, set.sweep);
	}
}

static const struct {
	const char *name;
	struct bench_choice choice;
	const char *error;
} refused[] = {
	{"no such scenario",
	 {"gro,nonesuch", NULL, NULL, BENCH_ROWS_CLAIMS, 0},
	 "--scenario: there is no 'nonesuch'; --list shows them"},
	{"an empty name",
	 {"gro,", NULL, NULL, BENCH_ROWS_CLAIMS, 0},
	 "--scenario: there is no ''; --list shows them"},
	{"no such relay",
	 {NULL, "mcr,cat", NULL, BENCH_ROWS_CLAIMS, 0},
	 "--backend: 'cat' is none of mcr, mcr-per-packet, recv-send, socat, kernel, mcr-kernel, "
	 "nftables"},
	{"a relay that cannot",
	 {"gro,latency", "mcr,socat", NULL, BENCH_ROWS_CLAIMS, 0},
	 "--backend: no scenario that is measured can use 'socat'"},
	{"a scenario that cannot",
	 {"latency,plain", "socat", NULL, BENCH_ROWS_CLAIMS, 0},
	 "--scenario: none of socat can carry 'latency'"},
	{"a scenario that no relay of the profile can carry",
	 {"latency", NULL, NULL, BENCH_ROWS_CLAIMS, 1u << BENCH_SOCAT},
	 "--scenario: none of the profile's relays can carry 'latency'"},
	{"streams that interleave",
	 {"gro,flows", NULL, "8", BENCH_ROWS_CLAIMS, 0},
	 "--burst: 'flows' has no bursts (64 interleaved streams, GRO off, 200 bytes)"},
	{"a size of its own",
	 {"burst-4", NULL, "8", BENCH_ROWS_CLAIMS, 0},
	 "--burst: 'burst-4' has a size of its own (one stream, GRO on, 1400 bytes, 4 at a time)"},
	{"a trickle",
	 {"latency", NULL, "8", BENCH_ROWS_CLAIMS, 0},
	 "--burst: 'latency' has no bursts (one datagram every millisecond, 1400 bytes)"},
	{"no burst",
	 {"gro", NULL, "0", BENCH_ROWS_CLAIMS, 0},
	 "--burst: '0' is not a number from 1 to 64"},
	{"a burst too large",
	 {"gro", NULL, "8,65", BENCH_ROWS_CLAIMS, 0},
	 "--burst: '65' is not a number from 1 to 64"},
	{"a negative burst",
	 {"gro", NULL, "-1", BENCH_ROWS_CLAIMS, 0},
	 "--burst: '-1' is not a number from 1 to 64"},
	{"a burst with a tail",
	 {"gro", NULL, "8x", BENCH_ROWS_CLAIMS, 0},
	 "--burst: '8x' is not a number from 1 to 64"},
	{"an empty size",
	 {"gro", NULL, "8,,9", BENCH_ROWS_CLAIMS, 0},
	 "--burst: '' is not a number from 1 to 64"},
	{"one size too many",
	 {"gro", NULL, "1,2,3,4,5,6,7,8,9", BENCH_ROWS_CLAIMS, 0},
	 "--burst: more than 8 sizes"},
};

static void test_refused(void **state)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		struct lab_error error = {""};
		static struct bench_set set;
		int ret = bench_set_choose(&set, &refused[i].choice, &error);

		if (ret != -EINVAL)
			fail_msg("%s: returns %d", refused[i].name, ret);
		if (strcmp(error.text, refused[i].error))
			fail_msg("%s: says '%s'", refused[i].name, error.text);
	}
}

static const struct {
	const char *name;
	const char *scenario;
	uint32_t burst;
	double rate_pps;
	uint32_t wanted;
} bursts[] = {
	{"the usual", "gro", 0, 20000, 24},
	{"the usual, slow", "gro", 0, 19999, 1},
	{"asked for", "gro", 8, 1e6, 8},
	{"asked for, slow", "gro", 8, 500, 8},
	{"one at a time", "gro", 1, 1e6, 1},
	{"what 60,000 bytes hold of 1400", "gro", 64, 1e6, 42},
	{"the usual of 8900", "size-8900", 0, 1e6, 6},
	{"what they hold of 8900", "size-8900", 7, 1e6, 6},
	{"small ones all fit", "gro-64", 64, 1e6, 64},
	{"streams that interleave", "flows", 0, 1e6, 1},
	{"a trickle", "latency", 0, 1e6, 1},
};

static void test_bursts(void **state)
{
	for (size_t i = 0; i < sizeof(bursts) / sizeof(*bursts); i++) {
		struct bench_scenario scenario =
			bench_scenarios[bench_scenario_find(bursts[i].scenario)];
		uint32_t burst;

		scenario.burst = bursts[i].burst;
		burst = bench_scenario_burst(&scenario, bursts[i].rate_pps);
		if (burst != bursts[i].wanted)
			fail_msg("%s: %u", bursts[i].name, burst);
	}
}

/* A size that does not fit into a send keeps its name, and its line tells the truth. */
static void test_derived(void **state)
{
	const struct bench_choice choice = {"plain", "mcr", "64", BENCH_ROWS_CLAIMS, 0};
	struct lab_error error = {""};
	static struct bench_set set;

	assert_int_equal(bench_set_choose(&set, &choice, &error), 0);
	assert_string_equal(set.scenarios[0].what, "one stream, GRO off, 1400 bytes, 42 at a time");
	assert_int_equal(set.scenarios[0].burst, 64);
	assert_int_equal(set.scenarios[0].backends, 1u << BENCH_MCR);
	assert_int_equal(bench_set_find(&set, "plain"), -ENOENT);
}

/* Nothing of a name or a line is cut off when a scenario is derived. */
static void test_room(void **state)
{
	for (unsigned i = 0; i < bench_n_scenarios; i++) {
		struct bench_choice choice = {.scenarios = bench_scenarios[i].name, .bursts = "64"};
		struct lab_error error = {""};
		static struct bench_set set;
		size_t name = strlen(bench_scenarios[i].name);

		if (!bench_scenario_has_bursts(&bench_scenarios[i]) || bench_scenarios[i].burst)
			continue;
		assert_int_equal(bench_set_choose(&set, &choice, &error), 0);
		assert_memory_equal(set.scenarios[0].name, bench_scenarios[i].name, name);
		assert_string_equal(set.scenarios[0].name + name, "@64");
		assert_non_null(strstr(set.scenarios[0].what, bench_scenarios[i].what));
		assert_non_null(strstr(set.scenarios[0].what, " at a time"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chosen), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bursts), cmocka_unit_test(test_derived),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
