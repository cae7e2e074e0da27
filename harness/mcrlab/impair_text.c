// SPDX-License-Identifier: MIT
/* impair_text.c - parse a percentage and a bit rate */
#include "harness/mcrlab/impair_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/link/impair.h"

#define LEAST_BYTES_PER_S 1000

/* Digits and one point: strtod() alone takes hexadecimal, exponents, nan and spaces, too. */
static const char *read_number(const char *text, double *value)
{
	size_t length = strspn(text, "0123456789.");
	char *end;

	if (!isdigit((unsigned char)*text))
		return NULL;
	*value = strtod(text, &end);
	return end == text + length ? end : NULL;
}

int impair_parse_percent(const char *text, uint32_t *millionths)
{
	double percent;
	const char *unit = read_number(text, &percent);

	if (!unit || percent > 100 || (strcmp(unit, "%") && (*unit || percent > 0)))
		return -EINVAL;
	if (percent > 0 && percent * (IMPAIR_MILLION / 100) < 1)
		return -ERANGE;
	*millionths = (uint32_t)(percent * (IMPAIR_MILLION / 100) + 0.5);
	return 0;
}

int impair_parse_rate(const char *text, uint64_t *bytes_per_s)
{
	static const struct {
		const char *unit;
		double bits;
	} units[] = {{"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {"", 0}};
	double value;
	const char *unit = read_number(text, &value);

	for (size_t i = 0; unit && i < sizeof(units) / sizeof(*units); i++) {
		double bytes = value * units[i].bits / 8;

		if (strcmp(unit, units[i].unit))
			continue;
		if (value > 0 && !(bytes >= LEAST_BYTES_PER_S && bytes <= UINT32_MAX))
			return -EINVAL;
		*bytes_per_s = (uint64_t)bytes;
		return 0;
	}
	return -EINVAL;
}
