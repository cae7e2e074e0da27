// SPDX-License-Identifier: MIT
/* report_read.c - the fields that the benchmark uses */
#include "harness/traffic/report_read.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct field {
	const char *name;
	void *target; /* double, or uint64_t when whole */
	bool whole;
};

static int read_fields(const cJSON *object, const struct field *fields, size_t n_fields)
{
	for (size_t i = 0; i < n_fields; i++) {
		const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, fields[i].name);

		if (!cJSON_IsNumber(item) || item->valuedouble < 0)
			return -EBADMSG;
		if (fields[i].whole)
			*(uint64_t *)fields[i].target = (uint64_t)item->valuedouble;
		else
			*(double *)fields[i].target = item->valuedouble;
	}
	return 0;
}

static cJSON *parse_last_line(const char *text)
{
	const char *line = text + strlen(text);

	while (line > text && line[-1] == '\n')
		line--;
	while (line > text && line[-1] != '\n')
		line--;
	return cJSON_Parse(line);
}

int report_read_sink(struct report_sink *report, const char *text)
{
	const struct field fields[] = {
		{"received", &report->received, true},
		{"unique", &report->unique, true},
		{"lost", &report->lost, true},
		{"duplicated", &report->duplicated, true},
		{"reordered", &report->reordered, true},
		{"corrupt", &report->corrupt, true},
		{"short", &report->too_short, true},
		{"sink_drops", &report->sink_drops, true},
		{"bytes", &report->bytes, true},
		{"elapsed_s", &report->elapsed_s, false},
		{"pps", &report->pps, false},
		{"longest_gap_ms", &report->longest_gap_ms, false},
	};
	const struct field points[] = {
		{"p50", &report->latency.p50_us, false}, {"p90", &report->latency.p90_us, false},
		{"p99", &report->latency.p99_us, false}, {"p99.9", &report->latency.p999_us, false},
		{"max", &report->latency.max_us, false},
	};
	cJSON *json = parse_last_line(text);
	int ret = read_fields(json, fields, sizeof(fields) / sizeof(*fields));

	if (ret == 0)
		ret = read_fields(cJSON_GetObjectItemCaseSensitive(json, "latency_us"), points,
				  sizeof(points) / sizeof(*points));
	cJSON_Delete(json);
	return ret;
}

int report_read_gen(struct report_gen *report, const char *text)
{
	const struct field fields[] = {
		{"sent", &report->sent, true},   {"send_errors", &report->send_errors, true},
		{"bytes", &report->bytes, true}, {"elapsed_s", &report->elapsed_s, false},
		{"pps", &report->pps, false},
	};
	cJSON *json = parse_last_line(text);
	int ret = read_fields(json, fields, sizeof(fields) / sizeof(*fields));

	cJSON_Delete(json);
	return ret;
}
