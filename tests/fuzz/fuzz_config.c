// SPDX-License-Identifier: MIT
/*
 * fuzz_config.c - any text gives a configuration that survives writing and reading, or a
 * complaint with a place inside the text
 *
 * Links: core/text/config_check.c
 * Links: core/text/config.c core/text/config_write.c core/base/complaint.c core/rules/rule.c
 * Links: core/base/addr.c
 * Links: core/text/rule_json.c core/text/json_field.c core/text/json_text.c
 * Links: core/text/json_scan.c
 * Links: core/rules/ruleset.c core/rules/ruleset_cycle.c core/rules/wiring.c
 * Links: core/rules/ruleset_ifaces.c
 * Links: core/rules/ruleset_index.c core/rules/slot_pool.c
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/complaint.h"
#include "core/text/config.h"
#include "core/text/config_check.h"
#include "core/text/config_write.h"
#include "core/text/json_text.h"
#include "tests/fuzz/fuzz.h"

static void check_place(const char *text, size_t size, const struct complaint *c)
{
	unsigned lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	if (!c->reason[0] || c->line < 1 || c->line > lines || c->column < 1 ||
	    c->column > size + 1)
		abort();
}

static void check_round_trip(const struct config *config)
{
	char *text = config_format(config), *again;
	struct config second;

	if (!text || config_parse(text, strlen(text), &second, NULL) < 0)
		abort();
	again = config_format(&second);
	if (!again || strcmp(text, again) != 0 || second.n_rules != config->n_rules ||
	    second.n_ifaces != config->n_ifaces)
		abort();
	config_fini(&second);
	free(text);
	free(again);
}

/* cJSON must accept what the scanner accepts and is no duplicate. */
static void check_dialects(const char *text, size_t size)
{
	struct complaint c = {0};
	cJSON *json = NULL;
	int ret = json_text_parse(text, size, JSON_STRICT, &json, &c);

	if (ret != 0 && ret != -EINVAL)
		abort();
	if (!ret) {
		cJSON_Delete(json);
		json = NULL;
		if (json_text_parse(text, size, JSON_RELAXED, &json, &c) != 0)
			abort();
	}
	cJSON_Delete(json);
}

static void count_error(void *ctx, const struct complaint *c)
{
	if (!c->reason[0])
		abort();
	++*(unsigned *)ctx;
}

/* There are errors exactly where config_parse() finds one. */
static void check_all_errors(const char *text, size_t size, bool good)
{
	struct config config;
	unsigned told = 0;
	const unsigned n = config_check(text, size, count_error, &told, &config);

	if (n != told || good != (n == 0))
		abort();
	config_fini(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct complaint c = {0};
	struct config config;
	int ret = config_parse(text, size, &config, &c);

	if (ret == 0)
		check_round_trip(&config);
	else if (ret == -EINVAL)
		check_place(text, size, &c);
	else if (ret != -E2BIG)
		abort(); /* cJSON refused what the scanner let through, or memory ran out */
	config_fini(&config);
	check_dialects(text, size);
	check_all_errors(text, size, ret == 0);
	return 0;
}
