// SPDX-License-Identifier: MIT
/*
 * test_check.c - the check of a relay notices every wrong figure, and trusts no answer
 *
 * Links: harness/check/check.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "harness/check/check.h"

#define STATS                                                                                    \
	"{\"totals\": {\"received\": 10, \"matched\": 7, \"drops\": {\"a\": 2, \"b\": 1}}, "     \
	"\"workers\": [{\"worker\": 0, \"received\": 10, \"matched\": 7, \"drops\": {\"a\": "    \
	"3}}], "                                                                                 \
	"\"rules\": [{\"rule_id\": \"r\", \"outputs\": [{\"interface\": \"e\", \"matched\": 7, " \
	"\"sent\": 5, \"send_drops\": {\"x\": 2}}]}]}"
#define RULES "{\"generation\": 3, \"rules\": [{\"workers\": [0]}, {\"workers\": [0, 1]}]}"
#define WORKER                                                                           \
	"{\"worker\": 0, \"state\": \"running\", \"generation\": 3, \"in_sync\": true, " \
	"\"rules\": 2}"
#define WORKERS(list) "{\"generation\": 3, \"workers\": [" list "]}"

static const struct {
	const char *name;
	const char *stats;
	const char *rules;
	const char *workers;
	unsigned n;
	const char *first;
} cases[] = {
	{"all in order", STATS, RULES, WORKERS(WORKER), 0, ""},
	{"nothing at all", "{}", "{}", "{}", 2, "conservation: totals: no counter 'received'"},
	{"other types throughout", "{\"totals\": 5, \"workers\": \"w\", \"rules\": {\"a\": []}}",
	 "{\"generation\": \"3\", \"rules\": 1}", "{\"generation\": [], \"workers\": {}}", 2,
	 "conservation: totals: no counter 'received'"},
	{"a counter that is a text",
	 "{\"totals\": {\"received\": \"10\", \"matched\": 1, \"drops\": {}}}", RULES,
	 WORKERS(WORKER), 1, "conservation: totals: received 0, but matched 1 and dropped 0"},
	{"a negative counter", "{\"totals\": {\"received\": -1, \"matched\": 1}}", RULES,
	 WORKERS(WORKER), 1,
	 "conservation: totals: received 18446744073709551615, but matched 1 and dropped 0"},
	{"a counter beyond all",
	 "{\"totals\": {\"received\": 0, \"matched\": 0, \"drops\": {\"a\": 1e999}}}", RULES,
	 WORKERS(WORKER), 1,
	 "conservation: totals: received 0, but matched 0 and dropped 18446744073709551615"},
	{"a worker out of step", STATS, RULES,
	 WORKERS("{\"worker\": 0, \"state\": \"running\", \"generation\": 2, \"in_sync\": true, "
		 "\"rules\": 2}"),
	 1, "agreement: worker 0 is at generation 2 of 3"},
	{"a worker with an impossible number", STATS, RULES,
	 WORKERS("{\"worker\": -7e300, \"state\": \"running\", \"generation\": 3, "
		 "\"in_sync\": true, \"rules\": 1}"),
	 1, "agreement: worker 18446744073709551615 holds 1 rules, should hold 0"},
	{"too few rules", STATS, RULES,
	 WORKERS("{\"worker\": 1, \"state\": \"running\", \"generation\": 3, \"in_sync\": true, "
		 "\"rules\": 0}"),
	 1, "agreement: worker 1 holds 0 rules, should hold 1"},
	{"a state of two lines", STATS, RULES,
	 WORKERS("{\"worker\": 0, \"state\": \"a\\nb\", \"generation\": 3, \"in_sync\": true, "
		 "\"rules\": 2}"),
	 1, "agreement: worker 0 is a?b"},
};

static void check(const char *stats, const char *rules, const char *workers,
		  struct check_faults *faults)
{
	struct check_relay relay = {
		.stats = cJSON_Parse(stats),
		.rules = cJSON_Parse(rules),
		.workers = cJSON_Parse(workers),
	};

	assert_true(relay.stats && relay.rules && relay.workers);
	faults->n = 0;
	check_conservation(&relay, faults);
	check_agreement(&relay, faults);
	cJSON_Delete(relay.stats);
	cJSON_Delete(relay.rules);
	cJSON_Delete(relay.workers);
}

static void test_table(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		static struct check_faults faults;
		const char *first = "";

		check(cases[i].stats, cases[i].rules, cases[i].workers, &faults);
		if (faults.n)
			first = faults.texts[0];
		if (faults.n != cases[i].n || strcmp(first, cases[i].first))
			fail_msg("%s: %u faults, the first '%s'; should be %u, '%s'", cases[i].name,
				 faults.n, first, cases[i].n, cases[i].first);
	}
}

/* More faults than there is room for are counted, and a long one is cut. */
static void test_many(void **state)
{
	static struct check_faults faults;
	char *text = malloc(1000);

	assert_non_null(text);
	memset(text, 'x', 999);
	text[999] = '\0';
	faults.n = 0;
	for (unsigned i = 0; i < CHECK_MAX_FAULTS + 5; i++)
		check_fault(&faults, "%u %s", i, text);
	assert_int_equal(faults.n, CHECK_MAX_FAULTS + 5);
	assert_int_equal(strlen(faults.texts[CHECK_MAX_FAULTS - 1]), CHECK_TEXT_SIZE - 1);
	assert_memory_equal(faults.texts[0], "0 xxx", 5);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
