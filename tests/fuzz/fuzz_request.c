// SPDX-License-Identifier: MIT
/*
 * fuzz_request.c - any line gives a request or one complaint, and either can be answered
 *
 * Links: core/request.c core/response.c core/config.c core/complaint.c core/rule.c core/addr.c
 * Links: core/rule_json.c core/json_field.c core/json_text.c core/json_scan.c
 * Links: core/ruleset.c core/ruleset_cycle.c core/wiring.c core/ruleset_ifaces.c
 * Links: core/ruleset_index.c core/slot_pool.c
 */
#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/complaint.h"
#include "core/request.h"
#include "tests/fuzz/fuzz.h"

/* An answer is one line of JSON whatever the client put into its id or its fields. */
static void check_line(char *line)
{
	cJSON *json;

	if (!line || strchr(line, '\n') != line + strlen(line) - 1)
		abort();
	json = cJSON_Parse(line);
	if (!json)
		abort();
	cJSON_Delete(json);
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct complaint c = {0};
	struct request r;
	int ret = request_parse((const char *)data, size, &r, &c);

	if ((ret != 0) != (c.reason[0] != '\0'))
		abort();
	if (ret)
		check_line(response_error(r.id, ret, &c));
	else
		check_line(response_result(r.id, cJSON_CreateObject()));
	if (!ret && r.method == METHOD_ADD_RULE && rule_check(&r.add_rule.rule, NULL) < 0)
		abort();
	request_fini(&r);
	return 0;
}
