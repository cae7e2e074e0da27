// SPDX-License-Identifier: MIT
/* impair_text.c - parse a percentage and a bit rate */
#include "harness/mcrlab/impair_text.h"

#include <errno.h>
#include <string.h>

#include "harness/base/decimal.h"
#include "harness/link/impair.h"

#define LEAST_BYTES_PER_S 1000

int impair_parse_percent(const char *text, uint32_t *millionths)
{
	const char *unit;
	double percent;

	if (decimal_fraction(text, &percent, &unit) < 0 || percent > 100 ||
	    (strcmp(unit, "%") && (*unit || percent > 0)))
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
	const char *unit;
	double value;

	if (decimal_fraction(text, &value, &unit) < 0)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
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
