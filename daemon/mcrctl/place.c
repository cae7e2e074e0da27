// SPDX-License-Identifier: MIT
/* place.c - numbers, addresses and names of a command line */
#include "daemon/mcrctl/place.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/addr.h"
#include "core/base/decimal.h"
#include "core/base/limits.h"
#include "core/text/json_field.h"
#include "daemon/mcrctl/args.h"

bool place_refuse(const struct place *at, const char *what, const char *text, const char *wanted)
{
	if (at->output)
		ctl_usage_error(at->ctl, at->option, "\"%s\": %s \"%s\" is not %s", at->output,
				what, text, wanted);
	else
		ctl_usage_error(at->ctl, at->option, "\"%s\" is not %s", text, wanted);
	return false;
}

bool place_add_number(cJSON *o, const char *name, const struct place *at, const char *text,
		      uint64_t min, uint64_t max)
{
	char wanted[64];
	uint64_t value;

	if (decimal_parse(text, min, max, &value) < 0) {
		snprintf(wanted, sizeof(wanted), "a number from %" PRIu64 " to %" PRIu64, min, max);
		return place_refuse(at, name, text, wanted);
	}
	return cJSON_AddNumberToObject(o, name, (double)value) != NULL;
}

/* Return: false when @text is no such number. */
static bool parse_large(const char *text, uint64_t *value)
{
	static const char units[] = "kMG";
	const size_t len = strlen(text);
	const char *unit = len ? strchr(units, text[len - 1]) : NULL;
	uint64_t factor = 1;
	char digits[32];

	for (const char *u = units; unit && u <= unit; u++)
		factor *= 1000;
	if (len - (unit != NULL) >= sizeof(digits))
		return false;
	snprintf(digits, sizeof(digits), "%.*s", (int)(len - (unit != NULL)), text);
	if (decimal_parse(digits, 0, JSON_INTEGER_MAX / factor, value) < 0)
		return false;
	*value *= factor;
	return true;
}

bool place_add_large(cJSON *o, const char *name, const struct place *at, const char *text)
{
	char wanted[96];
	uint64_t value;

	if (!parse_large(text, &value)) {
		snprintf(wanted, sizeof(wanted),
			 "a number from 0 to %" PRIu64 ", such as 5000, 10k, 2M or 1G",
			 (uint64_t)JSON_INTEGER_MAX);
		return place_refuse(at, name, text, wanted);
	}
	return cJSON_AddNumberToObject(o, name, (double)value) != NULL;
}

bool place_add_address(cJSON *o, const char *name, const struct place *at, const char *text)
{
	struct addr addr;

	if (addr_parse(text, &addr) < 0)
		return place_refuse(at, name, text, "an IPv4 address");
	return cJSON_AddStringToObject(o, name, text) != NULL;
}

bool place_add_interface(cJSON *o, const struct place *at, const char *text)
{
	if (!text[0] || strlen(text) >= MCR_IFNAME_MAX)
		return place_refuse(at, "interface", text,
				    "an interface name (1 to 15 characters)");
	return cJSON_AddStringToObject(o, "interface", text) != NULL;
}
