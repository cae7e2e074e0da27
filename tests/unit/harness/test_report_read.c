// SPDX-License-Identifier: MIT
/*
 * test_report_read.c - reading the reports of the generator and the sink
 *
 * Links: harness/traffic/report_read.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <errno.h>

#include "harness/traffic/report_read.h"

#define SINK_HEAD                                                                          \
	"{\"tool\":\"mcrsink\",\"received\":11,\"unique\":10,\"lost\":3,\"duplicated\":1," \
	"\"reordered\":2,\"corrupt\":4,\"short\":5,\"sink_drops\":6,\"bytes\":15400,"      \
	"\"elapsed_s\":0.5,\"pps\":20.5,\"longest_gap_ms\":1.25,"
#define SINK SINK_HEAD "\"latency_us\":{\"p50\":1,\"p90\":2,\"p99\":3,\"p99.9\":4.5,\"max\":9}}"

static void test_sink(void **state)
{
	struct report_sink report;

	assert_int_equal(report_read_sink(&report, "{\"t_s\":1,\"received\":7}\n" SINK "\n"), 0);
	assert_int_equal(report.received, 11);
	assert_int_equal(report.unique, 10);
	assert_int_equal(report.lost, 3);
	assert_int_equal(report.duplicated, 1);
	assert_int_equal(report.reordered, 2);
	assert_int_equal(report.corrupt, 4);
	assert_int_equal(report.too_short, 5);
	assert_int_equal(report.sink_drops, 6);
	assert_int_equal(report.bytes, 15400);
	assert_true(report.elapsed_s == 0.5 && report.pps == 20.5 && report.longest_gap_ms == 1.25);
	assert_true(report.latency.p50_us == 1 && report.latency.p90_us == 2 &&
		    report.latency.p99_us == 3 && report.latency.p999_us == 4.5 &&
		    report.latency.max_us == 9);
}

static void test_gen(void **state)
{
	struct report_gen report;

	assert_int_equal(report_read_gen(&report, "{\"sent\":5,\"send_errors\":1,\"bytes\":7000,"
						  "\"elapsed_s\":2.5,\"pps\":2}"),
			 0);
	assert_int_equal(report.sent, 5);
	assert_int_equal(report.send_errors, 1);
	assert_int_equal(report.bytes, 7000);
	assert_true(report.elapsed_s == 2.5 && report.pps == 2);
}

static void test_not_a_report(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"mcrsink: something went wrong\n",
		"{}",
		"[]",
		SINK_HEAD "\"latency_us\":{\"p50\":1}}",
		SINK_HEAD "\"latency_us\":null}",
		SINK "\ntrailing words",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct report_sink sink;
		struct report_gen gen;

		if (report_read_sink(&sink, texts[i]) != -EBADMSG ||
		    report_read_gen(&gen, texts[i]) != -EBADMSG)
			fail_msg("text %zu is taken for a report", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sink),
		cmocka_unit_test(test_gen),
		cmocka_unit_test(test_not_a_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
