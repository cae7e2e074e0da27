// SPDX-License-Identifier: MIT
/* check.c - conservation, and agreement between rules and statistics */
#include "harness/check/check.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MAX_COUNT 9007199254740992.0 /* 2^53: beyond it not every number has a double */

void check_fault(struct check_faults *faults, const char *format, ...)
{
	va_list args;
	char *text;

	if (faults->n++ >= CHECK_MAX_FAULTS)
		return;
	text = faults->texts[faults->n - 1];
	va_start(args, format);
	vsnprintf(text, CHECK_TEXT_SIZE, format, args);
	va_end(args);
	/* A text that quotes the relay must stay one line. */
	for (; *text; text++)
		if (iscntrl((unsigned char)*text))
			*text = '?';
}

double check_number(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

const char *check_text(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsString(item) ? item->valuestring : "";
}

/* The relay is not trusted: a count is not negative, and not more than a double can say. */
static uint64_t as_count(double value)
{
	return value >= 0 && value < MAX_COUNT ? (uint64_t)value : UINT64_MAX;
}

static uint64_t count(const cJSON *object, const char *key)
{
	return as_count(check_number(object, key));
}

/* All counters of an object together. */
static uint64_t sum(const cJSON *object, const char *key)
{
	const cJSON *item;
	uint64_t total = 0;

	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(object, key)) {
		total += as_count(item->valuedouble);
	}
	return total;
}

static void check_input(const cJSON *counters, const char *who, struct check_faults *faults)
{
	uint64_t received = count(counters, "received");
	uint64_t matched = count(counters, "matched");
	uint64_t drops = sum(counters, "drops");

	if (!cJSON_GetObjectItemCaseSensitive(counters, "received"))
		check_fault(faults, "conservation: %s: no counter 'received'", who);
	else if (received != matched + drops)
		check_fault(faults,
			    "conservation: %s: received %" PRIu64 ", but matched %" PRIu64
			    " and dropped %" PRIu64,
			    who, received, matched, drops);
}

static void check_output(const cJSON *rule, const cJSON *output, struct check_faults *faults)
{
	uint64_t matched = count(output, "matched");
	uint64_t sent = count(output, "sent");
	uint64_t drops = sum(output, "send_drops");

	if (matched != sent + drops)
		check_fault(faults,
			    "conservation: rule %s output %s: matched %" PRIu64
			    ", but sent %" PRIu64 " and dropped %" PRIu64,
			    check_text(rule, "rule_id"), check_text(output, "interface"), matched,
			    sent, drops);
}

void check_conservation(const struct check_relay *relay, struct check_faults *faults)
{
	const cJSON *worker;
	const cJSON *rule;
	const cJSON *output;

	check_input(cJSON_GetObjectItemCaseSensitive(relay->stats, "totals"), "totals", faults);
	cJSON_ArrayForEach(worker, cJSON_GetObjectItemCaseSensitive(relay->stats, "workers")) {
		char who[32];

		snprintf(who, sizeof(who), "worker %" PRIu64, count(worker, "worker"));
		check_input(worker, who, faults);
	}
	cJSON_ArrayForEach(rule, cJSON_GetObjectItemCaseSensitive(relay->stats, "rules")) {
		cJSON_ArrayForEach(output, cJSON_GetObjectItemCaseSensitive(rule, "outputs")) {
			check_output(rule, output, faults);
		}
	}
}

/* How many rules say that this worker holds them. */
static unsigned rules_of(const cJSON *rules, uint64_t worker)
{
	unsigned n = 0;
	const cJSON *rule;
	const cJSON *number;

	cJSON_ArrayForEach(rule, rules) {
		cJSON_ArrayForEach(number, cJSON_GetObjectItemCaseSensitive(rule, "workers")) {
			n += as_count(number->valuedouble) == worker;
		}
	}
	return n;
}

static void check_worker(const struct check_relay *relay, const cJSON *worker,
			 struct check_faults *faults)
{
	const cJSON *rules = cJSON_GetObjectItemCaseSensitive(relay->rules, "rules");
	double published = check_number(relay->workers, "generation");
	uint64_t number = count(worker, "worker");
	uint64_t held = count(worker, "rules");

	if (strcmp(check_text(worker, "state"), "running"))
		check_fault(faults, "agreement: worker %" PRIu64 " is %s", number,
			    check_text(worker, "state"));
	if (check_number(worker, "generation") != published)
		check_fault(faults, "agreement: worker %" PRIu64 " is at generation %.0f of %.0f",
			    number, check_number(worker, "generation"), published);
	if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(worker, "in_sync")))
		check_fault(faults,
			    "agreement: worker %" PRIu64 ": hash %s is not that of its rules",
			    number, check_text(worker, "hash"));
	if (held != rules_of(rules, number))
		check_fault(faults,
			    "agreement: worker %" PRIu64 " holds %" PRIu64 " rules, should hold %u",
			    number, held, rules_of(rules, number));
}

void check_agreement(const struct check_relay *relay, struct check_faults *faults)
{
	const cJSON *workers = cJSON_GetObjectItemCaseSensitive(relay->workers, "workers");
	const cJSON *worker;

	if (cJSON_GetArraySize(workers) == 0)
		check_fault(faults, "agreement: there is no worker");
	if (check_number(relay->rules, "generation") != check_number(relay->workers, "generation"))
		check_fault(faults, "agreement: rules are at generation %.0f, workers at %.0f",
			    check_number(relay->rules, "generation"),
			    check_number(relay->workers, "generation"));
	cJSON_ArrayForEach(worker, workers) {
		check_worker(relay, worker, faults);
	}
}
