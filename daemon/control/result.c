// SPDX-License-Identifier: MIT
/* result.c - numbers, warnings and the line of a method's result */
#include "daemon/control/result.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/complaint.h"
#include "core/base/counters.h"
#include "core/text/request.h"
#include "core/text/response.h"
#include "daemon/control/client_state.h"
#include "daemon/control/sampler.h"

void control_result_u64(struct cJSON *object, const char *name, uint64_t value)
{
	char digits[24];

	/* cJSON's own numbers are doubles, exact to 2^53 only. */
	snprintf(digits, sizeof(digits), "%" PRIu64, value);
	cJSON_AddRawToObject(object, name, digits);
}

bool control_result_warning(void *list, const char *text)
{
	cJSON_AddItemToArray(list, cJSON_CreateString(text));
	return cJSON_GetArraySize(list) < RESULT_WARNINGS_MAX;
}

int control_result_too_long(struct complaint *cpl)
{
	complain(cpl, "",
		 "the answer is longer than %u MiB: ask for it in pages, with \"limit\" and "
		 "\"cursor\"",
		 CLIENT_OUTPUT_MAX >> 20);
	return RPC_LIMIT;
}

char *control_result_line(const cJSON *id, cJSON *result)
{
	char *text = response_result(id, result);
	struct complaint cpl = {0};

	if (!text || strlen(text) <= CLIENT_OUTPUT_MAX)
		return text;
	free(text);
	return response_error(id, control_result_too_long(&cpl), &cpl);
}

void control_result_send_drops(cJSON *object, const struct egress_counters *e, bool all)
{
	cJSON *drops = cJSON_AddObjectToObject(object, "send_drops");

	for (unsigned i = 0; i < SEND_DROPS; i++) {
		if (all || e->drops[i])
			control_result_u64(drops, send_drop_name((enum send_drop)i), e->drops[i]);
	}
}

int64_t control_wall_offset_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * (int64_t)NS_PER_S + t.tv_nsec - (int64_t)monotonic_ns();
}

/* Of a slow stream a tenth counts. */
static void add_rate(cJSON *o, const char *name, uint64_t n, uint64_t ms)
{
	const uint64_t tenths = ms ? n * 10000 / ms : 0;
	char text[32];

	snprintf(text, sizeof(text), tenths % 10 && tenths < 1000 ? "%" PRIu64 ".%u" : "%" PRIu64,
		 tenths / 10, (unsigned)(tenths % 10));
	cJSON_AddRawToObject(o, name, text);
}

static void add_time(cJSON *o, const char *name, uint64_t at_ns, int64_t wall_ns)
{
	if (at_ns)
		control_result_u64(o, name, (uint64_t)((int64_t)at_ns + wall_ns) / NS_PER_MS);
	else
		cJSON_AddNullToObject(o, name);
}

void control_result_sampled(cJSON *object, const struct sampled *s, int64_t wall_ns)
{
	const struct traffic_window *second = &s->rates.second, *minute = &s->rates.minute;

	add_rate(object, "pps", second->packets, second->ms);
	add_rate(object, "bps", second->bytes * 8, second->ms);
	add_rate(object, "pps_minute", minute->packets, minute->ms);
	add_rate(object, "bps_minute", minute->bytes * 8, minute->ms);
	add_time(object, "first_at", s->first_ns, wall_ns);
	add_time(object, "last_at", s->last_ns, wall_ns);
	control_result_u64(object, "longest_gap_ms", s->gap_ns / NS_PER_MS);
}

void control_result_drops(cJSON *object, const struct ingress_counters *in)
{
	cJSON *drops = cJSON_AddObjectToObject(object, "drops");

	for (unsigned i = 0; i < DROP_REASONS; i++)
		control_result_u64(drops, drop_reason_name((enum drop_reason)i), in->drops[i]);
}
