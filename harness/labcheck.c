// SPDX-License-Identifier: MIT
/* A running relay, checked: what it says of itself. */
#include "harness/labcheck.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void labcheck_fault(struct labcheck_faults *faults, const char *format, ...)
{
	va_list args;

	if (faults->n++ >= LABCHECK_MAX_FAULTS)
		return;
	va_start(args, format);
	vsnprintf(faults->texts[faults->n - 1], LABCHECK_TEXT_SIZE, format, args);
	va_end(args);
}

double labcheck_number(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

const char *labcheck_text(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsString(item) ? item->valuestring : "";
}

/* All counters of an object together. */
static uint64_t sum(const cJSON *object, const char *key)
{
	const cJSON *item;
	uint64_t total = 0;

	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(object, key)) {
		total += (uint64_t)item->valuedouble;
	}
	return total;
}

static void check_input(const cJSON *counters, const char *who, struct labcheck_faults *faults)
{
	uint64_t received = (uint64_t)labcheck_number(counters, "received");
	uint64_t matched = (uint64_t)labcheck_number(counters, "matched");
	uint64_t drops = sum(counters, "drops");

	if (!cJSON_GetObjectItemCaseSensitive(counters, "received"))
		labcheck_fault(faults, "conservation: %s: no counter 'received'", who);
	else if (received != matched + drops)
		labcheck_fault(faults,
			       "conservation: %s: received %" PRIu64 ", but matched %" PRIu64
			       " and dropped %" PRIu64,
			       who, received, matched, drops);
}

static void check_output(const cJSON *rule, const cJSON *output, struct labcheck_faults *faults)
{
	uint64_t matched = (uint64_t)labcheck_number(output, "matched");
	uint64_t sent = (uint64_t)labcheck_number(output, "sent");
	uint64_t drops = sum(output, "send_drops");

	if (matched != sent + drops)
		labcheck_fault(faults,
			       "conservation: rule %s output %s: matched %" PRIu64
			       ", but sent %" PRIu64 " and dropped %" PRIu64,
			       labcheck_text(rule, "rule_id"), labcheck_text(output, "interface"),
			       matched, sent, drops);
}

void labcheck_conservation(const struct labcheck_relay *relay, struct labcheck_faults *faults)
{
	const cJSON *worker;
	const cJSON *rule;
	const cJSON *output;

	check_input(cJSON_GetObjectItemCaseSensitive(relay->stats, "totals"), "totals", faults);
	cJSON_ArrayForEach(worker, cJSON_GetObjectItemCaseSensitive(relay->stats, "workers")) {
		char who[32];

		snprintf(who, sizeof(who), "worker %.0f", labcheck_number(worker, "worker"));
		check_input(worker, who, faults);
	}
	cJSON_ArrayForEach(rule, cJSON_GetObjectItemCaseSensitive(relay->stats, "rules")) {
		cJSON_ArrayForEach(output, cJSON_GetObjectItemCaseSensitive(rule, "outputs")) {
			check_output(rule, output, faults);
		}
	}
}

/* How many rules say that this worker holds them. */
static unsigned int rules_of(const cJSON *rules, int worker)
{
	unsigned int n = 0;
	const cJSON *rule;
	const cJSON *number;

	cJSON_ArrayForEach(rule, rules) {
		cJSON_ArrayForEach(number, cJSON_GetObjectItemCaseSensitive(rule, "workers")) {
			n += number->valueint == worker;
		}
	}
	return n;
}

static void check_worker(const struct labcheck_relay *relay, const cJSON *worker,
			 struct labcheck_faults *faults)
{
	const cJSON *rules = cJSON_GetObjectItemCaseSensitive(relay->rules, "rules");
	double published = labcheck_number(relay->workers, "generation");
	int number = (int)labcheck_number(worker, "worker");
	unsigned int held = (unsigned int)labcheck_number(worker, "rules");

	if (strcmp(labcheck_text(worker, "state"), "running"))
		labcheck_fault(faults, "agreement: worker %d is %s", number,
			       labcheck_text(worker, "state"));
	if (labcheck_number(worker, "generation") != published)
		labcheck_fault(faults, "agreement: worker %d is at generation %.0f of %.0f", number,
			       labcheck_number(worker, "generation"), published);
	if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(worker, "in_sync")))
		labcheck_fault(faults, "agreement: worker %d: hash %s is not that of its rules",
			       number, labcheck_text(worker, "hash"));
	if (held != rules_of(rules, number))
		labcheck_fault(faults, "agreement: worker %d holds %u rules, should hold %u",
			       number, held, rules_of(rules, number));
}

void labcheck_agreement(const struct labcheck_relay *relay, struct labcheck_faults *faults)
{
	const cJSON *workers = cJSON_GetObjectItemCaseSensitive(relay->workers, "workers");
	const cJSON *worker;

	if (cJSON_GetArraySize(workers) == 0)
		labcheck_fault(faults, "agreement: there is no worker");
	if (labcheck_number(relay->rules, "generation") !=
	    labcheck_number(relay->workers, "generation"))
		labcheck_fault(faults, "agreement: rules are at generation %.0f, workers at %.0f",
			       labcheck_number(relay->rules, "generation"),
			       labcheck_number(relay->workers, "generation"));
	cJSON_ArrayForEach(worker, workers) {
		check_worker(relay, worker, faults);
	}
}
