// SPDX-License-Identifier: MIT
/*
 * fuzz_harness_check.c - any answers of a relay make the check note faults of one line each
 *
 * The input is three JSON texts, a line each: statistics, rules, workers.
 *
 * Links: harness/check/check.c
 */
#include <string.h>

#include "harness/check/check.h"

#include "tests/fuzz/fuzz.h"

static cJSON *next_line(char **rest)
{
	const char *line = strsep(rest, "\n");

	return line ? cJSON_Parse(line) : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct check_faults faults;
	struct check_relay relay;
	char *text = malloc(size + 1);
	char *rest = text;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	relay.stats = next_line(&rest);
	relay.rules = next_line(&rest);
	relay.workers = next_line(&rest);
	faults.n = 0;
	check_conservation(&relay, &faults);
	check_agreement(&relay, &faults);
	/* Without a worker nothing can agree. */
	MUST(faults.n || relay.workers);
	for (unsigned i = 0; i < faults.n && i < CHECK_MAX_FAULTS; i++) {
		size_t length = strlen(faults.texts[i]);

		MUST(length > 0 && length < CHECK_TEXT_SIZE);
		MUST(!strchr(faults.texts[i], '\n'));
	}
	cJSON_Delete(relay.stats);
	cJSON_Delete(relay.rules);
	cJSON_Delete(relay.workers);
	free(text);
	return 0;
}
