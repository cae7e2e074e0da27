// SPDX-License-Identifier: MIT
/* result.c - numbers, warnings and the line of a method's result */
#include "daemon/control/result.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/complaint.h"
#include "core/base/counters.h"
#include "core/text/request.h"
#include "core/text/response.h"
#include "daemon/control/client_state.h"

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

void control_result_drops(cJSON *object, const struct ingress_counters *in)
{
	cJSON *drops = cJSON_AddObjectToObject(object, "drops");

	for (unsigned i = 0; i < DROP_REASONS; i++)
		control_result_u64(drops, drop_reason_name((enum drop_reason)i), in->drops[i]);
}
