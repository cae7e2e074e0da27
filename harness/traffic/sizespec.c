// SPDX-License-Identifier: MIT
/* sizespec.c - parse a list of sizes, and say which is next */
#include "harness/traffic/sizespec.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/decimal.h"
#include "harness/traffic/payload.h"

#define IMIX "imix"

static int read_size(const char **text, uint32_t *size)
{
	uint64_t value = 0;
	int ret = decimal_read(*text, PAYLOAD_MAX_BYTES, &value, text);

	*size = (uint32_t)value;
	return ret;
}

static int read_range(const char **text, struct sizespec_range *range)
{
	int ret = read_size(text, &range->low);

	if (ret < 0)
		return ret;
	range->high = range->low;
	if (**text != '-')
		return 0;
	(*text)++;
	ret = read_size(text, &range->high);
	if (ret < 0)
		return ret;
	return range->high < range->low ? -ERANGE : 0;
}

static int add_range(struct sizespec *spec, struct sizespec_range range)
{
	if (spec->n_ranges == SIZESPEC_MAX_ITEMS)
		return -ERANGE;
	spec->ranges[spec->n_ranges++] = range;
	spec->period += range.high - range.low + 1;
	if (range.low < spec->min_bytes)
		spec->min_bytes = range.low;
	if (range.high > spec->max_bytes)
		spec->max_bytes = range.high;
	return 0;
}

static int add_imix(struct sizespec *spec)
{
	static const uint32_t bytes[] = {36, 548, 36, 36, 548, 36, 1472, 36, 548, 36, 548, 36};
	int ret = 0;

	for (size_t i = 0; !ret && i < sizeof(bytes) / sizeof(*bytes); i++)
		ret = add_range(spec, (struct sizespec_range){bytes[i], bytes[i]});
	return ret;
}

int sizespec_parse(struct sizespec *spec, const char *text)
{
	*spec = (struct sizespec){.min_bytes = UINT32_MAX};
	for (;;) {
		struct sizespec_range range;
		int ret;

		if (!strncmp(text, IMIX, strlen(IMIX))) {
			text += strlen(IMIX);
			ret = add_imix(spec);
		} else {
			ret = read_range(&text, &range);
			if (ret == 0)
				ret = add_range(spec, range);
		}
		if (ret < 0)
			return ret;
		if (*text == '\0')
			return 0;
		if (*text++ != ',')
			return -EINVAL;
	}
}

uint32_t sizespec_at(const struct sizespec *spec, uint64_t index)
{
	uint64_t left;

	if (spec->period == 1)
		return spec->ranges[0].low;
	left = index % spec->period;
	for (unsigned i = 0; i < spec->n_ranges; i++) {
		uint32_t n = spec->ranges[i].high - spec->ranges[i].low + 1;

		if (left < n)
			return spec->ranges[i].low + (uint32_t)left;
		left -= n;
	}
	return spec->max_bytes;
}
