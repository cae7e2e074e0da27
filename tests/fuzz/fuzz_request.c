// SPDX-License-Identifier: MIT
/*
 * fuzz_request.c - any line gives a request or one complaint, and either can be answered
 *
 * Links: core/text/request.c core/text/response.c core/text/config.c core/base/complaint.c
 * Links: core/rules/rule.c core/base/addr.c
 * Links: core/text/rule_json.c core/text/json_field.c core/text/json_text.c
 * Links: core/text/json_scan.c
 * Links: core/rules/ruleset.c core/rules/ruleset_cycle.c core/rules/wiring.c
 * Links: core/rules/ruleset_ifaces.c
 * Links: core/rules/ruleset_index.c core/rules/slot_pool.c
 */
#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/complaint.h"
#include "core/text/request.h"
#include "core/text/response.h"
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
